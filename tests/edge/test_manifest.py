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


def test_a_missing_manifest_is_named(model):
    manifest_path(model).unlink()
    with pytest.raises(ModelError, match="expected the manifest"):
        read_model(model)


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        read_model(tmp_path / "none.tflite")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"schema_version": 99}, "schema_version"),
        ({"labels": ["happy", "bored"]}, "bored"),
        ({"sha256": "abc"}, "sha256"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_manifest_of_another_kind_is_refused(model, fields, words):
    """Another schema, unknown emotions, a hash that is none, a key that nobody knows."""
    change(model, **fields)
    with pytest.raises(ModelError, match=words):
        read_model(model)


def test_a_manifest_that_is_no_json(model):
    manifest_path(model).write_bytes(b"\xff not json")
    with pytest.raises(ModelError, match="no manifest"):
        read_model(model)
