"""Decoded faces that are kept between runs: never stale, never in the way."""

import os
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest

from train.cache import FOLDER_VARIABLE, cache_folder, cached
from train.labelled import LabelledFaces

BROKEN = ("one.jpg: broken, ümlaut",)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache of this test's own."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def table(tmp_path):
    """A file to read faces from; its content tells them."""
    path = tmp_path / "table"
    path.write_bytes(b"1234")
    return path


class Reader:
    """Reads the table as faces whose grey is its first byte, and counts how often."""

    def __init__(self, table: Path) -> None:
        self.table = table
        self.reads = 0

    def faces(self) -> LabelledFaces:
        self.reads += 1
        grey = self.table.read_bytes()[0]
        numbers = np.arange(3)
        return LabelledFaces(np.full((3, 48, 48), grey, dtype=np.uint8), numbers, numbers + 1, numbers + 2, BROKEN)

    def grey(self) -> int:
        """Read through the cache, and return what the faces show."""
        return int(cached(self.table, [self.table], self.faces).pixels[0, 0, 0])


def test_the_second_start_reads_nothing(folder, table):
    """The faces come back as they were, in every part."""
    reader = Reader(table)
    first, second = (cached(table, [table], reader.faces) for _ in range(2))
    assert reader.reads == 1
    for name in ("pixels", "codes", "splits", "rows"):
        assert np.array_equal(getattr(first, name), getattr(second, name))
        assert getattr(first, name).dtype == getattr(second, name).dtype
    assert second.broken == BROKEN
    assert len(list(folder.iterdir())) == 1


def test_a_changed_file_is_read_anew(folder, table):
    """With another size; with another time; and with both as before, as a copy that keeps dates makes it."""
    reader = Reader(table)
    assert reader.grey() == ord("1")
    table.write_bytes(b"22345")
    assert reader.grey() == ord("2")
    table.write_bytes(b"32345")
    assert reader.grey() == ord("3")
    state = table.stat()
    twin = table.with_name("twin")
    twin.write_bytes(b"42345")
    os.utime(twin, ns=(state.st_atime_ns, state.st_mtime_ns))
    twin.replace(table)
    assert reader.grey() == ord("4")
    assert len(list(folder.iterdir())) == 1, "what is kept of older files goes"


@pytest.mark.usefixtures("folder")
def test_another_list_of_files_is_read_anew(table):
    """A picture that came or went, or whose folder was given another emotion's name."""
    folder = table.with_name("happy")
    folder.mkdir()
    pictures = [Path(shutil.copy(table, folder / name)) for name in ("1", "2")]
    renamed = table.with_name("sad")
    reader = Reader(table)
    cached(table, pictures, reader.faces)
    cached(table, pictures[:1], reader.faces)
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
def test_a_damaged_cache_is_read_anew(folder, table, damage):
    """Cut short, with one bit turned, empty, or of another kind: what is kept is checked, and then mended."""
    reader = Reader(table)
    reader.grey()
    damage(next(folder.iterdir()))
    assert (reader.grey(), reader.reads) == (ord("1"), 2)
    assert (reader.grey(), reader.reads) == (ord("1"), 2)


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(folder, table):
    """A file stands where the folder should be: the faces are read all the same."""
    folder.write_text("in the way")
    assert Reader(table).grey() == ord("1")


def test_a_full_disk_leaves_nothing_behind(folder, table):
    """A file size limit stands in for the disk."""
    resource = pytest.importorskip("resource", reason="limits of a process are a Unix matter")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        grey = Reader(table).grey()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert grey == ord("1")
    assert list(folder.iterdir()) == []


def test_a_missing_file_is_left_to_its_reader(folder, table):
    """A picture that went after it was listed is no error of the cache, and nothing is kept."""
    reader = Reader(table)
    cached(table, [table, table.with_name("gone")], reader.faces)
    assert reader.reads == 1
    assert not folder.exists()


def test_where_faces_are_kept(monkeypatch, tmp_path):
    """The variable's folder, nowhere if it is empty, else the user's own."""
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


def test_nothing_is_kept_where_none_is_wanted(table, monkeypatch):
    """An empty variable reads every time."""
    monkeypatch.setenv(FOLDER_VARIABLE, "")
    reader = Reader(table)
    assert (reader.grey(), reader.grey(), reader.reads) == (ord("1"), ord("1"), 2)


def test_what_is_kept_is_the_users_alone(folder, table):
    """Faces of people are not for the machine's other users."""
    Reader(table).grey()
    assert stat.S_IMODE(next(folder.iterdir()).stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR
