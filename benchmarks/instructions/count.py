"""Runs the runtime's steps between marks, inside the emulator, which writes down the instructions at each mark.

`report.py` starts it. Pictures are drawn outside the marks, and each step runs once unmarked before it is counted.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import cv2

from edge.manifest import read_model
from edge.meters import Meters
from edge.pipeline import Pipeline
from edge.records import Frame, Gray, Observation
from edge.run import build_steps, open_log
from edge.scenes.catalogue import make_scene
from edge.scenes.light import Light, changing
from edge.scenes.render import Scene
from edge.settings import LogSettings, ScheduleSettings, Settings
from edge.shipped import SHIPPED_MODEL
from edge.vision.cascade import open_cascade
from edge.vision.classify import EmotionClassifier
from edge.vision.detect import HaarDetector, new_scanner
from edge.vision.follow import MARGIN, SIZES
from edge.vision.motion import MotionGate
from edge.vision.redetect import Redetector

MARK = 0x45440000
"""As in plugin.c: a process number that nobody can have."""

FPS = 30.0
WARM_UP_FRAMES = 45
COUNTED_FRAMES = 90
"""The first one and a half seconds, with the scan of the start, are not counted; the next three are. Scans come at
whole seconds, so none is under way when the count begins or ends.
"""

BRIGHTENING = changing((0, Light(gain=0.8)), (2, Light(gain=1.2)), (4, Light(gain=0.8)))
"""So slow that nothing seems to move, so much that every second all of the picture has changed since its last scan."""

STREAMS = {
    "frame, nobody there": make_scene("empty", fps=FPS),
    "frame, one face": make_scene("slow", fps=FPS),
    "frame, one face, and all is scanned every second": replace(make_scene("slow", fps=FPS), light=BRIGHTENING),
    "frame, three faces": make_scene("three", fps=FPS),
}
"""Section to scene."""


@dataclass(frozen=True, slots=True)
class Section:
    """What a pair of marks stands for. Its first mark is twice its place in the list. times: repeats between them."""

    name: str
    times: int


class Marks:
    """Sets the marks, and keeps what they stand for."""

    def __init__(self) -> None:
        self.sections: list[Section] = []

    @contextlib.contextmanager
    def section(self, name: str, *, times: int) -> Iterator[None]:
        """Count what runs within the `with` block."""
        self.begin()
        yield
        self.end(name, times=times)

    def begin(self) -> None:
        """Start a section."""
        _mark(2 * len(self.sections))

    def end(self, name: str, *, times: int) -> None:
        """End the section that was started last."""
        _mark(2 * len(self.sections) + 1)
        self.sections.append(Section(name, times))


def _mark(number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.getpgid(MARK + number)


class Screenplay:
    """A source that has all its frames in memory."""

    live = False
    stills = False
    skipped = 0

    def __init__(self, name: str, frames: list[Gray]) -> None:
        self.name = name
        self._frames = enumerate(frames)

    def read(self) -> Frame | None:
        """Return the next frame; None when there are no more."""
        index, gray = next(self._frames, (0, None))
        return None if gray is None else Frame(gray, index, time.monotonic(), index / FPS, self.name)

    def close(self) -> None:
        """Nothing is open."""


class CountedLog:
    """The product's log, with a mark after the last warm-up frame and one after the last frame."""

    name = "log"

    def __init__(self, source: Screenplay, meters: Meters, marks: Marks, section: str) -> None:
        self._log = open_log(LogSettings(path=os.devnull, mode="all"), source)
        self._meters = meters
        self._marks = marks
        self._section = section
        self.readings = 0
        self.scans = 0

    def write(self, observation: Observation) -> None:
        """Pass the observation on."""
        self._log.write(observation)
        if observation.frame_index >= WARM_UP_FRAMES:
            self.readings += len(observation.readings)
        if observation.frame_index == WARM_UP_FRAMES - 1:
            self.scans = -self._meters.scan.count
            self._marks.begin()
        elif observation.frame_index == WARM_UP_FRAMES + COUNTED_FRAMES - 1:
            self._marks.end(self._section, times=COUNTED_FRAMES)
            self.scans += self._meters.scan.count

    def close(self) -> None:
        """Close the log."""
        self._log.close()


def _draw(scene: Scene, indices: range) -> list[Gray]:
    frames = [cv2.cvtColor(scene.frame(index)[0], cv2.COLOR_BGR2GRAY) for index in indices]
    for gray in frames:
        gray.flags.writeable = False
    return frames


def _repeat(marks: Marks, name: str, times: int, step: Callable[[], object]) -> None:
    step()
    with marks.section(name, times=times):
        for _ in range(times):
            step()


def count_steps(marks: Marks, settings: Settings) -> None:
    """Count single steps, on one thread."""
    scene = make_scene("slow", fps=FPS)
    (gray,) = _draw(scene, range(WARM_UP_FRAMES, WARM_UP_FRAMES + 1))
    _, (box,) = scene.frame(WARM_UP_FRAMES - 1)  # where the face was one frame ago

    scan = new_scanner(settings.detect, settings.scan)
    whole = HaarDetector(settings.detect)
    _repeat(marks, "scan of a frame", 1, lambda: scan.detect(gray))
    _repeat(marks, "scan of a photograph", 1, lambda: whole.detect(gray))

    redetector = Redetector(settings.detect.cascade)
    if not redetector.look(gray, box, margin=MARGIN, sizes=SIZES):
        sys.exit("count: expected the face of the scene in its window, found none")
    _repeat(marks, "re-detection", 10, lambda: redetector.look(gray, box, margin=MARGIN, sizes=SIZES))

    classifier = EmotionClassifier(*read_model(SHIPPED_MODEL), package=settings.model.interpreter)
    face = classifier.crop(gray, box)
    _repeat(marks, "crop", 10, lambda: classifier.crop(gray, box))
    _repeat(marks, "int8 net", 10, lambda: classifier.score(face))

    gate = MotionGate(threshold=settings.schedule.motion_threshold, min_share=settings.schedule.motion_share)
    times = iter(range(1000))

    def look_for_motion() -> None:
        gate.update(gray, position_s=next(times) / FPS)
        gate.mark_scanned()
        gate.moving(())
        gate.changed_since_scan(())

    look_for_motion()
    _repeat(marks, "motion gate", 10, look_for_motion)


def count_streams(marks: Marks, settings: Settings) -> dict[str, str]:
    """Count the whole pipeline with all its threads, frame in memory to line in the log; say what happened in each."""
    happened = {}
    new_steps = build_steps(settings)
    for section, scene in STREAMS.items():
        source = Screenplay(scene.name, _draw(scene, range(WARM_UP_FRAMES + COUNTED_FRAMES)))
        meters = Meters()
        log = CountedLog(source, meters, marks, section)
        Pipeline(source, new_steps(stills=False), [log], meters, settings).run()
        happened[section] = f"{log.readings} readings and {log.scans} scans in {COUNTED_FRAMES} frames"
    return happened


def count_pictures(marks: Marks, settings: Settings, folder: Path) -> None:
    """Count the cascade alone on each picture of a folder, as `calibrate.py` wants it."""
    cascade = open_cascade(settings.detect.cascade)
    for path in sorted(folder.glob("*.jpg")):
        gray = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2GRAY)
        _repeat(marks, path.stem, 1, partial(cascade.detectMultiScale, gray, scaleFactor=1.1, minNeighbors=2))


def main() -> None:
    """Write to the first file named on the command line what the marks stand for; a folder of pictures may follow."""
    # The limit is the highest there is: the heat of the machine that emulates must not slow the count.
    settings = Settings(schedule=ScheduleSettings(heat_limit_c=120.0))
    marks, happened = Marks(), {}
    cv2.setNumThreads(settings.detect.threads)
    if sys.argv[2:]:
        count_pictures(marks, settings, Path(sys.argv[2]))
    else:
        count_steps(marks, settings)
        happened = count_streams(marks, settings)
    said = {
        "sections": [{"name": section.name, "times": section.times} for section in marks.sections],
        "happened": happened,
        "versions": {name: version(name) for name in ("opencv-python-headless", "ai-edge-litert", "numpy")},
        "python": ".".join(map(str, sys.version_info[:3])),
    }
    Path(sys.argv[1]).write_text(json.dumps(said), encoding="utf-8")


if __name__ == "__main__":
    main()
