"""Small data sets that unpack to gigabytes are refused in one line, and without the memory."""

import io
import lzma
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from edge.errors import MediaError
from train.data import table_file
from train.data.face_file import read_face_file
from train.data.fer2013 import read_table
from train.data.npz import UnreadableArraysError, read_arrays
from train.data.photographs import list_photographs

HEAD = b"emotion,pixels\n"
MB = 1 << 20


def packed_row(size):
    """Return a .xz with one row of so many bytes; a hundred thousandth of that on the disk."""
    packer = lzma.LZMACompressor()
    return (
        packer.compress(HEAD) + b"".join(packer.compress(b"0 " * (MB // 2)) for _ in range(size // MB)) + packer.flush()
    )


TABLES = {
    "a row without an end": (".xz", packed_row(300 * MB), "rows of at most 64 kB, found one of .* kB or more"),
    "columns without an end": ("", HEAD + b"," * 30_000 + b"\n", "at most 100 columns, found 30001"),
    "a quote without an end": ("", HEAD + b'3,"0 0\n' + b"0\n" * 1000, "quotes that end in their row"),
}


@pytest.mark.parametrize(("kind", "content", "message"), TABLES.values(), ids=TABLES)
def test_a_table_that_is_none_of_faces_is_refused(tmp_path, kind, content, message):
    """Rows, columns and the whole have a limit; none of them is held in memory before it is checked."""
    path = tmp_path / f"fer2013.csv{kind}"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(MediaError, match=f"expected a table of faces, found .*: expected {message}"):
            read_table(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 32 * MB


@pytest.mark.parametrize(("kind", "pack"), [("", bytes), (".xz", lzma.compress)])
def test_a_table_without_an_end_is_refused(tmp_path, monkeypatch, kind, pack):
    """What counts is the size that it unpacks to."""
    monkeypatch.setattr(table_file, "MAX_TABLE_BYTES", MB)
    path = tmp_path / f"fer2013.csv{kind}"
    path.write_bytes(pack(HEAD + b"3,0\n" * (MB // 2)))
    with pytest.raises(MediaError, match=r"expected a table of at most 0\.0 GB, found 0\.0 GB or more"):
        read_table(path)


def test_a_table_that_needs_much_memory_to_unpack_is_refused(tmp_path, monkeypatch):
    """A .xz names the memory that unpacking it takes, up to 4 GB."""
    monkeypatch.setattr(table_file, "_XZ_MEMORY_BYTES", MB)
    path = tmp_path / "fer2013.csv.xz"
    path.write_bytes(lzma.compress(HEAD, preset=9))
    with pytest.raises(MediaError, match="Memory usage limit exceeded"):
        read_table(path)


def test_xz_streams_follow_each_other(tmp_path):
    """Several streams with padding between them are one table, as the command xz makes it from several files."""
    face = " ".join(["7"] * 2304)
    path = tmp_path / "fer2013.csv.xz"
    streams = [lzma.compress(part.encode()) for part in ("emotion,pixels\n", f"3,{face}\n", f"4,{face}\n")]
    path.write_bytes(b"\0\0\0\0".join(streams))
    assert read_table(path).codes.tolist() == [3, 4]


def header(shape, dtype="|u1"):
    """Return the header of an array, without its numbers."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


ARRAYS = {
    "more than it holds": (header("(100000000000, 48, 48)"), r"faces\.npy of \(100000000000, 48, 48\) uint8 in"),
    "elements of any size": (header("(2,)", "<U100000000"), r"faces\.npy of \(2,\) <U100000000 in"),
    "elements of no size": (header("(9000000000000000000,)", "|V0"), r"faces\.npy of"),
    "another version": (b"\x93NUMPY\x03\x00" + header("(1,)")[8:], r"faces\.npy in version 3 of its format"),
}


@pytest.mark.parametrize(("content", "message"), ARRAYS.values(), ids=ARRAYS)
def test_an_array_that_promises_more_than_its_file_is_refused(tmp_path, content, message):
    """Numpy would take the memory for the whole array before it reads its first number."""
    path = tmp_path / "faces.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("faces.npy", content)
        archive.writestr("label.npy", content)
    with pytest.raises(MediaError, match=f"expected a face set .*, found {message}"):
        read_face_file(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_arrays_packed_in_another_way_are_refused(tmp_path, method):
    array = io.BytesIO()
    np.save(array, np.zeros(3))
    with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as archive:
        archive.writestr("a.npy", array.getvalue())
    with pytest.raises(UnreadableArraysError, match=r"expected a\.npy stored or deflated"):
        read_arrays(tmp_path / "a.npz", ["a"], most_bytes=MB)


def test_arrays_have_a_limit_together(tmp_path):
    """Each of three arrays is small enough, and all of them are not."""
    np.savez_compressed(tmp_path / "a.npz", **{name: np.zeros(MB, np.uint8) for name in "abc"})
    assert read_arrays(tmp_path / "a.npz", ["a", "b"], most_bytes=3 * MB).keys() == {"a", "b"}
    with pytest.raises(UnreadableArraysError, match=r"arrays of 0\.0 GB, more than 0\.0 GB"):
        read_arrays(tmp_path / "a.npz", ["a", "b", "c"], most_bytes=3 * MB)


def test_a_table_of_labels_without_an_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("train.data.photographs.MAX_TABLE_BYTES", MB)
    (tmp_path / "labels.csv").write_bytes(b"name,label\n" + b"x" * (2 * MB))
    with pytest.raises(MediaError, match="expected at most 1 MB, found more"):
        list_photographs(tmp_path, tmp_path / "labels.csv", None)
