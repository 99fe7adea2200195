"""Keeps messages in a queue on disk until the broker has acknowledged them, across outages and restarts."""

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge.errors import SinkError

log = logging.getLogger(__name__)

FORGET_AT, FORGET_AFTER_S = 50, 30.0
"""Acknowledged messages are deleted in batches of this many, or after this long, so that an SD card is written less.
After a crash up to a batch of messages is sent again; subscribers recognise them by their id."""

FRESH_S = 10.0
"""Age up to which a message is fresh, s: an automation may still act on it."""

_WAL_BYTES = 1 << 20
"""Size to which the write-ahead log is truncated."""

_LARGEST = 2**63 - 1
"""The largest number that SQLite stores."""


class Spool:
    """A first-in, first-out queue in an SQLite file. Any thread may use it, but only one process.

    Messages survive a crash of the process; after a power cut the newest may be missing. A damaged file is renamed, and
    a new queue started.

    Args:
        path: the file; it and its folder are created if missing.
        limit: messages kept at most; then the oldest are dropped.
        clock: monotonic clock, s.

    Attributes:
        dropped: messages dropped because the queue was full.

    Raises:
        SinkError: the file cannot be written, or another process has it open.
    """

    def __init__(self, path: Path, *, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.dropped = 0
        self._path = path
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()  # protects everything below
        self._forgotten: list[int] = []
        self._forgot_at = clock()
        self._fresh: deque[tuple[float, int]] = deque()  # when messages were put, and the number of the first of them
        with self._errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = _open(path)
            rows, newest = self._database.execute("SELECT count(*), max(number) FROM message").fetchone()
        self._rows: int = rows
        self._next: int = (newest or 0) + 1

    @property
    def waiting(self) -> int:
        """Messages not yet acknowledged."""
        with self._lock:
            return self._rows - len(self._forgotten)

    @property
    def fresh_from(self) -> int:
        """Number from which on messages are fresh; older ones, and those of an earlier process, have lower numbers."""
        with self._lock:
            self._drop_stale()
            return self._fresh[0][1] if self._fresh else self._next

    def put(self, payloads: Sequence[bytes]) -> None:
        """Append messages.

        Raises:
            SinkError: they cannot be written.
        """
        if not payloads:
            return
        with self._lock, self._errors(), self._database:
            numbered = list(enumerate(payloads, self._next))
            self._database.executemany("INSERT INTO message VALUES (?, ?)", numbered)
            self._drop_stale()
            self._fresh.append((self._clock(), self._next))
            self._next += len(numbered)
            self._rows += len(numbered)
            if self._rows > self._limit:
                self._make_room()

    def after(self, number: int, *, most: int, last: int = _LARGEST) -> list[tuple[int, bytes]]:
        """Return up to `most` messages that follow `number`, oldest first, as pairs of number and payload.

        Args:
            number: number after which the messages begin.
            most: messages to return at most.
            last: number of the last message to return.
        """
        with self._lock, self._errors():
            return self._database.execute(
                "SELECT number, payload FROM message WHERE number BETWEEN ? AND ? ORDER BY number LIMIT ?",
                (number + 1, last, most),
            ).fetchall()

    def discard(self, is_unwanted: Callable[[bytes], bool]) -> int:
        """Delete unwanted messages for good, also from the file's free space; return how many there were.

        Raises:
            SinkError: the file cannot be written.
        """
        with self._lock, self._errors():
            rows = self._database.execute("SELECT number, payload FROM message")
            unwanted = [(number,) for number, payload in rows if is_unwanted(payload)]
            if unwanted:
                self._database.execute("PRAGMA secure_delete = ON")
                with self._database:
                    self._database.executemany("DELETE FROM message WHERE number = ?", unwanted)
                self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                self._database.execute("PRAGMA secure_delete = OFF")
                self._rows -= len(unwanted)
            return len(unwanted)

    def forget(self, numbers: Iterable[int]) -> None:
        """Mark messages as acknowledged; they are deleted with the next batch."""
        with self._lock:
            self._forgotten += numbers
            due = len(self._forgotten) >= FORGET_AT or self._clock() - self._forgot_at >= FORGET_AFTER_S
        if due:
            self.settle()

    def settle(self) -> None:
        """Delete acknowledged messages now."""
        with self._lock, self._errors(), self._database:
            self._settle()

    def close(self) -> None:
        """Delete acknowledged messages and close the file."""
        try:
            self.settle()
        finally:
            self._database.close()

    def _drop_stale(self) -> None:
        while self._fresh and self._clock() - self._fresh[0][0] > FRESH_S:
            self._fresh.popleft()

    def _settle(self) -> None:
        self._forgot_at = self._clock()
        if self._forgotten:
            done = self._database.executemany("DELETE FROM message WHERE number = ?", [(n,) for n in self._forgotten])
            self._rows -= done.rowcount
            self._forgotten.clear()

    def _make_room(self) -> None:
        self._settle()
        excess = self._rows - self._limit
        if excess > 0:
            self._database.execute(
                "DELETE FROM message WHERE number IN (SELECT number FROM message ORDER BY number LIMIT ?)", (excess,)
            )
            self._rows -= excess
            self.dropped += excess

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            reason = "another process has it open" if "locked" in str(error) else error
            raise SinkError(
                f"{self._path}: expected a queue that can be written, found: {reason}: see mqtt.queue"
            ) from error


def _open(path: Path) -> sqlite3.Connection:
    try:
        return _prepare(path)
    except sqlite3.OperationalError:  # no permission, no space, locked: the file itself may be intact
        raise
    except sqlite3.DatabaseError as error:
        aside = path.with_suffix(".damaged")
        log.warning("%s: expected a queue, found: %s: it is renamed to %s", path, error, aside.name)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        path.replace(aside)
        return _prepare(path)


def _prepare(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=1.0, check_same_thread=False)
    try:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")  # no fsync for each message: it would wear an SD card
        database.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        if (result := database.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(result)
        with database:
            database.execute("CREATE TABLE IF NOT EXISTS message (number INTEGER PRIMARY KEY, payload BLOB NOT NULL)")
    except sqlite3.Error:
        database.close()
        raise
    return database
