"""Keeps a log in order on a thread of its own, so that neither compressing nor an absent camera holds anything up."""

import logging
import threading
from collections.abc import Callable

from edge.errors import SinkError
from edge.sinks.archive import Archive

log = logging.getLogger(__name__)

TEND_S = 5.0
"""How often it is looked whether lines wait to be written, s."""

TIDY_S = 600.0
"""How often the archive is tidied without a rotation: lines grow too old by themselves, s."""

_LONGEST_CLOSE_S = 0.5
"""For which a chunk that is being compressed is waited for at the end, s."""


class Keeper:
    """Tends the log's file, and tidies its archive after each rotation and now and then.

    tend: writes what is due. tend_s, tidy_s: how often, s. error: why the archive is not in order, else empty.
    """

    def __init__(
        self, archive: Archive, tend: Callable[[], None], *, tend_s: float = TEND_S, tidy_s: float = TIDY_S
    ) -> None:
        self.error = ""
        self._archive = archive
        self._tend = tend
        self._tend_s = tend_s
        self._looks = max(1, round(tidy_s / tend_s))
        self._stopped = False
        self._asked = threading.Event()
        self._asked.set()  # an interruption may have left something to finish
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log keeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ask(self) -> None:
        """Have the archive tidied soon; any thread may ask."""
        self._asked.set()
        self._wake.set()

    def close(self) -> None:
        """End; what is being compressed is begun anew the next time."""
        self._stopped = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(_LONGEST_CLOSE_S)

    def _run(self) -> None:
        looks = 0
        while not self._stopped:
            if self._asked.is_set() or looks >= self._looks:
                self._asked.clear()
                looks = 0
                self._tidy()
            self._wake.wait(self._tend_s)
            self._wake.clear()
            looks += 1
            try:
                self._tend()
            except SinkError:
                return  # the run ends with it: the next line, or the end, raises it again

    def _tidy(self) -> None:
        try:
            self._archive.tidy(lambda: self._stopped)
        except OSError as error:
            reason = ": ".join(str(part) for part in (error.strerror or error, error.filename) if part)
            if reason != self.error:
                log.warning("the log's old files cannot be kept in order: %s; trying again", reason)
            self.error = reason
        else:
            self.error = ""
