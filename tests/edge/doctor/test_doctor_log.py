"""The doctor reports what keeps the log from being written, without creating a file."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.settings.instance import Instance

BLOCK = 4096
MACHINE = Path("/")


def file_system(*, free_mb, inodes=1000, read_only=False):
    """Return a function in place of `os.statvfs`."""
    flags = os.ST_RDONLY if read_only else 0
    free = free_mb * (1 << 20) // BLOCK
    stat = os.statvfs_result((BLOCK, BLOCK, free * 2, free, free, 1000, inodes, inodes, flags, 255))
    return lambda _: stat


def test_this_machine_has_space(run_check):
    """The free space of this machine's own disk can be read."""
    assert run_check("space").status in {"ok", "warning"}


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
def test_disk_without_space(run_check, facts, status, words, remedy):
    """A nearly full disk is a warning; a full one, one without inodes and a read-only one are failures."""
    finding = run_check("space", statvfs=file_system(**facts))
    assert finding.status == status
    assert words in finding.text
    assert remedy in finding.remedy


def test_full_disk_is_a_warning_with_retry(run_check, config):
    """With `log.on_error = "retry"`, as in the service's settings, the service runs although the disk is full."""
    settings = config('[log]\non_error = "retry"\n')
    for facts in ({"free_mb": 0}, {"free_mb": 0, "inodes": 0}):
        assert run_check("space", config=settings, statvfs=file_system(**facts)).status == "warning"


def test_log_that_can_be_created_is_ok(run_check, config, tmp_path):
    """A log in a folder that does not exist yet is ok, and the check does not create the folder."""
    path = tmp_path / "logs" / "readings.jsonl"
    tmp_path.chmod(0o777)
    finding = run_check("log", config=config(f'[log]\npath = "{path}"\n'), root=MACHINE)
    assert (finding.status, finding.text) == ("ok", f"{path}: will be created")
    assert not path.parent.exists()


def test_existing_log_is_ok(run_check, config, tmp_path):
    """The finding gives the size of a log that exists."""
    path = tmp_path / "readings.jsonl"
    path.write_bytes(bytes(1_500_000))
    path.chmod(0o666)
    finding = run_check("log", config=config(f'[log]\npath = "{path}"\n'), root=MACHINE)
    assert (finding.status, finding.text) == ("ok", f"{path}: 1.5 MB so far")


@pytest.mark.parametrize(
    ("make", "words", "remedy"),
    [
        (lambda path: path.mkdir(), "found a folder", "set log.path"),
        (lambda path: (path.touch(), path.chmod(0o644)), "that somebody may write", "sudo chown somebody"),
        (lambda path: path.parent.chmod(0o755), "that somebody may write", "set log.path"),
        (lambda path: (path.parent.rmdir(), path.parent.touch()), "found a file", "set log.path"),
    ],
)
def test_log_that_cannot_be_written_fails(run_check, config, tmp_path, make, words, remedy):
    """A folder in its place, another user's file or folder, and a file in place of its folder are failures."""
    path = tmp_path / "logs" / "readings.jsonl"
    path.parent.mkdir()
    make(path)
    finding = run_check("log", config=config(f'[log]\npath = "{path}"\n'), root=MACHINE)
    assert finding.status == "failed"
    assert words in finding.text
    assert remedy in finding.remedy


@pytest.mark.parametrize("name", ["", "garden"])
def test_service_log_is_a_warning_for_other_users(run_check, config, tree, name):
    """The log folder of the service, or of a further camera's, is closed to other users, who need root to check it."""
    folder = tree() / "var/log/edge-emotion"
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    settings = config('[log]\npath = "/var/log/edge-emotion/readings.jsonl"\n')
    finding = run_check("log", config=settings, instance=Instance(name))
    assert (finding.status, finding.remedy) == ("warning", "sudo edge-emotion doctor")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take on another user's permissions")
def test_log_below_a_closed_folder(run_check, open_folder, as_nobody):
    """Below systemd's private folder the user cannot see whether the log exists, but its space is still checked."""
    closed = open_folder / "var/log/private"
    (closed / "edge-emotion").mkdir(parents=True)
    closed.chmod(0o700)
    (closed.parent / "edge-emotion").symlink_to("private/edge-emotion")
    settings = open_folder / "edge.toml"
    settings.write_text('[log]\npath = "/var/log/edge-emotion/readings.jsonl"\n')
    with as_nobody():
        finding = run_check("log", config=settings, root=open_folder)
        space = run_check("space", config=settings, root=open_folder)
    assert (finding.status, finding.remedy) == ("warning", "sudo edge-emotion doctor")
    assert space.text.startswith(f"{open_folder}/var/log: ")


@pytest.mark.parametrize(("hours", "status", "words"), [(24, "warning", "in 6 days"), (2400, "ok", "in 625 days")])
def test_log_that_fills_the_disk_soon_is_a_warning(run_check, config, tmp_path, hours, status, words):
    """The time until the disk is full follows from the log's growth since its first line: 80 MB, with 500 MB free."""
    path = tmp_path / "readings.jsonl"
    began = datetime.now(UTC) - timedelta(hours=hours)
    path.write_text(json.dumps({"time": began.isoformat().replace("+00:00", "Z")}) + "\n")
    os.truncate(path, 80 << 20)
    settings = config(f'[log]\npath = "{path}"\nrotate = "never"\n')
    finding = run_check("space", config=settings, root=MACHINE, statvfs=file_system(free_mb=500))
    assert finding.status == status
    assert words in finding.text


def test_rotated_log_never_fills_the_disk(run_check, config, tmp_path):
    """A rotated log is not extrapolated, however fast it has grown, because its old files are removed."""
    path = tmp_path / "readings.jsonl"
    path.write_text(json.dumps({"time": (datetime.now(UTC) - timedelta(hours=1)).isoformat()}) + "\n")
    os.truncate(path, 80 << 20)
    settings = config(f'[log]\npath = "{path}"\n')
    finding = run_check("space", config=settings, root=MACHINE, statvfs=file_system(free_mb=500))
    assert (finding.status, finding.text.endswith("500 MB free")) == ("ok", True)


def test_rotated_files_are_counted(run_check, config, tmp_path):
    """The finding gives the number of rotated files, their size and the limit."""
    (tmp_path / "readings.000001.jsonl.gz").write_bytes(bytes(2_500_000))
    settings = config(f'[log]\npath = "{tmp_path}/readings.jsonl"\n')
    assert run_check("old logs", config=settings, root=MACHINE).text == "1, 2.5 MB of at most 256 MB"


@pytest.mark.parametrize(("on_error", "status"), [("retry", "warning"), ("stop", "failed")])
def test_less_free_space_than_the_log_keeps_free(run_check, config, tmp_path, on_error, status):
    """With less space than `log.keep_free_mb` nothing would be logged."""
    settings = config(f'[log]\npath = "{tmp_path}/readings.jsonl"\non_error = "{on_error}"\nkeep_free_mb = 900\n')
    finding = run_check("old logs", config=settings, root=MACHINE, statvfs=file_system(free_mb=500))
    assert (finding.status, "expected 900 MB free, found 524 MB" in finding.text) == (status, True)
    assert "log.keep_free_mb" in finding.remedy


def test_retention_without_a_set_clock_is_a_warning(run_check, config):
    """With `privacy.retention_days` the clock must be set, or the age of lines is unknown."""
    settings = config("[privacy]\nretention_days = 30\n")
    not_set = {"run/systemd/timesync/synchronized": None, "run/systemd/timesync/x": ""}
    assert run_check("old logs", config=settings, files=not_set).status == "warning"


def test_retention_with_a_set_clock_is_ok(run_check, config):
    """With a clock that is set, `privacy.retention_days` can be kept."""
    assert run_check("old logs", config=config("[privacy]\nretention_days = 30\n")).status == "ok"


def test_log_of_a_file_is_not_rotated(run_check, config, tmp_path):
    """With a video file as source the log ends with the file, so it is not rotated."""
    (tmp_path / "clip.mp4").touch()
    settings = config(f'[source]\nuse = "{tmp_path}/clip.mp4"\n')
    assert run_check("old logs", config=settings).text == "the log is not rotated: log.rotate"


@pytest.mark.parametrize("first", ["", "no json\n", '{"event": 1}\n', '{"time": "yesterday"}\n', "[1]\n"])
def test_log_without_a_growth_rate_is_ok(run_check, config, tmp_path, first):
    """An empty first line, another program's, or one damaged by a power cut gives no rate, which is no problem."""
    path = tmp_path / "readings.jsonl"
    path.write_text(first)
    os.truncate(path, 80 << 20)
    settings = config(f'[log]\npath = "{path}"\n')
    finding = run_check("space", config=settings, root=MACHINE, statvfs=file_system(free_mb=500))
    assert finding.text.endswith("500 MB free")
