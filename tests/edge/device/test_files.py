"""Small system files are read, or are None if they cannot be; a file is replaced as a whole, or stays as it was."""

import pytest

from edge.device.files import atomic_write, read_int, read_text, sync_folder


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"Raspberry Pi 5 Model B\0", "Raspberry Pi 5 Model B"),
        (b"one\ntwo\n", "one\ntwo"),
        (b"\n", ""),
        (b"\xff1\n", "�1"),
    ],
    ids=["NUL at the end", "two lines", "empty line", "not UTF-8"],
)
def test_text_is_stripped(tmp_path, content, text):
    """NULs and newlines around the text are removed, and bytes that are not UTF-8 are replaced."""
    path = tmp_path / "file"
    path.write_bytes(content)
    assert read_text(path) == text


def test_missing_file_is_none(tmp_path):
    """A file that is not there, and a folder in its place, give None."""
    for path in (tmp_path / "none", tmp_path):
        assert read_text(path) is None
        assert read_int(path) is None


@pytest.mark.parametrize(
    ("text", "base", "number"), [("42\n", 10, 42), ("50005\n", 16, 0x50005), ("busy", 10, None), ("", 10, None)]
)
def test_integer_is_read_in_its_base(tmp_path, text, base, number):
    """A decimal or hexadecimal number is read; any other text gives None."""
    path = tmp_path / "file"
    path.write_text(text)
    assert read_int(path, base) == number


def test_file_is_replaced_when_the_block_ends(tmp_path):
    """Until the block ends the old content can be read; then the new one, and no other file is left."""
    path = tmp_path / "net.weights.h5"
    path.write_bytes(b"old")
    with atomic_write(path) as temporary:
        temporary.write_bytes(b"new")
        assert path.read_bytes() == b"old"
        assert temporary.parent == path.parent
        assert temporary.name.endswith(path.name)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_file_stays_when_the_block_raises(tmp_path):
    """An error, or Ctrl-C, in the middle of writing leaves the old content and no temporary file."""
    path = tmp_path / "run.json"
    path.write_bytes(b"old")
    replacing = atomic_write(path)
    replacing.__enter__().write_bytes(b"ne")
    assert len(list(tmp_path.iterdir())) == 2
    assert replacing.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None) is False
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_block_that_writes_nothing_is_an_error(tmp_path):
    """Without a temporary file there is nothing to replace the old one with."""
    path = tmp_path / "run.json"
    path.write_bytes(b"old")
    with pytest.raises(FileNotFoundError), atomic_write(path):
        pass
    assert path.read_bytes() == b"old"


def test_error_of_a_folder_that_is_a_file_is_the_writers(tmp_path):
    """Removing the temporary file fails as well there, and does not hide why writing failed."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError) as caught, atomic_write(tmp_path / "file" / "run.json") as temporary:
        temporary.write_bytes(b"new")
    assert caught.value.filename == str(temporary)
    assert caught.value.__context__ is None


def test_folder_is_synced_or_an_error(tmp_path):
    """A folder on a disk can be synced; a missing one raises."""
    sync_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "none")
