"""Measures what a sink adds to the CPU time of a run with a camera of 30 frames a second."""

import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import cv2

from edge.benchmark.film import Film, FilmSource, draw
from edge.board import Board
from edge.extras import Surroundings, needs_color, open_extras
from edge.health import Health
from edge.meters import Meters
from edge.pipeline import Pipeline
from edge.records import Color, Frame
from edge.run import build_steps
from edge.runtime.guard import Guard
from edge.scenes.render import Scene
from edge.settings import Settings
from edge.sinks.base import Sink

WARM_S, TAKE_S = 1.0, 3.0
"""A take begins with the scan for the first face, and with sinks that are opened: that is left out, s."""

ROUNDS = 5

STEPS = ("MainThread", "capture", "follow", "scan", "name", "close")
"""The threads that a run without a sink has."""


@dataclass(frozen=True, slots=True)
class Cast:
    """What is measured: the guarded sinks that `settings` ask for, and plain ones.

    open_sinks: makes the plain ones. audience: is there while it is measured; it is given the open sinks by name.
    """

    settings: Settings
    open_sinks: Callable[[], Sequence[Sink]] = list
    audience: Callable[[dict[str, Guard[object]]], AbstractContextManager[object]] = lambda _guards: nullcontext()


@dataclass(frozen=True, slots=True)
class Take:
    """CPU ms for each frame that was due. cpu_ms: of all threads. own_ms: of those alone that are no step's."""

    cpu_ms: float
    own_ms: float


class TimedSource(FilmSource):
    """A camera that notes the process's CPU time while its frames are processed.

    colors: the same frames in colour, for a cast that shows them.
    cpu_s: of so many `frames`. sinks_s: of threads that are no step's alone.
    """

    def __init__(self, film: Film, colors: Sequence[Color] | None, *, on_warm: Callable[[], None]) -> None:
        fps = film.scene.fps
        self._first, last = round(WARM_S * fps), round((WARM_S + TAKE_S) * fps)
        super().__init__(film, live=True, loops=-(-last // len(film.frames)))
        self._end = last
        self._on_warm = on_warm
        self._colors = colors
        self._begun_s = self._sinks_begun_s = 0.0
        self.cpu_s = self.sinks_s = 0.0
        self.frames = last - self._first

    def read(self) -> Frame | None:
        """Return the next frame."""
        frame = super().read()
        if frame is None:
            self.cpu_s = time.process_time() - self._begun_s
            self.sinks_s = _sinks_cpu_s() - self._sinks_begun_s
        elif frame.index >= self._first and not self._begun_s:
            self._on_warm()
            self._begun_s, self._sinks_begun_s = time.process_time(), _sinks_cpu_s()
        if frame is None or self._colors is None:
            return frame
        return replace(frame, color=self._colors[frame.index % len(self._colors)])


def _sinks_cpu_s() -> float:
    """CPU time of all threads but the steps', s. Source: Linux, schedstat: ns on the processor comes first."""
    spent_ns = 0
    for thread in threading.enumerate():
        if thread.name not in STEPS:
            spent_ns += int(Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text().split()[0])
    return spent_ns / 1e9


@dataclass(frozen=True, slots=True)
class NoLog:
    """The log of a run that has none."""

    path: str = ""
    dropped: int = 0
    error: str = ""
    clock_error: str = ""
    bytes_written: int = 0
    flushes: int = 0


def measure_cast(film: Film, colors: Sequence[Color], cast: Cast) -> Take:
    """Run the pipeline with this cast. colors: the film in colour, as a camera's driver gives it where it is shown."""
    cv2.setNumThreads(1)
    meters = Meters()
    with ExitStack() as audience:
        guards: dict[str, Guard[object]] = {}
        shown = colors if needs_color(cast.settings) else None
        source = TimedSource(film, shown, on_warm=lambda: audience.enter_context(cast.audience(guards)))
        steps = build_steps(cast.settings)(stills=False)
        health = Health(meters, source, NoLog(), Board(), stalled_s=10.0)
        extras = open_extras(cast.settings, Surroundings(health.status, meters, steps.namer.model))
        health.sinks = [*extras.sinks, *extras.viewers, *extras.servers]
        guards.update({sink.name: sink for sink in health.sinks})  # type: ignore[misc]
        Pipeline(
            source,
            steps,
            [*cast.open_sinks(), *extras.sinks],
            meters,
            cast.settings,
            viewers=extras.viewers,
            servers=extras.servers,
        ).run()
        faults = {sink.name: sink.error for sink in health.sinks if sink.error}
        assert not faults, faults
    return Take(source.cpu_s / source.frames * 1e3, source.sinks_s / source.frames * 1e3)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a cast costs: medians of all rounds. cpu_ms, own_ms: see `Take`. ratio: to nothing, of each round by itself.

    low, high: quartiles of the ratio.
    """

    cpu_ms: float
    own_ms: float
    ratio: float
    low: float
    high: float


def compare(scene: Scene, casts: dict[str, Cast], *, rounds: int = ROUNDS) -> dict[str, Cost]:
    """Measure all casts in turn, round after round; the first is what the others are compared with.

    So a machine that slows down for a while does so for all of them.
    """
    count = round((WARM_S + TAKE_S) * scene.fps)
    film, colors = draw(scene, count=count), draw(scene, count=count, color=True).frames
    takes: dict[str, list[Take]] = {name: [] for name in casts}
    for number in range(rounds + 1):
        for name, cast in casts.items():
            take = measure_cast(film, colors, cast)
            if number:  # in the first round packages are imported, and whatever else is done once in a process
                takes[name].append(take)
    nothing = next(iter(takes.values()))
    return {name: _cost(values, nothing) for name, values in takes.items()}


def _cost(takes: list[Take], nothing: list[Take]) -> Cost:
    ratios = [take.cpu_ms / base.cpu_ms for take, base in zip(takes, nothing, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    cpu_ms, own_ms = (
        statistics.median(values) for values in zip(*((take.cpu_ms, take.own_ms) for take in takes), strict=False)
    )
    return Cost(cpu_ms, own_ms, middle, low, high)


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def scraper(url: str, *, every_s: float) -> Iterator[None]:
    """A process that fetches `url` every so often, as Prometheus does."""
    with _process(_SCRAPER, url, str(every_s)):
        yield


@contextmanager
def watcher(url: str) -> Iterator[None]:
    """A process that looks at the live page's pictures, as a browser does: it asks for the next one at once."""
    with _process(_WATCHER, url):
        yield


@contextmanager
def _process(*arguments: str) -> Iterator[None]:
    """Of its own, so that its CPU time is not taken for ours. That it loses us at the end is no news."""
    with subprocess.Popen([sys.executable, "-c", *arguments], stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


_SCRAPER = """
import sys, time, urllib.request
url, every_s = sys.argv[1], float(sys.argv[2])
while True:
    time.sleep(every_s)
    with urllib.request.urlopen(url, timeout=10) as answer:
        answer.read()
"""

_WATCHER = """
import http.client, json, sys, urllib.parse
line = http.client.HTTPConnection(urllib.parse.urlsplit(sys.argv[1]).netloc, timeout=10)
number = 0
while True:
    line.request("GET", f"/frame?watcher=bench&after={number}")
    answer = line.getresponse()
    answer.read()
    if answer.status == 200:
        number = json.loads(answer.headers["X-Shot"])["number"]
"""
