"""The queue keeps what it was given, in order and within its limit, through crashes and damage."""

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


def opened(path, limit=1000):
    return Spool(path, limit=limit)


def texts(spool, after=0):
    return [payload.decode() for _, payload in spool.after(after, most=10_000)]


def numbered(count):
    return [str(number).encode() for number in range(count)]


def test_what_was_put_is_there_after_the_next_start(path):
    """In order; what had arrived is not."""
    spool = opened(path)
    spool.put([b"a", b"b"])
    spool.put([b"c"])
    (first, _), *_ = spool.after(0, most=1)
    spool.forget([first])
    assert spool.waiting == 2
    spool.close()
    spool = opened(path)
    assert (texts(spool), spool.waiting) == (["b", "c"], 2)
    spool.put([b"d"])
    assert texts(spool) == ["b", "c", "d"]
    spool.close()


def test_numbers_are_never_used_twice(path):
    """A sender goes on behind the last that it has sent, even when all have arrived meanwhile."""
    spool = opened(path)
    spool.put([b"a"])
    ((number, _),) = spool.after(0, most=9)
    spool.forget([number])
    spool.settle()
    spool.put([b"b"])
    assert texts(spool, after=number) == ["b"]
    spool.close()


def test_the_oldest_give_way_and_are_counted(path):
    """A full queue keeps the newest."""
    spool = opened(path, limit=10)
    spool.put(numbered(25))
    assert (texts(spool), spool.dropped, spool.waiting) == ([str(n) for n in range(15, 25)], 15, 10)
    spool.close()


def test_what_has_arrived_makes_room_first(path):
    """It is still in the file, but nobody waits for it."""
    spool = opened(path, limit=10)
    spool.put(numbered(10))
    spool.forget([number for number, _ in spool.after(0, most=4)])
    spool.put([b"x", b"y"])
    assert (texts(spool)[0], texts(spool)[-1], spool.dropped, spool.waiting) == ("4", "y", 0, 8)
    spool.close()


def test_what_has_arrived_is_deleted_in_batches(path, monkeypatch):
    """Not one by one, which would wear an SD card; and after a while, however few they are."""
    spool = opened(path)
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
    """A process that dies right after a put, in the middle of everything, has put it."""
    code = (
        "import os, sys; from pathlib import Path; from edge.sinks.mqtt.spool import Spool\n"
        "spool = Spool(Path(sys.argv[1]), limit=100); spool.put([b'a', b'b']); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, path], check=False).returncode == -9  # noqa: S603  # ours
    spool = opened(path)
    assert texts(spool) == ["a", "b"]
    spool.close()


def test_two_processes_do_not_share_it(path):
    """Each reading would be sent twice."""
    spool = opened(path)
    with pytest.raises(SinkError, match=r"found: another process has it open: see mqtt\.queue"):
        opened(path)
    spool.close()


@pytest.mark.parametrize("damage", ["no database", "torn page"])
def test_a_damaged_file_is_set_aside(path, damage, caplog):
    """A new one is begun, and the log says so: readings to come are worth more than those that cannot be read."""
    spool = opened(path, limit=100_000)
    spool.put([b"x" * 100] * 2000)
    spool.close()
    content = bytearray(path.read_bytes())
    begin, length = (0, 100) if damage == "no database" else (10 * 4096, 4096)
    content[begin : begin + length] = b"\xff" * length
    path.write_bytes(content)
    spool = opened(path)
    assert texts(spool) == []
    spool.put([b"new"])
    assert texts(spool) == ["new"]
    spool.close()
    assert path.with_suffix(".damaged").read_bytes() == content
    assert f"{path}: expected a queue, found: " in caplog.text


def test_a_full_disk_is_told(path):
    """The error names the file, and nothing that was there is lost."""
    spool = opened(path)
    spool.put([b"a"])
    pages = spool._database.execute("PRAGMA page_count").fetchone()[0]
    spool._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(SinkError, match=r"queue\.sqlite3: expected a queue that can be written, found: .*full"):
        spool.put([b"x" * 10_000])
    assert texts(spool) == ["a"]
    spool.close()


def test_the_file_stays_small_on_disk(path):
    """No fsync for each message, and a write-ahead log that is cut back."""
    spool = opened(path)
    assert spool._database.execute("PRAGMA synchronous").fetchone() == (1,)
    for _ in range(20):
        spool.put([b"x" * 500] * 500)
        spool.forget(number for number, _ in spool.after(0, most=500))
    spool.settle()
    assert sum(file.stat().st_size for file in path.parent.iterdir()) < 8 << 20
    spool.close()
    assert isinstance(spool._database, sqlite3.Connection)
