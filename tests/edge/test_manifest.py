"""Model and manifest belong together, or are refused."""

import json
import shutil
import zipfile

import numpy as np
import pytest

from edge.attachments import attach
from edge.errors import LabelError, ModelError
from edge.manifest import (
    MANIFEST,
    InputSpec,
    Manifest,
    TensorSpec,
    manifest_bytes,
    manifest_path,
    model_bytes,
    read_model,
    sha256_of,
)
from edge.shipped import SHIPPED_MODEL
from edge.vision.interpreter import open_interpreter


@pytest.fixture
def model(tmp_path):
    """A copy of the model that ships, to be damaged."""
    copy = tmp_path / SHIPPED_MODEL.name
    shutil.copy(SHIPPED_MODEL, copy)
    shutil.copy(manifest_path(SHIPPED_MODEL), manifest_path(copy))
    return copy


@pytest.fixture
def lone(model):
    """The same model with its manifest inside, and none beside it."""
    flatbuffer, manifest = read_model(model)
    model.write_bytes(model_bytes(flatbuffer, manifest))
    manifest_path(model).unlink()
    return model


FIGURES = json.loads(manifest_path(SHIPPED_MODEL).read_text())["figures"][0]


def change(model, **fields):
    path = manifest_path(model)
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_written_and_read_again(model):
    """What is written is what is read."""
    _, manifest = read_model(model)
    manifest_path(model).write_bytes(manifest_bytes(manifest))
    assert read_model(model)[1] == manifest


def test_shipped_model_belongs_to_its_manifest():
    """The repository's own pair fits."""
    flatbuffer, manifest = read_model(SHIPPED_MODEL)
    assert len(flatbuffer) == manifest.size_bytes


def test_a_manifest_by_hand_needs_few_facts(model):
    """Who brings a .tflite of another project says what goes in, what comes out, and which file is meant."""
    flatbuffer, shipped = read_model(model)
    wanted = ("name", "precision", "labels", "input_tensor", "output_tensor", "sha256", "size_bytes")
    few = {"schema_version": 2} | {name: json.loads(manifest_bytes(shipped))[name] for name in wanted}
    manifest_path(model).write_text(json.dumps(few))
    assert read_model(model) == (flatbuffer, Manifest(**{name: getattr(shipped, name) for name in wanted}))


def test_a_lone_file_says_the_same(lone):
    """The manifest inside is the one that stood beside; the flatbuffer is given without it, byte for byte."""
    assert read_model(lone) == read_model(SHIPPED_MODEL)


def test_a_lone_file_is_a_model_to_the_interpreter_and_an_archive_to_zip(lone, interpreter_package):
    """The interpreter opens the whole file, others' tools find the labels, and no clock has a say in the bytes."""
    interpreter, _ = open_interpreter(lone.read_bytes(), package=interpreter_package)
    interpreter.invoke()
    with zipfile.ZipFile(lone) as archive:
        assert archive.testzip() is None
        assert {file.date_time for file in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.read("labels.txt").decode().splitlines() == list(read_model(lone)[1].labels)


def test_a_manifest_beside_the_file_leads(lone):
    """Who changes the framing changes the file beside; it has to belong to the model all the same."""
    flatbuffer, manifest = read_model(lone)
    manifest_path(lone).write_bytes(manifest_bytes(manifest).replace(b'"edge_small"', b'"mine"'))
    assert read_model(lone)[1].name == "mine"
    manifest_path(lone).write_bytes(manifest_bytes(manifest).replace(sha256_of(flatbuffer).encode(), b"0" * 64))
    with pytest.raises(ModelError, match=r"expected sha256 000000000000… as in edge_small\.json"):
        read_model(lone)


def test_a_lone_file_whose_flatbuffer_was_changed_is_refused(lone):
    """One bit in the model, none in the archive."""
    content = bytearray(lone.read_bytes())
    content[1000] ^= 1
    lone.write_bytes(content)
    with pytest.raises(ModelError, match=r"as in edge_small\.tflite, manifest\.json, found .* damaged"):
        read_model(lone)


def test_a_damaged_archive_is_one_line(lone):
    """Whatever byte of the archive is hit, the file is refused or still says the same."""
    sound, expected = lone.read_bytes(), read_model(lone)
    rng = np.random.default_rng(0)
    refused = 0
    for place in rng.integers(len(expected[0]), len(sound), 100):
        content = bytearray(sound)
        content[place] ^= 1 << rng.integers(8)
        lone.write_bytes(content)
        try:
            assert read_model(lone) == expected
        except ModelError as error:
            refused += "\n" not in str(error)
    assert refused > 80


def test_an_archive_of_others_is_no_manifest(lone):
    """TFLite's own tools attach labels alone; what is missing is then named, and both places."""
    lone.write_bytes(attach(read_model(lone)[0], {"labels.txt": b"happy\n"}))
    with pytest.raises(ModelError, match=r"expected its manifest inside or in edge_small\.json beside it"):
        read_model(lone)


def test_a_manifest_inside_that_is_none_is_named(lone):
    lone.write_bytes(attach(read_model(lone)[0], {MANIFEST: b"{}"}))
    with pytest.raises(ModelError, match=r"manifest\.json: this is no manifest of schema 2"):
        read_model(lone)


def test_a_replaced_model_is_refused(model):
    """One changed byte breaks the hash."""
    content = bytearray(model.read_bytes())
    content[1000] ^= 1
    model.write_bytes(content)
    with pytest.raises(ModelError, match="expected sha256"):
        read_model(model)


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_truncated_model_is_refused(model, share):
    """Before any interpreter sees it: tflite-runtime would crash on it."""
    content = model.read_bytes()
    model.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelError, match="damaged"):
        read_model(model)


def test_a_missing_manifest_is_named(model):
    """Of a bare flatbuffer nobody can tell what its answers mean."""
    model.write_bytes(read_model(model)[0])
    manifest_path(model).unlink()
    with pytest.raises(ModelError, match="expected its manifest inside or in"):
        read_model(model)


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        read_model(tmp_path / "none.tflite")


def test_a_manifest_that_cannot_be_read_is_named(model):
    """A folder in its place."""
    manifest_path(model).unlink()
    manifest_path(model).mkdir()
    with pytest.raises(ModelError, match=r"edge_small\.json: the manifest cannot be read"):
        read_model(model)


def test_a_model_that_cannot_be_read_is_named(tmp_path):
    """A folder in its place."""
    with pytest.raises(ModelError, match="the model cannot be read"):
        read_model(tmp_path)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"schema_version": 99}, "schema_version"),
        ({"labels": ["happy", "bored"]}, "bored"),
        ({"sha256": "abc"}, r"regex.*`\$\.sha256`"),
        ({"surprise": 1}, "surprise"),
        ({"size_bytes": 0}, "size_bytes"),
        ({"input": {"size": 8}}, r"input\.size"),
        ({"input": {"size": 300}}, r"input\.size"),
        ({"framing": {"scale": 0.0}}, r"framing\.scale"),
        ({"framing": {"scale": 3.1}}, r"framing\.scale"),
        ({"framing": {"shift_y": -1.1}}, r"framing\.shift_y"),
        ({"framing": {"shift_y": 1.1}}, r"framing\.shift_y"),
        ({"input_tensor": {"dtype": "int16", "scale": 0.1, "zero_point": 0}}, r"input_tensor\.dtype"),
        ({"output_tensor": {"dtype": "int8", "scale": -0.1, "zero_point": 0}}, r"output_tensor\.scale"),
        ({"schema_version": 1}, "schema_version"),
        ({"precision": "int4"}, "precision"),
        ({"class_set": 5}, "expected the labels of class set 5"),
        ({"input": {"value_range": [1.0, -1.0]}}, "rises from black to white"),
        ({"temperature": 0.0}, "temperature"),
        ({"figures": [FIGURES | {"model_accuracy": 66.9}]}, r"figures\[0\]\.model_accuracy"),
        ({"figures": [FIGURES | {"agreement": -0.1}]}, r"figures\[0\]\.agreement"),
    ],
)
def test_a_manifest_of_another_kind_is_refused(model, fields, words):
    """Another schema, unknown emotions, a hash that is none, a key that nobody knows, a number out of its range."""
    change(model, **fields)
    with pytest.raises(ModelError, match=words):
        read_model(model)


@pytest.mark.parametrize("content", [b"", b"\xff not json", b'{"name": "\xff"}'])
def test_a_manifest_that_is_no_json(model, content):
    """Empty, of other bytes, or with a name that is no text."""
    manifest_path(model).write_bytes(content)
    with pytest.raises(ModelError, match="no manifest"):
        read_model(model)


def test_wrong_facts_are_refused_when_they_are_put_together():
    """Not only when they are read: a conversion cannot write what no runtime would take."""
    end = TensorSpec("int8", 0.1, 0)
    with pytest.raises(LabelError, match="bored"):
        Manifest(
            name="net", precision="int8", labels=("happy", "bored"), input_tensor=end, output_tensor=end,
            sha256="0" * 64, size_bytes=1,
        )  # fmt: skip
    with pytest.raises(ValueError, match="rises from black to white"):
        InputSpec(value_range=(0.0, 0.0))
