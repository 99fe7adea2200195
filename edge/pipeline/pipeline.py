"""Runs the steps from a source to its sinks, each on its own thread.

The way of a frame:

1. `capture`   the source reads a `Frame`, which is turned as the camera is     thread capture
               mounted
2. `follow`    known faces are detected again, each in its window: `Track`      thread follow
3. `scan`      now and then the frame is searched for new faces: `Detection`;   thread scan, parallel to the others
               an automatic search for the camera's orientation tries a turned
               frame as well: `Trial`
4. `classify`  each face is cropped and classified at its own rate, and its     thread classify
               predictions are smoothed over time: `Reading`
5. `deliver`   each sink gets all readings of the frame: `Observation`; one     a thread for each sink
               that shows pictures gets the frame too: `FrameWithReadings`;
               with `counts_only` neither leaves: `MinuteCounts`

A camera's queues drop the oldest frame, so that latency never grows, and no frame waits for a scan: its detections are
moved to where the faces are by then. A file's queues block, so that nothing is lost, and the next frame waits for the
scan's detections, so that two runs give the same log. Still images are independent of each other: each is searched as
a whole, and nothing carries over to the next.
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from edge.counters import Counters
from edge.device.memory import give_back_memory, shortage_of
from edge.device.run_clock import RunClock
from edge.device.sensors import Sensors
from edge.device.thermal import ThermalThrottle
from edge.errors import CameraError, EdgeError, SourceError
from edge.pipeline.fanout import FanOut
from edge.pipeline.readings import make_observation, without_faces
from edge.records import Box, Frame, FrameWithReadings, Observation, Track, TrackedFrame
from edge.runtime.queue import BoundedQueue, Policy
from edge.runtime.rate_limiter import RateLimiter
from edge.runtime.workers import JOIN_TIMEOUT_S, Workers
from edge.settings.schema import Settings
from edge.sinks.base import Sink
from edge.sources.base import PictureCheck, Source, camera_error
from edge.sources.mounting import Mounting
from edge.sources.reopen import ReopeningSource, Replaced
from edge.vision.classify_tracks import TrackClassifier
from edge.vision.detector import Detector
from edge.vision.orientation import OrientationSearch, Trial, TrialResult, find_turn, try_orientations
from edge.vision.picture import FAULTS, PictureMonitor
from edge.vision.schedule import DetectionSchedule, ScanResult, ScheduleResult

log = logging.getLogger(__name__)

CHECK_EVERY_S = 0.5

GIVE_BACK_EVERY_S = 60.0
"""Time after which free memory is returned to the system, s.

Source: a simulated week with people, faults and browsers (`make soak`): 136 instead of 151 MB at most, and no growth.
"""

FACES_END_S = 3.0
"""Time without a frame after which the faces of a live source have ended, s, in addition to that between two frames."""


@dataclass(frozen=True, slots=True, eq=False)
class ScanRequest:
    """A frame for the scan thread.

    Attributes:
        frame: the frame.
        region: its region to scan for new faces; None for no scan.
        trial: a look at the frame in other orientations; None for no look.
        trial_region: the region for a trial that scans.
    """

    frame: Frame
    region: Box | None
    trial: Trial | None
    trial_region: Box | None


@dataclass(frozen=True, slots=True, eq=False)
class ScanReply:
    """The scan thread's results for a request, each None if it was not requested.

    Attributes:
        scan: the detections.
        trial: the face found in another orientation.
        cpu_s: CPU time that both took, s; 0 if it does not matter, as for a file, whose log must not depend on it.
    """

    scan: ScanResult | None
    trial: TrialResult | None
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps between source and sinks.

    Attributes:
        follower: detects known faces again in each frame, and decides when to scan for new ones.
        scanner: finds new faces in a stream, and all faces in a still image.
        track_classifier: classifies the tracks' faces and smooths the predictions.
    """

    follower: DetectionSchedule
    scanner: Detector
    track_classifier: TrackClassifier


class Watch(Protocol):
    """Observes a run from the main thread."""

    def check(self) -> None:
        """Observe a healthy run; called about every `CHECK_EVERY_S`."""

    def stopping(self) -> None:
        """Note that the run begins to stop; called once."""


class Pipeline:
    """One run from a source to its sinks."""

    def __init__(
        self,
        source: Source,
        steps: Steps,
        sinks: Sequence[Sink[Observation]],
        counters: Counters,
        settings: Settings,
        *,
        frame_sinks: Sequence[Sink[FrameWithReadings]] = (),
        servers: Sequence[Sink[None]] = (),
        workers: Workers | None = None,
        watch: Watch | None = None,
        mounting: Mounting | None = None,
        search: OrientationSearch | None = None,
        turns_images: bool = False,
        picture: PictureMonitor | None = None,
        clock: RunClock | None = None,
    ) -> None:
        """Connect the steps by queues; nothing runs yet.

        Args:
            source: the source; closed when the run ends.
            steps: the steps, made for this source.
            sinks: sinks that receive each frame's observation. All are open or supervised; their threads close them.
            counters: count frames, readings and drops.
            settings: all settings.
            frame_sinks: sinks that receive each frame with its observation.
            servers: sinks that receive no items.
            workers: the run's threads, if others must be able to stop them; None to make them.
            watch: observes the run; None for nobody.
            mounting: turns, mirrors and crops each frame; None passes the frames on as they are.
            search: decides when `mounting` turns the frames of a camera; None leaves them as they are mounted.
            turns_images: whether `mounting` turns each still image so that its faces are upright.
            picture: watches a camera's picture for faults; None for any other source.
            clock: the run's clock; None for a new one.
        """
        self._source = source
        self._mounting = mounting
        self._search = search
        self._turns_images = turns_images
        self._watch = watch
        self._picture = picture
        self._steps = steps
        self._counters = counters
        self._settings = settings
        self._throttle = ThermalThrottle(Sensors(), limit_c=settings.schedule.heat_limit_c)
        self._rate_limiter = RateLimiter()
        self._clock = clock or RunClock()
        self._gave_back_s = self._clock.now_s()
        self._reading_since_s: float | None = None  # when the read began that has not returned, on the run clock
        patience_s = settings.source.stall_timeout_s
        self._picture_check = PictureCheck(source.name, patience_s=patience_s, clock=self._clock)
        # On a thread of its own: closing waits for the current read, which with a broken driver may never return.
        self._closer = threading.Thread(target=source.close, name="close", daemon=True)
        self._stopping = threading.Event()
        policy = Policy.DROP_OLDEST if source.live else Policy.BLOCK
        self._frames: BoundedQueue[Frame] = BoundedQueue(policy)
        self._to_scan: BoundedQueue[ScanRequest] = BoundedQueue(Policy.BLOCK)
        self._scanned: BoundedQueue[ScanReply] = BoundedQueue(Policy.BLOCK)
        self._tracked: BoundedQueue[TrackedFrame] = BoundedQueue(policy)
        counts_only = settings.privacy.counts_only
        self._fan_out = FanOut(sinks, frame_sinks, policy, counters, servers=servers, counts_only=counts_only)
        self._workers = workers or Workers()
        self._workers.add("capture", self._capture, ends=[self._frames])
        # A stop does not wait for a scan: nobody needs its result any more, and it may take seconds on a small board.
        if source.is_still_images:
            self._workers.add("scan", self._scan_still_images, ends=[self._frames, self._tracked], optional=True)
        else:
            self._workers.add("follow", self._follow, ends=[self._frames, self._to_scan, self._tracked])
            self._workers.add("scan", self._scan, ends=[self._to_scan, self._scanned], optional=True)
        self._workers.add("classify", self._classify, ends=[self._tracked, self._fan_out])
        self._fan_out.add_workers(self._workers)
        counters.queues = {"follow": self._frames, "scan": self._to_scan, "classify": self._tracked}

    def ask_stop(self) -> None:
        """Request a stop in good order; may be called from any thread and from a signal handler."""
        self._workers.ask_stop()

    def run(self) -> None:
        """Run until the source ends or a stop is requested. All threads have ended when it returns.

        Raises:
            EdgeError: a step has failed; CameraError if a camera delivers no more frames.
        """
        self._clock.tick()
        try:
            self._workers.run(stop=self._stop, check=self._check, check_every_s=CHECK_EVERY_S)
        finally:
            if not self._stopping.is_set():
                self._close_source()
            if self._closer.ident is not None:  # it was started
                self._closer.join(JOIN_TIMEOUT_S)

    def _capture(self) -> None:
        while (frame := self._read()) is not None:
            self._counters.captured += 1
            self._frames.put(frame if self._mounting is None else self._mounting.orient(frame))
            if self._source.live:
                self._rate_limiter.wait(frame.captured_at)

    def _read(self) -> Frame | None:
        """Return the next usable frame; None at the end.

        Raises:
            SourceError: the source has failed.
            Replaced: this thread was abandoned.
        """
        while True:
            frame = self._read_any()
            if frame is None or not self._source.is_camera or self._picture_check.is_usable(frame):
                return frame

    def _read_any(self) -> Frame | None:
        if self._stopping.is_set():
            return None
        self._reading_since_s = self._clock.now_s()
        try:
            return self._source.read()
        except Exception as error:
            if self._stopping.is_set() and not isinstance(error, Replaced):
                return None  # the stop closed the source while it was read
            if isinstance(error, EdgeError | Replaced):
                raise
            raise _source_error(self._source, error) from error
        finally:
            self._reading_since_s = None

    def _follow(self) -> None:
        follower, pending, before = self._steps.follower, 0, None
        while True:
            frame = self._frames.get()
            reply = self._scan_reply(wait=bool(pending) and not self._source.live)
            pending -= reply is not None
            if before is not None and self._breaks_off(before, frame):
                for _ in range(pending):
                    self._scanned.get()  # of the frames before the break
                reply, pending = None, 0
                self._start_over()
            before = frame
            if self._is_faulty(frame):
                self._limit_rate(idle=True)
                self._tracked.put(TrackedFrame(frame, (), self._counters.picture_fault))
                continue
            with self._counters.follow.measure():
                followed = follower.update(
                    frame.gray,
                    media_time_s=frame.media_time_s,
                    scan_result=reply.scan if reply else None,
                    throttle_level=self._throttle.level,
                )
            self._limit_rate(idle=followed.idle)
            if reply is not None and reply.trial is not None:
                self._turn_if_found(reply.trial, reply.cpu_s, frame.media_time_s)
            trial = None if pending else self._next_trial(followed, frame.media_time_s)
            if followed.scan_region is not None or trial is not None:
                self._to_scan.put(ScanRequest(frame, followed.scan_region, trial, followed.changed_region))
                pending += 1
            self._tracked.put(TrackedFrame(frame, followed.tracks))

    def _is_faulty(self, frame: Frame) -> bool:
        """Return whether the camera's picture shows nothing; the first such picture ends all tracks."""
        if self._picture is None:
            return False
        before, fault = self._picture.fault, self._picture.update(frame.gray, media_time_s=frame.media_time_s)
        if fault == before:
            return fault is not None
        self._counters.picture_fault = fault
        if fault is None:
            log.info("%s: the picture is good again", self._source.name)
            return False
        log.warning("%s: %s", self._source.name, FAULTS[fault])
        self._start_over()
        return True

    def _breaks_off(self, before: Frame, frame: Frame) -> bool:
        """Return whether nothing found in the frame before still holds: the faces of a stream end there.

        That is so if the frames are turned otherwise or have another size since, if the camera was opened again, and if
        a live source gave no frame for a while: whoever is there now need not be who was there before.
        """
        if (frame.rotation, frame.opening, frame.gray.shape) != (before.rotation, before.opening, before.gray.shape):
            return True
        return self._source.live and frame.captured_at - before.captured_at > self._longest_silence_s

    @property
    def _longest_silence_s(self) -> float:
        """Time without a frame after which the faces of a live source have ended, s."""
        return FACES_END_S + self._rate_limiter.interval_s

    def _start_over(self) -> None:
        """Forget what was found in the frames so far: nothing is where it was."""
        self._steps.follower.reset()
        if self._search is not None:
            self._search.reset()

    def _next_trial(self, followed: ScheduleResult, media_time_s: float) -> Trial | None:
        if self._search is None:
            return None
        return self._search.next_trial(
            followed.tracks, media_time_s=media_time_s, scans=followed.scan_region is not None
        )

    def _turn_if_found(self, result: TrialResult, cpu_s: float, media_time_s: float) -> None:
        """Add a trial's result to the search; turn the next frames if faces are upright then."""
        if self._search is None or self._mounting is None:
            return
        turn = self._search.add(result, media_time_s=media_time_s, cpu_s=cpu_s)
        if turn:
            self._mounting.turn(turn)
            self._search.reset()

    def _limit_rate(self, *, idle: bool) -> None:
        schedule, level = self._settings.schedule, self._throttle.level
        fps = schedule.max_fps or self._settings.source.fps
        if idle:
            fps = min(fps, schedule.idle_fps)
        is_limited = idle or level or schedule.max_fps
        self._rate_limiter.set((1 << level) / fps if is_limited else 0.0)

    def _scan_reply(self, *, wait: bool) -> ScanReply | None:
        return self._scanned.get() if wait else self._scanned.poll()

    def _scan(self) -> None:
        while True:
            request = self._to_scan.get()
            started_s = time.thread_time()
            detections = trial = None
            if request.region is not None:
                with self._counters.scan.measure():
                    detections = self._steps.scanner.scan(request.frame.gray, region=request.region)
            if request.trial is not None:
                trial = try_orientations(
                    self._steps.scanner, request.frame.gray, request.trial, region=request.trial_region
                )
            cpu_s = time.thread_time() - started_s if self._source.live else 0.0
            scan = None if detections is None else ScanResult(tuple(detections), request.frame.media_time_s, cpu_s)
            self._scanned.put(ScanReply(scan, trial, cpu_s))

    def _scan_still_images(self) -> None:
        while True:
            frame = self._frames.get()
            with self._counters.scan.measure():
                if self._mounting is not None and self._turns_images:
                    turn = find_turn(self._steps.scanner, frame.gray)
                    frame = self._mounting.turn_frame(frame, turn or 0)
                detections = self._steps.scanner.scan(frame.gray)
            tracks = tuple(
                Track(number, found.box, 1, 0, found.roll_deg or 0.0)
                for number, found in enumerate(detections, start=1)
            )
            self._tracked.put(TrackedFrame(frame, tracks))

    def _classify(self) -> None:
        track_classifier = self._steps.track_classifier
        shown: TrackedFrame | None = None  # the newest frame with a face, until the faces have ended
        while True:
            tracked = self._tracked.get(timeout_s=self._longest_silence_s if shown and self._source.live else None)
            if tracked is None:
                if shown is not None:
                    self._fan_out.put(shown.frame, without_faces(shown.frame))
                shown = None
                continue
            if self._source.is_still_images:
                track_classifier.reset()
            shown = tracked if tracked.tracks else None
            self._fan_out.put(tracked.frame, make_observation(tracked, track_classifier, self._counters))

    def _check(self) -> None:
        self._clock.tick()
        self._throttle.update(time.monotonic())
        if self._clock.now_s() - self._gave_back_s >= GIVE_BACK_EVERY_S:
            self._gave_back_s = self._clock.now_s()
            give_back_memory()
        if isinstance(self._source, ReopeningSource):
            if self._source.is_hung():
                self._workers.replace("capture")
        elif self._source.is_camera:  # a looped file is opened again each round, which a slow machine takes seconds for
            self._check_silence()
        if self._watch is not None:
            self._watch.check()

    def _check_silence(self) -> None:
        since_s = self._reading_since_s
        silent_s = 0.0 if since_s is None else self._clock.now_s() - since_s
        if silent_s > self._settings.source.stall_timeout_s:
            raise CameraError(
                f"{self._source.name}: expected a frame, found none for {silent_s:.0f} s: check the camera"
            )

    def _stop(self) -> None:
        """Drop frames that wait for a step; readings already made still reach their sinks."""
        self._stopping.set()
        if self._watch is not None:
            self._watch.stopping()
        self._rate_limiter.close()
        self._frames.close(discard=True)
        self._to_scan.close(discard=True)
        self._scanned.close(discard=True)  # the thread that follows faces may wait for a scan
        self._tracked.close(discard=True)
        self._close_source()

    def _close_source(self) -> None:
        try:
            self._closer.start()
        except RuntimeError:  # the system gives no further thread
            self._source.close()


def _source_error(source: Source, error: Exception) -> EdgeError:
    """Return what a source's driver or decoder has raised as an error for the user."""
    if source.is_camera:
        return camera_error(source.name, error)
    return shortage_of(error) or SourceError(
        f"{source.name}: expected the next frame, found {type(error).__name__}: {error}: check the file"
    )
