"""The cache of decoded faces is never stale, and its failures never fail a run."""

import os
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest

from train.data.cache import FOLDER_VARIABLE, cache_folder, cached
from train.data.raw import RawFaces

BROKEN = ("one.jpg: broken, ümlaut",)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Path of a cache folder that only this test uses; it does not exist yet."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def table(tmp_path):
    """A file from which `Reader` makes faces: their gray is its first byte."""
    path = tmp_path / "table"
    path.write_bytes(b"1234")
    return path


class Reader:
    """Makes faces from the table's first byte, and counts how often it does."""

    def __init__(self, table: Path) -> None:
        self.table = table
        self.reads = 0

    def faces(self) -> RawFaces:
        self.reads += 1
        gray = self.table.read_bytes()[0]
        numbers = np.arange(3)
        return RawFaces(np.full((3, 48, 48), gray, dtype=np.uint8), numbers, numbers + 1, numbers + 2, BROKEN)

    def gray(self) -> int:
        """Read through the cache; return the gray of the faces."""
        return int(cached(self.table, [self.table], self.faces).pixels[0, 0, 0])


def test_second_read_comes_from_the_cache(folder, table):
    """A second call returns equal faces without calling the reader."""
    reader = Reader(table)
    first, second = (cached(table, [table], reader.faces) for _ in range(2))
    assert reader.reads == 1
    for name in ("pixels", "codes", "splits", "rows"):
        assert np.array_equal(getattr(first, name), getattr(second, name))
        assert getattr(first, name).dtype == getattr(second, name).dtype
    assert second.broken == BROKEN
    assert len(list(folder.iterdir())) == 1


def test_changed_file_is_read_again(folder, table):
    """A file with another size or time invalidates the cache; so does a replaced file with the same size and time."""
    reader = Reader(table)
    assert reader.gray() == ord("1")
    table.write_bytes(b"22345")
    assert reader.gray() == ord("2")
    before = table.stat()
    table.write_bytes(b"32345")
    os.utime(table, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert reader.gray() == ord("3")
    before = table.stat()
    twin = table.with_name("twin")
    twin.write_bytes(b"42345")
    while True:  # until the file system's clock, which ticks every few milliseconds, has moved on
        os.utime(twin, ns=(before.st_atime_ns, before.st_mtime_ns))
        if twin.stat().st_ctime_ns != before.st_ctime_ns:
            break
    twin.replace(table)
    assert reader.gray() == ord("4")
    assert len(list(folder.iterdir())) == 1, "entries of older versions are deleted"


@pytest.mark.usefixtures("folder")
def test_another_list_of_files_is_read_again(table):
    """A removed image, or a renamed folder, invalidates the cached faces of a tree."""
    folder = table.with_name("happy")
    folder.mkdir()
    images = [Path(shutil.copy(table, folder / name)) for name in ("1", "2")]
    renamed = table.with_name("sad")
    reader = Reader(table)
    cached(table, images, reader.faces)
    cached(table, images[:1], reader.faces)
    assert reader.reads == 2
    folder.rename(renamed)
    cached(table, [renamed / "1"], reader.faces)
    assert reader.reads == 3


def damage_end(path):
    path.write_bytes(path.read_bytes()[:-100])


def damage_middle(path):
    content = bytearray(path.read_bytes())
    content[2000] ^= 1
    path.write_bytes(content)


def damage_all(path):
    path.write_bytes(b"")


def damage_fields(path):
    np.savez(path, pixels=np.zeros(3))


@pytest.mark.parametrize("damage", [damage_end, damage_middle, damage_all, damage_fields])
def test_damaged_entry_is_read_again_and_replaced(folder, table, damage):
    """A truncated, corrupted, empty or foreign cache entry is detected, and replaced by a sound one."""
    reader = Reader(table)
    reader.gray()
    damage(next(folder.iterdir()))
    assert (reader.gray(), reader.reads) == (ord("1"), 2)
    assert (reader.gray(), reader.reads) == (ord("1"), 2)


def test_unwritable_folder_does_not_fail_the_read(folder, table):
    """Faces are decoded even if a file is in the place of the cache folder."""
    folder.write_text("in the way")
    assert Reader(table).gray() == ord("1")


def test_full_disk_leaves_no_partial_entry(folder, table):
    """When the disk is full (simulated by a file size limit), the faces are read and no partial file remains."""
    resource = pytest.importorskip("resource", reason="only Unix has resource limits")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        gray = Reader(table).gray()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert gray == ord("1")
    assert list(folder.iterdir()) == []


def test_missing_file_is_left_to_the_reader(folder, table):
    """A file that vanished after it was listed is no error of the cache, and nothing is cached."""
    reader = Reader(table)
    cached(table, [table, table.with_name("gone")], reader.faces)
    assert reader.reads == 1
    assert not folder.exists()


def test_cache_folder(monkeypatch, tmp_path):
    """The environment variable names the folder or turns the cache off; the default is the user's cache folder."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv(FOLDER_VARIABLE, "")
    assert cache_folder() is None
    monkeypatch.delenv(FOLDER_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "edge-emotion"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "edge-emotion"


def test_empty_variable_turns_the_cache_off(table, monkeypatch):
    """With an empty environment variable every call reads the files."""
    monkeypatch.setenv(FOLDER_VARIABLE, "")
    reader = Reader(table)
    assert (reader.gray(), reader.gray(), reader.reads) == (ord("1"), ord("1"), 2)


def test_entries_are_private_to_the_user(folder, table):
    """Other users of the machine cannot read the cached faces of people."""
    Reader(table).gray()
    assert stat.S_IMODE(next(folder.iterdir()).stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR
