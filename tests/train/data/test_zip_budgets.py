"""Whatever ZIP archive is read, a list of files without an end and other ways of packing are refused in one line."""

import re
import tracemalloc
import zipfile

import pytest

from edge.errors import EdgeError
from edge.model.manifest import MANIFEST, read_model
from train.checkpoint import load_checkpoint
from train.data.face_file import read_face_file
from train.data.fer2013 import read_table

MB = 1 << 20

READERS = {
    "a table": ("fer2013.zip", "fer2013.csv", read_table),
    "a face set": ("faces.npz", "faces.npy", read_face_file),
    "a Keras file": ("net.keras", "config.json", load_checkpoint),
    "a model": ("net.tflite", MANIFEST, read_model),
}


@pytest.fixture(params=READERS.values(), ids=READERS)
def reader(request, tmp_path):
    """The path of an archive, the name of a file in it, and the function that reads it."""
    name, member, read = request.param
    return tmp_path / name, member, read


def test_a_list_of_files_without_an_end_is_refused(reader):
    """60,000 files without content take no space when they are unpacked, but their list does while it is read."""
    path, member, read = reader
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, b"")
        for number in range(60_000):
            archive.writestr(f"{number:040}", b"")
    tracemalloc.start()
    try:
        with pytest.raises(EdgeError) as caught:
            read(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert "at most 4 MB" in str(caught.value) or path.suffix == ".tflite", caught.value
    assert peak < 20 * MB + 2 * path.stat().st_size * (path.suffix == ".tflite")


def test_another_way_of_packing_is_refused(reader):
    """LZMA takes as much memory as the archive asks for."""
    path, member, read = reader
    path.write_bytes(b"\0\0\0\0TFL3" if path.suffix == ".tflite" else b"")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_LZMA) as archive:
        archive.writestr(member, b"{}")
    with pytest.raises(EdgeError, match=f"expected {re.escape(member)} stored or deflated, found it packed otherwise"):
        read(path)
