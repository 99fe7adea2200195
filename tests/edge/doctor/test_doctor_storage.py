"""The doctor names what keeps the log from being written, and makes no file while it looks."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

BLOCK = 4096
MACHINE = Path("/")


def file_system(*, free_mb, inodes=1000, read_only=False):
    """Return an answer of statvfs."""
    flags = os.ST_RDONLY if read_only else 0
    free = free_mb * (1 << 20) // BLOCK
    answer = os.statvfs_result((BLOCK, BLOCK, free * 2, free, free, 1000, inodes, inodes, flags, 255))
    return lambda _: answer


def test_there_is_room(find):
    """On this machine's own disk."""
    assert find("space").status in {"ok", "warning"}


@pytest.mark.parametrize(
    ("facts", "status", "words", "remedy"),
    [
        ({"free_mb": 500}, "ok", "500 MB free", ""),
        ({"free_mb": 40}, "warning", "found 40 MB", "du -xh"),
        ({"free_mb": 0}, "failed", "found 0 MB", "du -xh"),
        ({"free_mb": 500, "inodes": 0}, "failed", "no inode free", "du -xh"),
        ({"free_mb": 500, "read_only": True}, "failed", "read-only", "sudo mount -o remount,rw /"),
    ],
)
def test_a_disk_without_room_is_named(find, facts, status, words, remedy):
    """Nearly full, full, without room for another file, or mounted read-only as after a card's fault."""
    found = find("space", statvfs=file_system(**facts))
    assert found.status == status
    assert words in found.text
    assert remedy in found.remedy


def test_a_full_disk_that_is_outlived_is_a_warning(find, config):
    """With `log.on_error`, as in the service's own settings: it would run."""
    settings = config('[log]\non_error = "retry"\n')
    for facts in ({"free_mb": 0}, {"free_mb": 0, "inodes": 0}):
        assert find("space", config=settings, statvfs=file_system(**facts)).status == "warning"


def test_a_log_that_can_be_made(find, config, tmp_path):
    """In a folder that is not there yet; looking does not make it."""
    path = tmp_path / "logs" / "readings.jsonl"
    tmp_path.chmod(0o777)
    found = find("log", config=config(f'[log]\npath = "{path}"\n'), root=MACHINE)
    assert (found.status, found.text) == ("ok", f"{path}: will be made")
    assert not path.parent.exists()


def test_a_log_that_is_there(find, config, tmp_path):
    """Its size is told."""
    path = tmp_path / "readings.jsonl"
    path.write_bytes(bytes(1_500_000))
    path.chmod(0o666)
    found = find("log", config=config(f'[log]\npath = "{path}"\n'), root=MACHINE)
    assert (found.status, found.text) == ("ok", f"{path}: 1.5 MB so far")


@pytest.mark.parametrize(
    ("make", "words", "remedy"),
    [
        (lambda path: path.mkdir(), "found a folder", "set log.path"),
        (lambda path: (path.touch(), path.chmod(0o644)), "that somebody may write", "sudo chown somebody"),
        (lambda path: path.parent.chmod(0o755), "that somebody may write", "set log.path"),
        (lambda path: (path.parent.rmdir(), path.parent.touch()), "found a file", "set log.path"),
    ],
)
def test_a_log_that_cannot_be_written_is_named(find, config, tmp_path, make, words, remedy):
    """A folder in its place, a file or a folder of somebody else's, a file in the folder's place."""
    path = tmp_path / "logs" / "readings.jsonl"
    path.parent.mkdir()
    make(path)
    found = find("log", config=config(f'[log]\npath = "{path}"\n'), root=MACHINE)
    assert found.status == "failed"
    assert words in found.text
    assert remedy in found.remedy


def test_the_services_own_log_is_looked_at_as_root(find, config, tree):
    """Its folder is closed to others: that is no fault."""
    folder = tree() / "var/log/edge-emotion"
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    found = find("log", config=config('[log]\npath = "/var/log/edge-emotion/readings.jsonl"\n'))
    assert (found.status, found.remedy) == ("warning", "sudo edge-emotion doctor")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take another's rights")
def test_a_log_behind_a_closed_folder(find, open_root):
    """As where systemd keeps it: not even whether it is there can be seen. Free space is told all the same."""
    closed = open_root / "var/log/private"
    (closed / "edge-emotion").mkdir(parents=True)
    closed.chmod(0o700)
    (closed.parent / "edge-emotion").symlink_to("private/edge-emotion")
    settings = open_root / "edge.toml"
    settings.write_text('[log]\npath = "/var/log/edge-emotion/readings.jsonl"\n')
    os.seteuid(54321)
    try:
        found, space = find("log", config=settings, root=open_root), find("space", config=settings, root=open_root)
    finally:
        os.seteuid(0)
    assert (found.status, found.remedy) == ("warning", "sudo edge-emotion doctor")
    assert space.text.startswith(f"{open_root}/var/log: ")


@pytest.mark.parametrize(("hours", "status", "words"), [(24, "warning", "in 6 days"), (2400, "ok", "in 625 days")])
def test_a_log_that_fills_the_disk_soon_is_named(find, config, tmp_path, hours, status, words):
    """At the rate at which it has grown since its first line; 500 MB are free, 80 MB are written."""
    path = tmp_path / "readings.jsonl"
    began = datetime.now(UTC) - timedelta(hours=hours)
    path.write_text(json.dumps({"time": began.isoformat().replace("+00:00", "Z")}) + "\n")
    os.truncate(path, 80 << 20)
    settings = config(f'[log]\npath = "{path}"\nrotate = "never"\n')
    found = find("space", config=settings, root=MACHINE, statvfs=file_system(free_mb=500))
    assert found.status == status
    assert words in found.text


def test_a_log_that_is_rotated_never_fills_the_disk(find, config, tmp_path):
    """However fast it has grown: its old files go."""
    path = tmp_path / "readings.jsonl"
    path.write_text(json.dumps({"time": (datetime.now(UTC) - timedelta(hours=1)).isoformat()}) + "\n")
    os.truncate(path, 80 << 20)
    settings = config(f'[log]\npath = "{path}"\n')
    found = find("space", config=settings, root=MACHINE, statvfs=file_system(free_mb=500))
    assert (found.status, found.text.endswith("500 MB free")) == ("ok", True)


def test_old_logs_are_counted(find, config, tmp_path):
    """With what they take, and may take."""
    (tmp_path / "readings.000001.jsonl.gz").write_bytes(bytes(2_500_000))
    settings = config(f'[log]\npath = "{tmp_path}/readings.jsonl"\n')
    assert find("old logs", config=settings, root=MACHINE).text == "1, 2.5 MB of at most 256 MB"


@pytest.mark.parametrize(("on_error", "status"), [("retry", "warning"), ("stop", "failed")])
def test_too_little_free_for_a_log_is_named(find, config, tmp_path, on_error, status):
    """Its limit is larger than what is free: it would log nothing."""
    settings = config(f'[log]\npath = "{tmp_path}/readings.jsonl"\non_error = "{on_error}"\nkeep_free_mb = 900\n')
    found = find("old logs", config=settings, root=MACHINE, statvfs=file_system(free_mb=500))
    assert (found.status, "expected 900 MB free, found 524 MB" in found.text) == (status, True)
    assert "log.keep_free_mb" in found.remedy


def test_a_retention_without_a_clock_is_named(find, config):
    """How old a line is cannot be known."""
    settings = config("[privacy]\nretention_days = 30\n")
    not_set = {"run/systemd/timesync/synchronized": None, "run/systemd/timesync/x": ""}
    assert find("old logs", config=settings, files=not_set).status == "warning"


def test_a_retention_with_a_clock_is_well(find, config):
    assert find("old logs", config=config("[privacy]\nretention_days = 30\n")).status == "ok"


def test_a_log_of_a_file_is_not_rotated(find, config, tmp_path):
    (tmp_path / "clip.mp4").touch()
    settings = config(f'[source]\nuse = "{tmp_path}/clip.mp4"\n')
    assert find("old logs", config=settings).text == "the log is not rotated: log.rotate"


@pytest.mark.parametrize("first", ["", "no json\n", '{"event": 1}\n', '{"time": "yesterday"}\n', "[1]\n"])
def test_a_log_that_tells_no_rate_is_no_fault(find, config, tmp_path, first):
    """Empty, another's, torn by a power cut."""
    path = tmp_path / "readings.jsonl"
    path.write_text(first)
    os.truncate(path, 80 << 20)
    settings = config(f'[log]\npath = "{path}"\n')
    assert find("space", config=settings, root=MACHINE, statvfs=file_system(free_mb=500)).text.endswith("500 MB free")


def test_the_settings_are_read_by_the_services_own_reader(find, config):
    """The file that is given, else the installed one, else the defaults."""
    assert "the defaults" in find("settings").text
    installed = find("settings", files={"etc/edge-emotion/edge.toml": '[source]\nuse = "camera"\n'})
    assert (installed.status, "source camera" in installed.text) == ("ok", True)
    given = find("settings", config=config('profile = "low-power"\n'))
    assert "profile low-power" in given.text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no toml", "this is no TOML"),
        ("[source]\nfsp = 3\n", "source.fsp: unknown key"),
        ("[source]\nfps = 0\n", "source.fps"),
    ],
)
def test_settings_that_cannot_be_used_are_named(find, config, text, words):
    """In the words of a run."""
    path = config(text)
    found = find("settings", config=path)
    assert (found.status, found.remedy) == ("failed", f"sudo nano {path}")
    assert words in found.text


def test_settings_that_are_not_there_are_named(find, tmp_path):
    """The file that was asked for, not the defaults in its place."""
    found = find("settings", config=tmp_path / "none.toml")
    assert (found.status, found.remedy) == ("failed", "give another --config")
    assert "none.toml" in found.text
