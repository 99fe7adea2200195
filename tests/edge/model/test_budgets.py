"""Small files that unpack to gigabytes, and files without an end, are refused in one line and without the memory."""

import io
import os
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from edge.errors import MAX_TEXT, ConfigError, ModelError
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
    with pytest.raises(ModelError, match=r"expected manifest\.json of at most 1 MB, found a larger one"):
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


def test_an_archive_with_a_long_list_of_files_is_refused(tmp_path, peak):
    """Python takes ten times the size of the list, whose entries need not have any content."""
    model = tmp_path / "list.tflite"
    with zipfile.ZipFile(model, "w") as archive:
        archive.writestr(MANIFEST, "{}")
        for number in range(60_000):
            archive.writestr(f"{number:040}", "")
    entries = model.stat().st_size
    assert entries > zip_attachments.MAX_ARCHIVE_BYTES
    content = model.read_bytes()
    tracemalloc.reset_peak()
    with pytest.raises(ValueError, match=r"archive of attached files cannot be read: .*(at most 4 MB|Bad|Truncated)"):
        zip_attachments.detach(content, MANIFEST)
    assert peak() < PEAK_BYTES + 2 * entries


def test_a_manifest_packed_in_another_way_is_refused():
    """An archive may ask for 4 GB to unpack what LZMA has packed."""
    model = io.BytesIO(b"\0\0\0\0TFL3")
    with zipfile.ZipFile(model, "a", zipfile.ZIP_LZMA) as archive:
        archive.writestr(MANIFEST, "{}")
    with pytest.raises(ValueError, match=r"expected manifest\.json stored or deflated, found it packed otherwise"):
        zip_attachments.detach(model.getvalue(), MANIFEST)


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 5000, "{a=" * 5000, "0x" + "f" * 5000])
def test_values_without_an_end_are_refused(tmp_path, value):
    """Numbers with too many digits and tables nested without end are refused in one line."""
    path = tmp_path / "edge.toml"
    path.write_text(f"[source]\nfps = {value}\n")
    with pytest.raises(ConfigError, match=r"edge\.toml: (this is no TOML|source\.fps): "):
        read_settings(path)


def test_a_key_of_many_parts_is_refused_at_once(tmp_path):
    """A key of 1 MB would take half an hour to read, since the time grows with the square of its parts."""
    path = tmp_path / "edge.toml"
    path.write_text("profile = 'light'\n" + ".".join("a" * 20_000) + " = 1\n")
    began_s = time.process_time()
    with pytest.raises(ConfigError, match="expected at most 200 dots in a line, found 19999 in line 2"):
        read_settings(path)
    assert time.process_time() - began_s < 1.0


def test_a_value_without_an_end_is_not_repeated(tmp_path):
    """The message about a value of a megabyte is a short line, and takes no time."""
    path = tmp_path / "edge.toml"
    path.write_text(f'profile = "{"a.b://" * 150_000}"\n'.replace(".", "+"))
    began_s = time.process_time()
    with pytest.raises(ConfigError) as caught:
        read_settings(path)
    assert len(str(caught.value)) < 1.5 * MAX_TEXT
    assert time.process_time() - began_s < 5.0
