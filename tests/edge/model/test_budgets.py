"""Small files that unpack to gigabytes, and files without an end, are refused in one line and without the memory."""

import os
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from edge.errors import ConfigError, ModelError
from edge.model import zip_attachments
from edge.model.bundled import BUNDLED_MODEL
from edge.model.manifest import MANIFEST, MAX_MODEL_BYTES, read_manifest, read_model
from edge.settings.load import read_settings

BOMB_BYTES = 200 << 20
PEAK_BYTES = 60 << 20
"""Memory that the tests allow: far less than what a bomb holds."""


@pytest.fixture
def peak():
    """Return a function that tells the highest memory of Python's objects since the test began, bytes."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def test_a_manifest_that_unpacks_to_much_is_refused(tmp_path, peak):
    """The manifest is read before any hash is checked, so a deflate bomb would fill the memory."""
    model = tmp_path / "bomb.tflite"
    model.write_bytes(zip_attachments.detach(BUNDLED_MODEL.read_bytes(), MANIFEST)[0])
    with zipfile.ZipFile(model, "a", zipfile.ZIP_DEFLATED) as archive, archive.open(MANIFEST, "w") as file:
        for _ in range(BOMB_BYTES >> 20):
            file.write(b" " * (1 << 20))
    assert model.stat().st_size < 2 << 20
    with pytest.raises(ModelError, match=r"expected manifest\.json of at most 1 MB in the model, found a larger one"):
        read_model(model)
    assert peak() < PEAK_BYTES


def test_a_model_that_is_too_large_is_refused(tmp_path):
    """A file may be sparse, and look larger than the memory."""
    model = tmp_path / "large.tflite"
    model.touch()
    os.truncate(model, MAX_MODEL_BYTES + 1)
    with pytest.raises(ModelError, match="the model cannot be read: expected at most 268 MB, found more"):
        read_model(model)


def test_files_without_an_end_are_refused(peak):
    """A manifest or a file of settings that is a device ends in one line."""
    with pytest.raises(ModelError, match="the manifest cannot be read: expected at most 1 MB, found more"):
        read_manifest(Path("/dev/zero"))
    with pytest.raises(ConfigError, match="expected a readable TOML file, found: expected at most 1 MB, found more"):
        read_settings(Path("/dev/zero"))
    assert peak() < PEAK_BYTES
