"""A model and its manifest are read together, and refused if they do not belong together."""

import json
import shutil
import zipfile

import msgspec
import numpy as np
import pytest
from samples import EVERYDAY

from edge.errors import LabelError, ModelError
from edge.labels import EMOTIONS
from edge.model.bundled import BUNDLED_MODEL, model_path
from edge.model.interpreter import open_interpreter
from edge.model.manifest import (
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
from edge.model.zip_attachments import attach


@pytest.fixture
def model(tmp_path):
    """A copy of the bundled model that a test can damage."""
    copy = tmp_path / BUNDLED_MODEL.name
    shutil.copy(BUNDLED_MODEL, copy)
    shutil.copy(manifest_path(BUNDLED_MODEL), manifest_path(copy))
    return copy


@pytest.fixture
def lone(model):
    """The same model with its manifest inside, and no manifest file."""
    flatbuffer, manifest = read_model(model)
    model.write_bytes(model_bytes(flatbuffer, manifest))
    manifest_path(model).unlink()
    return model


FIGURES = json.loads(manifest_path(BUNDLED_MODEL).read_text())["figures"][0]

PRIOR = dict.fromkeys(EMOTIONS, 0.1) | {"neutral": 0.4}


def change(model, **fields):
    path = manifest_path(model)
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_manifest_is_written_and_read(model):
    """A written manifest equals the original when it is read."""
    _, manifest = read_model(model)
    manifest_path(model).write_bytes(manifest_bytes(manifest))
    assert read_model(model)[1] == manifest


def test_bundled_model_belongs_to_its_manifest():
    """The bundled model and its manifest fit each other."""
    flatbuffer, manifest = read_model(BUNDLED_MODEL)
    assert len(flatbuffer) == manifest.size_bytes


@pytest.mark.parametrize("name", ["edge_small", "edge_accurate"])
def test_bundled_files_are_as_they_would_be_written_today(name):
    """A new key of the manifest is in the bundled files too, so that `make convert` restores them byte for byte."""
    path = model_path(name)
    flatbuffer, manifest = read_model(path)
    assert manifest_path(path).read_bytes() == manifest_bytes(manifest)
    assert path.read_bytes() == model_bytes(flatbuffer, manifest)


def test_manifest_written_by_hand_needs_few_keys(model):
    """A manifest for another project's .tflite needs name, precision, labels, both tensors, hash and size only."""
    flatbuffer, complete = read_model(model)
    wanted = ("name", "precision", "labels", "input_tensor", "output_tensor", "sha256", "size_bytes")
    few = {"schema_version": 2} | {name: json.loads(manifest_bytes(complete))[name] for name in wanted}
    manifest_path(model).write_text(json.dumps(few))
    assert read_model(model) == (flatbuffer, Manifest(**{name: getattr(complete, name) for name in wanted}))


def test_attached_manifest_equals_the_file(lone):
    """A model without a manifest file is read with the attached manifest, and the flatbuffer is unchanged."""
    assert read_model(lone) == read_model(BUNDLED_MODEL)


def test_model_with_attachments_is_a_model_and_an_archive(lone, interpreter_package):
    """The interpreter opens the whole file, ZIP tools find the labels, and the bytes do not depend on the time."""
    interpreter, _ = open_interpreter(lone.read_bytes(), package=interpreter_package)
    interpreter.invoke()
    with zipfile.ZipFile(lone) as archive:
        assert archive.testzip() is None
        assert {file.date_time for file in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.read("labels.txt").decode().splitlines() == list(read_model(lone)[1].labels)


def test_manifest_file_comes_before_the_attached_one(lone):
    """A manifest file, which a user can edit, replaces the attached one, and must belong to the model as well."""
    flatbuffer, manifest = read_model(lone)
    manifest_path(lone).write_bytes(manifest_bytes(manifest).replace(b'"edge_small"', b'"mine"'))
    assert read_model(lone)[1].name == "mine"
    manifest_path(lone).write_bytes(manifest_bytes(manifest).replace(sha256_of(flatbuffer).encode(), b"0" * 64))
    with pytest.raises(ModelError, match=r"expected sha256 000000000000… as in edge_small\.json"):
        read_model(lone)


def test_changed_flatbuffer_with_an_attached_manifest_is_refused(lone):
    """One changed bit of the flatbuffer is found by the hash in the attached manifest."""
    content = bytearray(lone.read_bytes())
    content[1000] ^= 1
    lone.write_bytes(content)
    with pytest.raises(ModelError, match=r"as in edge_small\.tflite, manifest\.json, found .* damaged"):
        read_model(lone)


def test_damaged_archive_is_refused(lone):
    """With any bit of the archive changed, the file is refused in one line or its content is still the same."""
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


def test_archive_without_a_manifest_is_refused(lone):
    """A model to which other tools attached labels alone is refused, and the error names both places to look."""
    lone.write_bytes(attach(read_model(lone)[0], {"labels.txt": b"happy\n"}))
    with pytest.raises(ModelError, match=r"expected its manifest inside it or in edge_small\.json"):
        read_model(lone)


def test_invalid_attached_manifest_is_refused(lone):
    """The error names the attached file and the expected schema."""
    lone.write_bytes(attach(read_model(lone)[0], {MANIFEST: b"{}"}))
    with pytest.raises(ModelError, match=r"manifest\.json: expected a manifest of schema 2"):
        read_model(lone)


def test_changed_model_is_refused(model):
    """One changed bit is found by the hash in the manifest."""
    content = bytearray(model.read_bytes())
    content[1000] ^= 1
    model.write_bytes(content)
    with pytest.raises(ModelError, match="expected sha256"):
        read_model(model)


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_truncated_model_is_refused(model, share):
    """A truncated model, which would crash tflite-runtime, never reaches an interpreter."""
    content = model.read_bytes()
    model.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelError, match="damaged"):
        read_model(model)


def test_missing_manifest_is_an_error(model):
    """A model without any manifest is refused, because the meaning of its output is unknown."""
    model.write_bytes(read_model(model)[0])
    manifest_path(model).unlink()
    with pytest.raises(
        ModelError, match=r"expected its manifest inside it or in .*`python -m convert`.*docs/manifest\.md"
    ):
        read_model(model)


def test_missing_model_is_an_error(tmp_path):
    """The error says that there is no such file."""
    with pytest.raises(ModelError, match="no such file"):
        read_model(tmp_path / "none.tflite")


def test_unreadable_manifest_is_an_error(model):
    """A folder in place of the manifest gives an error that names it."""
    manifest_path(model).unlink()
    manifest_path(model).mkdir()
    with pytest.raises(ModelError, match=r"edge_small\.json: the manifest cannot be read"):
        read_model(model)


def test_unreadable_model_is_an_error(tmp_path):
    """A folder in place of the model gives an error."""
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
        ({"training_prior": {"bored": 1.0}}, "unknown emotion 'bored'"),
        ({"training_prior": {"happy": 1.0}}, "expected a training_prior for the labels angry, .* found one for happy"),
        ({"training_prior": PRIOR | {"angry": -0.1}}, "training_prior"),
        ({"training_prior": PRIOR | {"angry": 0.0}}, "shares above 0 that sum to 1, found angry 0, disgust 0.1"),
        ({"training_prior": PRIOR | {"angry": 0.5}}, "shares above 0 that sum to 1, found angry 0.5, disgust 0.1"),
        ({"training_prior": 0.5}, "training_prior"),
        ({"figures": [FIGURES | {"model_accuracy": 66.9}]}, r"figures\[0\]\.model_accuracy"),
        ({"figures": [FIGURES | {"agreement": -0.1}]}, r"figures\[0\]\.agreement"),
    ],
)
def test_invalid_manifest_is_refused(model, fields, words):
    """Another schema, unknown emotions or keys, an invalid hash and a number out of its range are named."""
    change(model, **fields)
    with pytest.raises(ModelError, match=words):
        read_model(model)


def test_training_prior_may_be_rounded(model):
    """Shares that sum to nearly 1 are read as they stand."""
    change(model, training_prior=PRIOR | {"neutral": 0.395})
    assert read_model(model)[1].training_prior == PRIOR | {"neutral": 0.395}


@pytest.mark.parametrize("content", [b"", b"\xff not json", b'{"name": "\xff"}', b'{"name":' * 100_000], ids=range(4))
def test_manifest_that_is_not_json_is_refused(model, content):
    """An empty file, other bytes, and text that is not UTF-8 are refused."""
    manifest_path(model).write_bytes(content)
    with pytest.raises(ModelError, match="expected a manifest of schema"):
        read_model(model)


def test_invalid_manifest_cannot_be_created():
    """Values are validated when a manifest is created as well, so a conversion cannot write an invalid one."""
    end = TensorSpec("int8", 0.1, 0)
    with pytest.raises(LabelError, match="bored"):
        Manifest(
            name="net", precision="int8", labels=("happy", "bored"), input_tensor=end, output_tensor=end,
            sha256="0" * 64, size_bytes=1,
        )  # fmt: skip
    with pytest.raises(ValueError, match="rises from black to white"):
        InputSpec(value_range=(0.0, 0.0))


def test_how_often_labels_are_right_comes_from_the_everyday_measurement():
    """Labels that were never predicted are absent, as all are if it was not measured; the first everyday row counts."""
    plain = msgspec.structs.replace(read_model(BUNDLED_MODEL)[1], measurements=())
    assert (plain.everyday, plain.right_percent(EMOTIONS)) == (None, {})
    others = [
        msgspec.structs.replace(EVERYDAY, **other) for other in ({"kind": "labels"}, {"precision": {"happy": 0.1}})
    ]
    measured = msgspec.structs.replace(plain, measurements=(others[0], EVERYDAY, others[1]))
    assert measured.everyday == EVERYDAY
    assert measured.right_percent(EMOTIONS) == {"angry": 0, "happy": 97, "sad": 50}
    assert measured.right_percent(("happy", "neutral")) == {"happy": 97}
