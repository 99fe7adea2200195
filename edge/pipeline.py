"""Joins sources, vision, runtime and sinks: the only file that knows them all.

The way of a frame:

1. `capture`   the source gives a `Frame`                                       thread capture
2. `follow`    known faces are found again, each in its window: `Track`         thread follow
3. `scan`      now and then new faces are looked for: `Detection`               thread scan, beside the others
4. `name`      each face is cropped and classified at its own rate, and what    thread name
               is said of it is steadied over time: `Reading`
5. `deliver`   all readings of the frame go to each sink: `Observation`; a      a thread for each
               viewer is given the picture, too: `Shown`; where only counts
               may be told, neither leaves: `Counts`

A camera's frames are handed over newest-wins, so that latency never grows, and no frame waits for a scan: what it
finds is carried to the frame of that moment. A file's frames are waited for, so that nothing is lost, and what a scan
finds is used with the very next frame, so that two runs say the same. Pictures are independent of each other: each is
searched as a whole, and nothing is carried from one to the next.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from edge.board import Board
from edge.errors import CameraError, SourceError
from edge.heat import HeatGuard
from edge.meters import Meters
from edge.observe import Observer
from edge.outlets import Outlets
from edge.records import Box, Frame, Observation, Shown, Track, TrackedFrame
from edge.runtime.crew import JOIN_TIMEOUT_S, Crew
from edge.runtime.guard import Guard
from edge.runtime.handover import HandOver, Policy
from edge.runtime.pace import Pace
from edge.settings import Settings
from edge.sinks.base import Sink, Viewer
from edge.sources.base import Source
from edge.sources.reopen import ReopeningSource
from edge.vision.detect import HaarDetector
from edge.vision.follow import FaceFollower, Scanned
from edge.vision.name import FaceNamer

CHECK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps between source and sinks. scanner: finds new faces in a stream, and all faces in a picture."""

    follower: FaceFollower
    scanner: HaarDetector
    namer: FaceNamer


class Watch(Protocol):
    """Looks how a run is, from the main thread."""

    def check(self) -> None:
        """All is well; called about every `CHECK_EVERY_S`."""

    def stopping(self) -> None:
        """The run is told to end."""


class Pipeline:
    """One run from a source to its sinks."""

    def __init__(
        self,
        source: Source,
        steps: Steps,
        sinks: Sequence[Sink | Guard[Observation]],
        meters: Meters,
        settings: Settings,
        *,
        viewers: Sequence[Viewer | Guard[Shown]] = (),
        servers: Sequence[Guard[None]] = (),
        watch: Watch | None = None,
    ) -> None:
        self._source = source
        self._watch = watch
        self._steps = steps
        self._meters = meters
        self._settings = settings
        self._heat = HeatGuard(Board(), limit_c=settings.schedule.heat_limit_c)
        self._pace = Pace()
        # On a thread of its own: closing waits for a read that is under way, and a broken driver's may never return.
        self._closer = threading.Thread(target=source.close, name="close", daemon=True)
        self._stopping = False
        policy = Policy.NEWEST_WINS if source.live else Policy.BLOCKING
        self._frames: HandOver[Frame] = HandOver(policy)
        self._to_scan: HandOver[tuple[Frame, Box]] = HandOver(Policy.BLOCKING)
        self._scanned: HandOver[Scanned] = HandOver(Policy.BLOCKING)
        self._tracked: HandOver[TrackedFrame] = HandOver(policy)
        self._observer = Observer(steps.namer, meters, stills=source.stills)
        counts_only = settings.privacy.counts_only
        self._outlets = Outlets(sinks, viewers, policy, meters, servers=servers, counts_only=counts_only)
        self._crew = Crew()
        self._crew.add("capture", self._capture, ends=[self._frames])
        if source.stills:
            self._crew.add("scan", self._scan_pictures, ends=[self._frames, self._tracked])
        else:
            self._crew.add("follow", self._follow, ends=[self._frames, self._to_scan, self._tracked])
            self._crew.add("scan", self._scan, ends=[self._to_scan, self._scanned])
        self._crew.add("name", self._name, ends=[self._tracked, self._outlets])
        self._outlets.enlist(self._crew)
        meters.dropped = lambda: self._frames.dropped + self._tracked.dropped
        meters.undelivered = lambda: self._outlets.dropped
        meters.queues = {"follow": self._frames, "scan": self._to_scan, "name": self._tracked}

    def ask_stop(self) -> None:
        """End in good order; may be called from any thread and from a signal handler."""
        self._crew.ask_stop()

    def run(self) -> None:
        """Run until the source ends or a stop is asked for. All threads have ended when it returns.

        Raises:
            EdgeError: what a step failed with; CameraError where a camera has fallen silent.
        """
        self._meters.captured_at = time.monotonic()
        try:
            self._crew.run(stop=self._stop, check=self._check, check_every_s=CHECK_EVERY_S)
        finally:
            if self._stopping:
                self._closer.join(JOIN_TIMEOUT_S)

    def _capture(self) -> None:
        try:
            while (frame := self._read()) is not None:
                self._meters.captured += 1
                self._meters.captured_at = frame.captured_at
                self._frames.put(frame)
                if self._source.live:
                    self._pace.wait(frame.captured_at)
        finally:
            self._source.close()

    def _read(self) -> Frame | None:
        try:
            return None if self._stopping else self._source.read()
        except SourceError:
            if self._stopping:
                return None  # closed under its hands, by us
            raise

    def _follow(self) -> None:
        scanning = False
        while True:
            frame = self._frames.get()
            scanned = self._scan_result(wait=scanning and not self._source.live)
            scanning = scanning and scanned is None
            with self._meters.follow.measure():
                followed = self._steps.follower.update(
                    frame.gray, position_s=frame.position_s, scanned=scanned, strain=self._heat.strain
                )
            self._set_pace(idle=followed.idle)
            if followed.scan is not None:
                self._to_scan.put((frame, followed.scan))
                scanning = True
            self._tracked.put(TrackedFrame(frame, followed.tracks))

    def _set_pace(self, *, idle: bool) -> None:
        schedule, strain = self._settings.schedule, self._heat.strain
        fps = schedule.max_fps or self._settings.source.fps
        if idle:
            fps = min(fps, schedule.idle_fps)
        held_back = idle or strain or schedule.max_fps
        self._pace.set((1 << strain) / fps if held_back else 0.0)

    def _scan_result(self, *, wait: bool) -> Scanned | None:
        return self._scanned.get() if wait else self._scanned.poll()

    def _scan(self) -> None:
        while True:
            frame, region = self._to_scan.get()
            with self._meters.scan.measure():
                detections = self._steps.scanner.detect(frame.gray, region=region)
            self._scanned.put(Scanned(tuple(detections), frame.position_s))

    def _scan_pictures(self) -> None:
        while True:
            frame = self._frames.get()
            with self._meters.scan.measure():
                detections = self._steps.scanner.detect(frame.gray)
            tracks = tuple(Track(number, found.box, 1, 0) for number, found in enumerate(detections, start=1))
            self._tracked.put(TrackedFrame(frame, tracks))

    def _name(self) -> None:
        while True:
            tracked = self._tracked.get()
            self._outlets.put(tracked.frame, self._observer.observe(tracked))

    def _check(self) -> None:
        now_s = time.monotonic()
        self._heat.update(now_s)
        silent_s = now_s - max(self._meters.captured_at, self._busy_until_s())
        if self._source.live and silent_s > self._settings.source.stall_timeout_s:
            raise CameraError(
                f"{self._source.name}: expected a frame, found none for {silent_s:.0f} s: check the camera"
            )
        if self._watch is not None:
            self._watch.check()

    def _busy_until_s(self) -> float:
        """Until when a camera that is opened again may be silent, monotonic clock, s."""
        return self._source.state.busy_until_s if isinstance(self._source, ReopeningSource) else 0.0

    def _stop(self) -> None:
        """Frames not yet looked at are dropped; readings already made still reach their sinks."""
        self._stopping = True
        if self._watch is not None:
            self._watch.stopping()
        self._pace.close()
        self._closer.start()
        self._frames.close(discard=True)
        self._to_scan.close(discard=True)
        self._tracked.close(discard=True)
