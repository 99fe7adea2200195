"""Keeps messages on disk until the broker has them: through an outage, and through a restart of the process."""

import logging
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge.errors import SinkError

log = logging.getLogger(__name__)

FORGET_AT, FORGET_AFTER_S = 50, 30.0
"""What has arrived is deleted in batches, so that an SD card is written less. After a crash up to so many messages are
sent once more; each is known by its id."""

_WAL_BYTES = 1 << 20
"""The write-ahead log is cut back to this."""


class Spool:
    """A queue in a file. What was put is there after a crash; after a power cut the newest may be missing.

    Any thread may use it; one process alone can.

    limit: messages that are kept; then the oldest give way. dropped: how many have.
    """

    def __init__(self, path: Path, *, limit: int) -> None:
        """Open the file, and its folder where there is none. A damaged one is set aside.

        Raises:
            SinkError: it cannot be written, or another process has it.
        """
        self.dropped = 0
        self._path = path
        self._limit = limit
        self._lock = threading.Lock()  # protects all below
        self._forgotten: list[int] = []
        self._forgot_at = time.monotonic()
        with self._errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = _open(path)
            rows, newest = self._database.execute("SELECT count(*), max(number) FROM message").fetchone()
        self._rows: int = rows
        self._next: int = (newest or 0) + 1

    @property
    def waiting(self) -> int:
        """Messages that have not arrived."""
        with self._lock:
            return self._rows - len(self._forgotten)

    def put(self, payloads: Sequence[bytes]) -> None:
        """Add messages at the end.

        Raises:
            SinkError: they cannot be written.
        """
        if not payloads:
            return
        with self._lock, self._errors(), self._database:
            numbered = list(enumerate(payloads, self._next))
            self._database.executemany("INSERT INTO message VALUES (?, ?)", numbered)
            self._next += len(numbered)
            self._rows += len(numbered)
            if self._rows > self._limit:
                self._make_room()

    def after(self, number: int, *, most: int) -> list[tuple[int, bytes]]:
        """The next messages behind `number`, oldest first, each with its number."""
        with self._lock, self._errors():
            return self._database.execute(
                "SELECT number, payload FROM message WHERE number > ? ORDER BY number LIMIT ?", (number, most)
            ).fetchall()

    def forget(self, numbers: Iterable[int]) -> None:
        """Delete messages that have arrived; soon."""
        with self._lock:
            self._forgotten += numbers
            due = len(self._forgotten) >= FORGET_AT or time.monotonic() - self._forgot_at >= FORGET_AFTER_S
        if due:
            self.settle()

    def settle(self) -> None:
        """Delete now what has arrived."""
        with self._lock, self._errors(), self._database:
            self._settle()

    def close(self) -> None:
        """Close the file."""
        try:
            self.settle()
        finally:
            self._database.close()

    def _settle(self) -> None:
        self._forgot_at = time.monotonic()
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
    except sqlite3.OperationalError:  # no permission, no space, locked: the file itself may be well
        raise
    except sqlite3.DatabaseError as error:
        aside = path.with_suffix(".damaged")
        log.warning("%s: expected a queue, found: %s: it is set aside as %s", path, error, aside.name)
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
        if (said := database.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(said)
        with database:
            database.execute("CREATE TABLE IF NOT EXISTS message (number INTEGER PRIMARY KEY, payload BLOB NOT NULL)")
    except sqlite3.Error:
        database.close()
        raise
    return database
