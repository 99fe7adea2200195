"""Runs the runtime's steps between marks, inside the emulator, which records the instruction count at each mark.

`report.py` starts it. Frames are drawn outside the marks, and each step runs once before it is counted.
"""

import contextlib
import itertools
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
import msgspec

from edge.counters import Counters
from edge.model.bundled import BUNDLED_MODEL
from edge.model.manifest import read_model
from edge.pipeline.build import build_steps
from edge.pipeline.pipeline import Pipeline
from edge.pipeline.sinks import open_log
from edge.records import Box, Frame, Gray, Observation
from edge.scenes.animation import Light, light_keyframes
from edge.scenes.catalogue import make_scene
from edge.scenes.render import Scene
from edge.settings.schema import LogSettings, ScheduleSettings, Settings
from edge.sinks.base import Sink
from edge.sources.base import Source
from edge.vision.blazeface import BlazeFaceDetector
from edge.vision.classify import EmotionClassifier
from edge.vision.haar import HaarDetector, new_haar_scanner, open_cascade
from edge.vision.motion import MotionGate
from edge.vision.schedule import MARGIN, SIZES

MARK = 0x45440000
"""A process id that cannot exist; plugin.c looks for it."""

FPS = 30.0
WARM_UP_FRAMES = 45
COUNTED_FRAMES = 90
"""The first one and a half seconds, with the initial scan, are not counted; the next three are. Scans start at whole
seconds, so none is running when the count starts or ends.
"""

BRIGHTENING = light_keyframes((0, Light(gain=0.8)), (2, Light(gain=1.2)), (4, Light(gain=0.8)))
"""Light that changes too slowly to count as motion, and so much that each second the whole frame needs a new scan."""

STREAMS = {
    "frame, nobody there": make_scene("empty", fps=FPS),
    "frame, one face": make_scene("slow", fps=FPS),
    "frame, one face, and all is scanned every second": replace(make_scene("slow", fps=FPS), light=BRIGHTENING),
    "frame, three faces": make_scene("three", fps=FPS),
}
"""Scenes by section."""


@dataclass(frozen=True, slots=True)
class Section:
    """A pair of marks; the number of the first is twice the section's place in the list.

    Attributes:
        name: of the section.
        times: repeats between the marks.
    """

    name: str
    times: int


class Marks:
    """Sets the marks.

    Attributes:
        sections: finished sections, in order.
    """

    def __init__(self) -> None:
        self.sections: list[Section] = []

    @contextlib.contextmanager
    def section(self, name: str, *, times: int) -> Iterator[None]:
        """Count the instructions of the `with` block."""
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


class FrameListSource(Source):
    """A source of frames in memory."""

    def __init__(self, name: str, frames: list[Gray]) -> None:
        self.name = name
        self._frames = enumerate(frames)

    def read(self) -> Frame | None:
        """Return the next frame, or None after the last."""
        index, gray = next(self._frames, (0, None))
        return None if gray is None else Frame(gray, index, time.monotonic(), index / FPS, self.name)

    def close(self) -> None:
        """Do nothing: no device is open."""


class CountedLog(Sink[Observation]):
    """The runtime's log, with a mark after the last warm-up frame and one after the last frame.

    Attributes:
        readings: number of counted readings.
        scans: number of counted scans.
    """

    name = "log"

    def __init__(self, source: FrameListSource, counters: Counters, marks: Marks, section: str) -> None:
        self._log = open_log(LogSettings(path=os.devnull, mode="all"), source)
        self._counters = counters
        self._marks = marks
        self._section = section
        self.readings = 0
        self.scans = 0

    def write(self, observation: Observation) -> None:
        """Write to the log, and set the marks."""
        self._log.write(observation)
        if observation.frame_index >= WARM_UP_FRAMES:
            self.readings += len(observation.readings)
        if observation.frame_index == WARM_UP_FRAMES - 1:
            self.scans = -self._counters.scan.count
            self._marks.begin()
        elif observation.frame_index == WARM_UP_FRAMES + COUNTED_FRAMES - 1:
            self._marks.end(self._section, times=COUNTED_FRAMES)
            self.scans += self._counters.scan.count

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

    scan = new_haar_scanner(settings.detect, settings.scan)
    whole = HaarDetector(settings.detect)
    _repeat(marks, "scan of a frame", 1, lambda: scan.scan(gray))
    _repeat(marks, "scan of a photograph", 1, lambda: whole.scan(gray))

    net = BlazeFaceDetector(package=settings.model.interpreter)
    _repeat(marks, "scan of a frame, BlazeFace", 1, lambda: net.scan(gray))
    _repeat(marks, "scan of a tile, BlazeFace", 10, lambda: net.scan(gray, region=Box(0, 0, net.tile_px, net.tile_px)))

    for section, looker in (("re-detection", HaarDetector(settings.detect)), ("re-detection, BlazeFace", net)):
        look = partial(looker.look, gray, box, margin=MARGIN, sizes=SIZES, roll_deg=0.0, is_new=False)
        if not look():
            sys.exit("count: expected the face of the scene in its window, found none")
        _repeat(marks, section, 10, look)

    classifier = EmotionClassifier(*read_model(BUNDLED_MODEL), package=settings.model.interpreter)
    face = classifier.crop(gray, box)
    _repeat(marks, "crop", 10, lambda: classifier.crop(gray, box))
    _repeat(marks, "int8 net", 10, lambda: classifier.score(face))

    gate = MotionGate(threshold=settings.schedule.motion_threshold, min_share=settings.schedule.motion_share)
    height, width = gray.shape
    whole = Box(0, 0, width, height)
    times = iter(range(1000))

    def check_motion() -> None:
        gate.update(gray, media_time_s=next(times) / FPS)
        gate.mark_scanned(whole)
        gate.detect_motion(())
        gate.changed_since_scan(())

    check_motion()
    _repeat(marks, "motion gate", 10, check_motion)


def count_streams(marks: Marks, settings: Settings) -> dict[str, str]:
    """Count the whole pipeline with all threads on each stream; return the numbers of readings and scans, in words."""
    happened = {}
    for method, (name, scene) in itertools.product(("auto", "haar"), STREAMS.items()):
        section = name if method == "auto" else f"{name}, {method}"
        detect = msgspec.structs.replace(settings.detect, method=method)
        new_steps = build_steps(msgspec.structs.replace(settings, detect=detect))
        source = FrameListSource(scene.name, _draw(scene, range(WARM_UP_FRAMES + COUNTED_FRAMES)))
        counters = Counters()
        log = CountedLog(source, counters, marks, section)
        Pipeline(source, new_steps(is_still_images=False), [log], counters, settings).run()
        happened[section] = f"{log.readings} readings and {log.scans} scans in {COUNTED_FRAMES} frames"
    return happened


def count_images(marks: Marks, settings: Settings, folder: Path) -> None:
    """Count the cascade alone on each image of a folder, for `calibrate.py`."""
    cascade = open_cascade(settings.detect.cascade)
    for path in sorted(folder.glob("*.jpg")):
        gray = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2GRAY)
        _repeat(marks, path.stem, 1, partial(cascade.detectMultiScale, gray, scaleFactor=1.1, minNeighbors=2))


def main() -> None:
    """Count, and write the sections to the file named first on the command line; a folder of images may follow."""
    # The highest possible limit: the temperature of the emulating machine must not throttle the run.
    settings = Settings(schedule=ScheduleSettings(heat_limit_c=120.0))
    marks, happened = Marks(), {}
    cv2.setNumThreads(settings.detect.threads)
    if sys.argv[2:]:
        count_images(marks, settings, Path(sys.argv[2]))
    else:
        count_steps(marks, settings)
        happened = count_streams(marks, settings)
    counted = {
        "sections": [{"name": section.name, "times": section.times} for section in marks.sections],
        "happened": happened,
        "versions": {name: version(name) for name in ("opencv-python-headless", "ai-edge-litert", "numpy")},
        "python": ".".join(map(str, sys.version_info[:3])),
    }
    Path(sys.argv[1]).write_text(json.dumps(counted), encoding="utf-8")


if __name__ == "__main__":
    main()
