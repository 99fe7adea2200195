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
from edge.sinks.console import LINE_S, Rate, count_words

REDRAW_S = 0.1


class LiveTable:
    """A table of the faces in the newest frame, drawn again ten times a second at most."""

    name = "console"
    patience_s = REDRAW_S

    def __init__(self, title: str, hint: str, *, frames: Callable[[], int], stream: TextIO) -> None:
        """Take the screen's foot. title: stands above the table; hint: below. frames: how many were processed."""
        self._title = title
        self._hint = hint
        self._rate = Rate(frames)
        self._fps = 0.0
        self._fps_at = self._drawn_at = time.monotonic()
        self._live = Live(console=Console(file=stream), auto_refresh=False)
        self._live.start()

    def write(self, observation: Observation) -> None:
        """Draw, unless that was done a moment ago."""
        now = time.monotonic()
        if now - self._drawn_at < REDRAW_S:
            return
        self._drawn_at = now
        if now - self._fps_at >= LINE_S:
            self._fps, self._fps_at = self._rate(), now
        self._live.update(self._draw(observation), refresh=True)

    def close(self) -> None:
        """Give the screen back, with the last table on it."""
        self._live.stop()

    def _draw(self, observation: Observation) -> Group:
        table = Table(expand=False)
        for heading in ("face", "emotion", "confidence", "", "x, y", "size"):
            table.add_column(heading)
        for reading in observation.readings:
            box = reading.box
            bar = ProgressBar(total=1.0, completed=reading.confidence, width=20)
            share = f"{reading.confidence:4.0%}"
            table.add_row(str(reading.track_id), reading.emotion, share, bar, f"{box.x}, {box.y}", f"{box.w} px")
        latency_ms = max((reading.latency_s for reading in observation.readings), default=0.0) * 1e3
        status = f"frame {observation.frame_index}   {self._fps:.1f} frames/s   latency {latency_ms:.0f} ms"
        if observation.counts is not None:
            status = f"frame {observation.frame_index}   {self._fps:.1f} frames/s   {count_words(observation.counts)}"
        return Group(Text(self._title, style="bold"), table, Text(status), Text(self._hint, style="dim"))
