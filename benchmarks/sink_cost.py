"""Measures the CPU time that a sink adds to a run in real time, with a camera of 30 frames per second."""

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

from edge.benchmark.memory_source import MemorySource, SceneFrames, render_frames
from edge.counters import Counters
from edge.device.sensors import Sensors
from edge.pipeline.build import build_steps
from edge.pipeline.pipeline import Pipeline
from edge.pipeline.sinks import SinkContext, needs_color, new_optional_sinks
from edge.records import Color, Frame
from edge.scenes.render import Scene
from edge.service.health import Health
from edge.settings.schema import Settings
from edge.sinks.base import Sink

WARM_UP_S = 1.0
"""Seconds at the start that are not measured: the scan for the first face, and the opening of sinks."""

MEASURED_S = 3.0

ROUNDS = 5

STEP_THREADS = ("MainThread", "capture", "follow", "scan", "classify", "close")
"""Threads of a run without sinks."""


@dataclass(frozen=True, slots=True)
class SinkSetup:
    """A set of sinks to measure.

    Attributes:
        settings: its optional sinks are opened.
        open_sinks: opens further sinks.
        connect_clients: context in which clients use the sinks, entered after the warm-up.
    """

    settings: Settings
    open_sinks: Callable[[], Sequence[Sink]] = list
    connect_clients: Callable[[], AbstractContextManager[object]] = nullcontext


@dataclass(frozen=True, slots=True)
class RunCost:
    """CPU time of one run per due frame, ms.

    Attributes:
        cpu_ms: of all threads.
        own_ms: of the threads that a run without sinks does not have.
    """

    cpu_ms: float
    own_ms: float


@dataclass(frozen=True, slots=True)
class SinkCost:
    """Cost of a set of sinks: medians of all rounds.

    Attributes:
        cpu_ms: see `RunCost`.
        own_ms: see `RunCost`.
        ratio: CPU time relative to the run without sinks of the same round.
        low: lower quartile of the ratio.
        high: upper quartile of the ratio.
    """

    cpu_ms: float
    own_ms: float
    ratio: float
    low: float
    high: float


class CpuTimedSource(MemorySource):
    """A camera that records the process's CPU time between the warm-up and the last frame.

    Attributes:
        frames: number of measured frames.
        cpu_s: CPU time of all threads, s.
        sinks_s: CPU time of the threads that are no step's, s.
    """

    def __init__(self, rendered: SceneFrames, colors: Sequence[Color] | None, *, on_warm: Callable[[], object]) -> None:
        """Prepare the frames.

        Args:
            rendered: the frames, which are repeated as needed.
            colors: the same frames in colour; None if no sink needs colour.
            on_warm: called before the first measured frame.
        """
        fps = rendered.scene.fps
        self._first, last = round(WARM_UP_S * fps), round((WARM_UP_S + MEASURED_S) * fps)
        super().__init__(rendered, live=True, loops=-(-last // len(rendered.frames)))
        self._end = last
        self._on_warm = on_warm
        self._colors = colors
        self._start_s = self._sinks_start_s = 0.0
        self.cpu_s = self.sinks_s = 0.0
        self.frames = last - self._first

    def read(self) -> Frame | None:
        """Return the next frame."""
        frame = super().read()
        if frame is None:
            self.cpu_s = time.process_time() - self._start_s
            self.sinks_s = _sinks_cpu_s() - self._sinks_start_s
        elif frame.index >= self._first and not self._start_s:
            self._on_warm()
            self._start_s, self._sinks_start_s = time.process_time(), _sinks_cpu_s()
        if frame is None or self._colors is None:
            return frame
        return replace(frame, color=self._colors[frame.index % len(self._colors)])


def _sinks_cpu_s() -> float:
    """Return the CPU time of all threads except the steps', s.

    Source: Linux, Documentation/scheduler/sched-stats: the first field of schedstat is the time on the processor, ns.
    """
    spent_ns = 0
    for thread in threading.enumerate():
        if thread.name not in STEP_THREADS:
            spent_ns += int(Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text().split()[0])
    return spent_ns / 1e9


@dataclass(frozen=True, slots=True)
class NoLog:
    """The health of a log that does not exist."""

    path: str = ""
    dropped: int = 0
    error: str = ""
    clock_error: str = ""
    bytes_written: int = 0
    flushes: int = 0


def compare_sinks(scene: Scene, setups: dict[str, SinkSetup], *, rounds: int = ROUNDS) -> dict[str, SinkCost]:
    """Measure all setups in turn, round after round, so that a machine that slows down affects all alike.

    Args:
        scene: in front of the camera.
        setups: by name; the others are compared with the first.
        rounds: number of measured rounds.
    """
    count = round((WARM_UP_S + MEASURED_S) * scene.fps)
    rendered, colors = render_frames(scene, count=count), render_frames(scene, count=count, color=True).frames
    costs: dict[str, list[RunCost]] = {name: [] for name in setups}
    for number in range(rounds + 1):
        for name, setup in setups.items():
            cost = measure_sinks(rendered, colors, setup)
            if number:  # the first round imports packages, and does whatever else happens once in a process
                costs[name].append(cost)
    without_sinks = next(iter(costs.values()))
    return {name: _median_cost(values, without_sinks) for name, values in costs.items()}


def measure_sinks(rendered: SceneFrames, colors: Sequence[Color], setup: SinkSetup) -> RunCost:
    """Run the pipeline with a set of sinks.

    Args:
        rendered: the frames, grey.
        colors: the same frames in colour, for sinks that need it, as a camera's driver provides it.
        setup: the sinks.
    """
    cv2.setNumThreads(1)
    counters = Counters()
    with ExitStack() as clients:
        source = CpuTimedSource(
            rendered,
            colors if needs_color(setup.settings) else None,
            on_warm=lambda: clients.enter_context(setup.connect_clients()),
        )
        steps = build_steps(setup.settings)(is_still_images=False)
        health = Health(counters, source, NoLog(), Sensors(), stalled_s=10.0)
        classifier = steps.track_classifier
        extras = new_optional_sinks(
            setup.settings, SinkContext(health.status, counters, classifier.model, classifier.labels)
        )
        health.sinks = extras.all
        Pipeline(
            source,
            steps,
            [*setup.open_sinks(), *extras.readings],
            counters,
            setup.settings,
            frame_sinks=extras.frames,
            servers=extras.servers,
        ).run()
        faults = {sink.name: sink.error for sink in health.sinks if sink.error}
        assert not faults, faults
    return RunCost(source.cpu_s / source.frames * 1e3, source.sinks_s / source.frames * 1e3)


def _median_cost(costs: list[RunCost], without_sinks: list[RunCost]) -> SinkCost:
    ratios = [cost.cpu_ms / base.cpu_ms for cost, base in zip(costs, without_sinks, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    cpu_ms = statistics.median(cost.cpu_ms for cost in costs)
    own_ms = statistics.median(cost.own_ms for cost in costs)
    return SinkCost(cpu_ms, own_ms, middle, low, high)


def free_port() -> int:
    """Return a TCP port that is free at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def scraper(url: str, *, every_s: float) -> Iterator[None]:
    """Run a process that requests `url` every `every_s` seconds, as Prometheus does."""
    with _process(_SCRAPER, url, str(every_s)):
        yield


@contextmanager
def viewer(url: str) -> Iterator[None]:
    """Run a process that requests the live page's frames, as a browser does: the next one as soon as one arrives."""
    with _process(_VIEWER, url):
        yield


@contextmanager
def _process(*arguments: str) -> Iterator[None]:
    """Run Python in another process, whose CPU time is not ours; its error when our server closes is discarded."""
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
    with urllib.request.urlopen(url, timeout=10) as response:
        response.read()
"""

_VIEWER = """
import http.client, json, sys, urllib.parse
connection = http.client.HTTPConnection(urllib.parse.urlsplit(sys.argv[1]).netloc, timeout=10)
number = 0
while True:
    connection.request("GET", f"/frame?watcher=bench&after={number}")
    response = connection.getresponse()
    response.read()
    if response.status == 200:
        number = json.loads(response.headers["X-Shot"])["number"]
"""
