"""The spool keeps messages in order and within its limit, through crashes and damage."""

import sqlite3
import subprocess
import sys

import pytest

from edge.errors import SinkError
from edge.sinks.mqtt import spool as module
from edge.sinks.mqtt.spool import Spool


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "queue.sqlite3"


def open_spool(path, limit=1000):
    return Spool(path, limit=limit)


def texts(spool, after=0):
    return [payload.decode() for _, payload in spool.after(after, most=10_000)]


def numbered(count):
    return [str(number).encode() for number in range(count)]


def test_messages_survive_a_restart_in_order(path):
    """After a restart only acknowledged messages are gone, and the others are in order."""
    spool = open_spool(path)
    spool.put([b"a", b"b"])
    spool.put([b"c"])
    (first, _), *_ = spool.after(0, most=1)
    spool.forget([first])
    assert spool.waiting == 2
    spool.close()
    spool = open_spool(path)
    assert (texts(spool), spool.waiting) == (["b", "c"], 2)
    spool.put([b"d"])
    assert texts(spool) == ["b", "c", "d"]
    spool.close()


def test_numbers_are_never_used_twice(path):
    """A sender continues after the last number it has sent, even if all messages were acknowledged meanwhile."""
    spool = open_spool(path)
    spool.put([b"a"])
    ((number, _),) = spool.after(0, most=9)
    spool.forget([number])
    spool.settle()
    spool.put([b"b"])
    assert texts(spool, after=number) == ["b"]
    spool.close()


def test_a_full_spool_drops_the_oldest_and_counts_them(path):
    """A queue at its limit drops the oldest messages and retains the newest."""
    spool = open_spool(path, limit=10)
    spool.put(numbered(25))
    assert (texts(spool), spool.dropped, spool.waiting) == ([str(n) for n in range(15, 25)], 15, 10)
    spool.close()


def test_acknowledged_messages_make_room_first(path):
    """Acknowledged messages may still be in the file, but no unacknowledged one is dropped for them."""
    spool = open_spool(path, limit=10)
    spool.put(numbered(10))
    spool.forget([number for number, _ in spool.after(0, most=4)])
    spool.put([b"x", b"y"])
    assert (texts(spool)[0], texts(spool)[-1], spool.dropped, spool.waiting) == ("4", "y", 0, 8)
    spool.close()


def test_acknowledged_messages_are_deleted_in_batches(path, monkeypatch):
    """Acknowledged messages are deleted in batches, which spares an SD card; after a while even a small batch is."""
    spool = open_spool(path)
    spool.put(numbered(100))
    spool.forget(range(1, module.FORGET_AT))
    assert len(texts(spool)) == 100
    spool.forget([module.FORGET_AT])
    assert len(texts(spool)) == 100 - module.FORGET_AT
    monkeypatch.setattr(module, "FORGET_AFTER_S", 0.0)
    spool.forget([module.FORGET_AT + 1])
    assert len(texts(spool)) == 100 - module.FORGET_AT - 1
    spool.close()


def test_a_crash_loses_nothing(path):
    """Messages are in the file as soon as `put` returns, even if the process is killed at once."""
    code = (
        "import os, sys; from pathlib import Path; from edge.sinks.mqtt.spool import Spool\n"
        "spool = Spool(Path(sys.argv[1]), limit=100); spool.put([b'a', b'b']); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, path], check=False).returncode == -9  # noqa: S603  # this interpreter
    spool = open_spool(path)
    assert texts(spool) == ["a", "b"]
    spool.close()


def test_a_second_process_cannot_open_the_file(path):
    """While one process has the file open another one gets an error, since both would send each reading."""
    spool = open_spool(path)
    with pytest.raises(SinkError, match=r"found: another process has it open: see mqtt\.queue"):
        open_spool(path)
    spool.close()


@pytest.mark.parametrize("damage", ["no database", "torn page"])
def test_a_damaged_file_is_renamed(path, damage, caplog):
    """A new spool is started, and the log says so: new readings are worth more than unreadable ones."""
    spool = open_spool(path, limit=100_000)
    spool.put([b"x" * 100] * 2000)
    spool.close()
    content = bytearray(path.read_bytes())
    begin, length = (0, 100) if damage == "no database" else (10 * 4096, 4096)
    content[begin : begin + length] = b"\xff" * length
    path.write_bytes(content)
    spool = open_spool(path)
    assert texts(spool) == []
    spool.put([b"new"])
    assert texts(spool) == ["new"]
    spool.close()
    assert path.with_suffix(".damaged").read_bytes() == content
    assert f"{path}: expected a queue, found: " in caplog.text


def test_a_full_disk_is_an_error(path):
    """On a full disk `put` fails with an error that names the file, and no earlier message is lost."""
    spool = open_spool(path)
    spool.put([b"a"])
    pages = spool._database.execute("PRAGMA page_count").fetchone()[0]
    spool._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(SinkError, match=r"queue\.sqlite3: expected a queue that can be written, found: .*full"):
        spool.put([b"x" * 10_000])
    assert texts(spool) == ["a"]
    spool.close()


def test_the_file_stays_small_on_disk(path):
    """Messages are written without an fsync each, and the write-ahead log is truncated."""
    spool = open_spool(path)
    assert spool._database.execute("PRAGMA synchronous").fetchone() == (1,)
    for _ in range(20):
        spool.put([b"x" * 500] * 500)
        spool.forget(number for number, _ in spool.after(0, most=500))
    spool.settle()
    assert sum(file.stat().st_size for file in path.parent.iterdir()) < 8 << 20
    spool.close()
    assert isinstance(spool._database, sqlite3.Connection)
