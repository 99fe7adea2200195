"""Draws a live table of the faces on a terminal."""

import time
from collections.abc import Callable
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from edge.records import Observation
from edge.sinks.base import Sink
from edge.sinks.console.lines import FrameRate, format_counts

REDRAW_INTERVAL_S = 0.1
"""Shortest time between two drawings of the table, s."""

RATE_INTERVAL_S = 1.0
"""Time over which the frame rate is measured, s."""


class LiveTable(Sink[Observation]):
    """Shows the faces of the newest frame in a table that is redrawn at most ten times a second."""

    name = "console"
    patience_s = REDRAW_INTERVAL_S

    def __init__(self, title: str, hint: str, *, frames: Callable[[], int], stream: TextIO) -> None:
        """Set up a table; `open` draws it.

        Args:
            title: text above the table.
            hint: text below it.
            frames: returns how many frames have been processed so far.
            stream: the terminal.
        """
        self._title = title
        self._hint = hint
        self._frames = frames
        self._fps = 0.0
        self._live = Live(console=Console(file=stream), auto_refresh=False)

    def open(self) -> None:
        """Start the live display at the bottom of the terminal."""
        self._rate = FrameRate(self._frames)
        self._fps_at = self._drawn_at = time.monotonic()
        self._live.start()

    def write(self, observation: Observation) -> None:
        """Draw the table, unless that was done less than a tenth of a second ago."""
        now = time.monotonic()
        if now - self._drawn_at < REDRAW_INTERVAL_S:
            return
        self._drawn_at = now
        if now - self._fps_at >= RATE_INTERVAL_S:
            self._fps, self._fps_at = self._rate(), now
        self._live.update(self._draw(observation), refresh=True)

    def close(self) -> None:
        """Stop the live display; the last table stays on the terminal."""
        self._live.stop()

    def _draw(self, observation: Observation) -> Group:
        table = Table(expand=False)
        for heading in ("face", "emotion", "confidence", "", "x, y", "size"):
            table.add_column(heading)
        for reading in observation.readings:
            box = reading.box
            bar = ProgressBar(total=1.0, completed=reading.confidence, width=20)
            confidence = f"{reading.confidence:4.0%}"
            table.add_row(str(reading.track_id), reading.emotion, confidence, bar, f"{box.x}, {box.y}", f"{box.w} px")
        status = f"frame {observation.frame_index}   {self._fps:.1f} frames/s   "
        if observation.counts is not None:
            status += format_counts(observation.counts)
        else:
            latency_s = max((reading.latency_s for reading in observation.readings), default=0.0)
            status += f"latency {latency_s * 1e3:.0f} ms"
        return Group(Text(self._title, style="bold"), table, Text(status), Text(self._hint, style="dim"))
