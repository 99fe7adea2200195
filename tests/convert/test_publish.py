"""Publishing replaces all files of a model, or none."""

import os
import stat
from pathlib import Path

import pytest

from convert.publish import check_target, model_path, publish, read_previous
from edge.errors import ConfigError

OLD = {"net.tflite": b"old model", "net.json": b"old manifest"}


@pytest.fixture
def folder(tmp_path):
    """A folder with a published model."""
    for name, content in OLD.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def contents(folder):
    """All files in a folder, hidden ones included."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def new_files(folder):
    """A new version of the model, with a card that was not there before."""
    return {folder / "net.tflite": b"new model", folder / "net.json": b"new manifest", folder / "net.md": b"new card"}


def test_all_files_are_replaced_and_nothing_else_is_left(folder):
    """Publishing writes the new content, leaves no temporary file, and gives the file mode that the umask allows."""
    publish(new_files(folder))
    assert contents(folder) == {"net.tflite": b"new model", "net.json": b"new manifest", "net.md": b"new card"}
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((folder / "net.tflite").stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize("blocked", ["net.tflite", "net.json", "net.md"])
def test_a_file_that_cannot_be_replaced_leaves_the_old_ones(tmp_path, blocked):
    """If one of three files cannot be replaced, the others are restored byte for byte."""
    (tmp_path / blocked).mkdir()
    for name, content in OLD.items():
        if name != blocked:
            (tmp_path / name).write_bytes(content)
    before = contents(tmp_path)
    with pytest.raises(ConfigError, match="the old one stays"):
        publish(new_files(tmp_path))
    assert contents(tmp_path) == before


def test_a_full_disk_leaves_the_old_ones(folder, monkeypatch):
    """A full disk leaves the old files, because nothing is renamed before everything is written."""

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("convert.publish.os.fsync", full)
    with pytest.raises(ConfigError, match="No space left on device"):
        publish(new_files(folder))
    assert contents(folder) == OLD


def test_ctrl_c_between_two_renames_puts_the_old_model_back(folder, monkeypatch):
    """Ctrl-C after the model's rename and before the manifest's restores both old files."""
    rename = Path.replace
    done = []

    def interrupt(self, target):
        if Path(target).name == "net.json" and not done:
            done.append(target)
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        publish(new_files(folder))
    assert contents(folder) == OLD


@pytest.mark.parametrize("name", ["", "../net", "a/b", ".hidden", "net\n", "net name"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path, name):
    """A name that is not a plain file name is refused, so nothing is written outside the folder."""
    with pytest.raises(ConfigError, match="expected a model name"):
        check_target(tmp_path, name)


def test_a_missing_folder_is_made_before_the_work(tmp_path):
    """The check makes a missing folder and leaves no trial file in it."""
    check_target(tmp_path / "models", "net.v2")
    assert list((tmp_path / "models").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    """A file in place of the folder is refused, and the message names it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file: expected a folder that can be written"):
        check_target(tmp_path / "file", "net")


def test_a_read_only_folder_is_named(tmp_path, monkeypatch):
    """A read-only folder is refused; the error is simulated, since root, who runs tests in a container, may write."""

    def refuse(*_arguments, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(ConfigError, match=r"expected a folder that can be written, found: Permission denied"):
        check_target(tmp_path, "net")


def test_int8_has_the_plain_file_name(tmp_path):
    """An int8 model is NAME.tflite, and a model of another precision has the precision in its name."""
    assert model_path(tmp_path, "net", "int8") == tmp_path / "net.tflite"
    assert model_path(tmp_path, "net", "float16") == tmp_path / "net.float16.tflite"


def test_a_manifest_that_cannot_be_read_counts_as_none(folder, caplog):
    """A damaged manifest of the model published before is ignored with a warning, and a missing one without."""
    assert read_previous(folder / "net.tflite") is None
    assert "net.json" in caplog.text
    caplog.clear()
    assert read_previous(folder / "other.tflite") is None
    assert not caplog.text
