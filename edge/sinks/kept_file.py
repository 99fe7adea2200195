"""Joins the log's file, its rotation and the thread that keeps its archive."""

from collections.abc import Callable
from pathlib import Path

from edge.sinks.archive import Archive
from edge.sinks.keeper import Keeper
from edge.sinks.lines_file import LinesFile
from edge.sinks.rotation import Keeping, Rotation


class KeptFile:
    """A file that lines are appended to, with its archive. lines: the file."""

    def __init__(
        self, path: Path, *, retry: bool, flush_s: float, keeping: Keeping | None, is_clock_set: Callable[[], bool]
    ) -> None:
        """Open it, and begin to keep it.

        Raises:
            SinkError: it cannot be written.
        """
        self._keeper: Keeper | None = None
        if keeping is None:
            self.lines = LinesFile(path, retry=retry, flush_s=flush_s)
            return
        archive = Archive(path, keeping.limits, is_clock_set=is_clock_set)
        self._keeper = Keeper(archive, lambda: self.lines.tend())  # noqa: PLW0108  # it is not there yet
        self.lines = LinesFile(
            path, retry=retry, flush_s=flush_s, rotation=Rotation(path, archive, keeping, on_change=self._keeper.ask)
        )
        self._keeper.start()

    def close(self) -> None:
        """Write what is left, and end.

        Raises:
            SinkError: it cannot be written.
        """
        try:
            self.lines.close()
        finally:
            if self._keeper is not None:
                self._keeper.close()
