"""Joins sources, vision, runtime and sinks: the only file that knows them all.

The way of a frame:

1. `capture`   the source gives a `Frame`                                     thread capture
2. `detect`    the detector finds faces in it: `Detection`                    thread detect
3. `track`     the tracker gives each face its id: `Track`                    thread detect
4. `classify`  the face is cropped, the model names it: `EmotionScores`       thread classify
5. `smooth`    the name is steadied over time: `Reading`                      thread classify
6. `deliver`   all readings of the frame go to each sink: `Observation`       a thread for each sink

A camera's frames are handed over newest-wins, so that latency never grows; a file's are waited for, so that nothing is
lost and two runs say the same.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from edge.errors import CameraError, SourceError
from edge.records import Frame, Observation, Reading, Track, TrackedFrame
from edge.runtime.crew import Crew
from edge.runtime.handover import HandOver, Policy
from edge.runtime.timings import StepTimes
from edge.sinks.base import Sink
from edge.sources.base import Source
from edge.vision.classify import EmotionClassifier
from edge.vision.detect import HaarDetector
from edge.vision.smooth import Smoother
from edge.vision.track import Tracker

SINK_CAPACITY = 256
"""Observations that may wait for a slow sink: some eight seconds at 30 a second."""

CHECK_EVERY_S = 0.5


@dataclass(slots=True)
class Meters:
    """What a run counts. Each step's times are written by its own thread.

    latency: from a frame in memory to its readings. emotions: readings by name. faces: tracks that were ever seen.
    """

    captured: int = 0
    captured_at: float = 0.0
    detect: StepTimes = field(default_factory=StepTimes)
    classify: StepTimes = field(default_factory=StepTimes)
    latency: StepTimes = field(default_factory=StepTimes)
    emotions: Counter[str] = field(default_factory=Counter)
    frames_with_face: int = 0
    dropped: Callable[[], int] = lambda: 0


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps between source and sinks."""

    detector: HaarDetector
    tracker: Tracker
    classifier: EmotionClassifier
    smoother: Smoother


class Pipeline:
    """One run from a source to its sinks."""

    def __init__(
        self, source: Source, steps: Steps, sinks: Sequence[Sink], meters: Meters, *, stall_timeout_s: float
    ) -> None:
        self._source = source
        self._steps = steps
        self._meters = meters
        self._stall_timeout_s = stall_timeout_s
        self._stopping = False
        policy = Policy.NEWEST_WINS if source.live else Policy.BLOCKING
        self._frames: HandOver[Frame] = HandOver(policy)
        self._tracked: HandOver[TrackedFrame] = HandOver(policy)
        self._outlets: list[HandOver[Observation]] = [HandOver(policy, capacity=SINK_CAPACITY) for _ in sinks]
        self._crew = Crew()
        self._crew.add("capture", self._capture, ends=[self._frames])
        self._crew.add("detect", self._detect, ends=[self._frames, self._tracked])
        self._crew.add("classify", self._classify, ends=[self._tracked, *self._outlets])
        for sink, outlet in zip(sinks, self._outlets, strict=True):
            self._crew.add(sink.name, partial(_deliver, sink, outlet), ends=[outlet])
        meters.dropped = lambda: self._frames.dropped + self._tracked.dropped

    def ask_stop(self) -> None:
        """End in good order; may be called from any thread and from a signal handler."""
        self._crew.ask_stop()

    def run(self) -> None:
        """Run until the source ends or a stop is asked for. All threads have ended when it returns.

        Raises:
            EdgeError: what a step failed with; CameraError where a camera has fallen silent.
        """
        self._meters.captured_at = time.monotonic()
        self._crew.run(stop=self._stop, check=self._check, check_every_s=CHECK_EVERY_S)

    def _capture(self) -> None:
        try:
            while (frame := self._read()) is not None:
                self._meters.captured += 1
                self._meters.captured_at = frame.captured_at
                self._frames.put(frame)
        finally:
            self._source.close()

    def _read(self) -> Frame | None:
        try:
            return None if self._stopping else self._source.read()
        except SourceError:
            if self._stopping:
                return None  # closed under its hands, by us
            raise

    def _detect(self) -> None:
        steps, stills = self._steps, self._source.stills
        while True:
            frame = self._frames.get()
            with self._meters.detect.measure():
                if stills:
                    steps.tracker.reset()
                detections = steps.detector.detect(frame.gray)
                tracks = steps.tracker.update(detections, position_s=frame.position_s)
            self._tracked.put(TrackedFrame(frame, tracks))

    def _classify(self) -> None:
        while True:
            item = self._tracked.get()
            observation = self._observe(item)
            for outlet in self._outlets:
                outlet.put(observation)

    def _observe(self, item: TrackedFrame) -> Observation:
        """Steps 4 and 5 for every face that was found in this very frame."""
        frame, meters = item.frame, self._meters
        present = tuple(track.track_id for track in item.tracks)
        if self._source.stills:
            self._steps.smoother.reset()
        self._steps.smoother.keep(present)
        readings = tuple(self._read_face(frame, track) for track in item.tracks if track.missed == 0)
        meters.latency.add(time.monotonic() - frame.captured_at)
        meters.emotions.update(reading.emotion for reading in readings)
        meters.frames_with_face += bool(readings)
        return Observation(frame.index, frame.source, frame.captured_at, frame.position_s, readings, present)

    def _read_face(self, frame: Frame, track: Track) -> Reading:
        classifier = self._steps.classifier
        with self._meters.classify.measure():
            scores = classifier.classify(frame.gray, track.box)
        said = self._steps.smoother.update(track.track_id, scores, position_s=frame.position_s)
        height, width = frame.gray.shape
        return Reading(
            track_id=track.track_id,
            box=track.box.clipped(width, height),
            emotion=said.emotion,
            confidence=said.confidence,
            probabilities=dict(zip(classifier.labels, said.probabilities.tolist(), strict=True)),
            frame_index=frame.index,
            captured_at=frame.captured_at,
            latency_s=time.monotonic() - frame.captured_at,
        )

    def _check(self) -> None:
        silent_s = time.monotonic() - self._meters.captured_at
        if self._source.live and silent_s > self._stall_timeout_s:
            raise CameraError(
                f"{self._source.name}: expected a frame, found none for {silent_s:.0f} s: check the camera"
            )

    def _stop(self) -> None:
        """Frames not yet looked at are dropped; readings already made still reach their sinks."""
        self._stopping = True
        # On a thread of its own: closing waits for a read that is under way, and a broken driver's may never return.
        threading.Thread(target=self._source.close, name="close", daemon=True).start()
        self._frames.close(discard=True)
        self._tracked.close(discard=True)


def _deliver(sink: Sink, outlet: HandOver[Observation]) -> None:
    try:
        while True:
            sink.write(outlet.get())
    finally:
        sink.close()
