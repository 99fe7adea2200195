"""Model and manifest belong together, or are refused."""

import json
import shutil

import pytest

from edge.errors import ModelError
from edge.manifest import manifest_path, read_manifest, read_model, write_manifest
from edge.run import SHIPPED_MODEL


@pytest.fixture
def model(tmp_path):
    """A copy of the model that ships, to be damaged."""
    copy = tmp_path / SHIPPED_MODEL.name
    shutil.copy(SHIPPED_MODEL, copy)
    shutil.copy(manifest_path(SHIPPED_MODEL), manifest_path(copy))
    return copy


ACCURACY = json.loads(manifest_path(SHIPPED_MODEL).read_text())["accuracy"][0]


def change(model, **fields):
    path = manifest_path(model)
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_written_and_read_again(model, tmp_path):
    """What is written is what is read."""
    manifest = read_manifest(model)
    write_manifest(manifest, tmp_path / "again.json")
    assert read_manifest(tmp_path / "again.tflite") == manifest


def test_shipped_model_belongs_to_its_manifest():
    """The repository's own pair fits."""
    content, manifest = read_model(SHIPPED_MODEL)
    assert len(content) == manifest.size_bytes


def test_a_replaced_model_is_refused(model):
    """One changed byte breaks the hash."""
    content = bytearray(model.read_bytes())
    content[-1] ^= 1
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
    manifest_path(model).unlink()
    with pytest.raises(ModelError, match="expected the manifest"):
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
        ({"accuracy": [ACCURACY | {"model_accuracy": 66.9}]}, r"accuracy\[0\]\.model_accuracy"),
        ({"accuracy": [ACCURACY | {"agreement": -0.1}]}, r"accuracy\[0\]\.agreement"),
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
