"""Runs full-frame Haar cascades on every frame: the detections that the schedule's recall is compared with."""

import functools
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import cv2

from benchmarks.detection_metrics import DetectedFace
from benchmarks.entry_latency import Entry, entry_scene, find_entries, first_detection
from benchmarks.workloads import Workload
from edge.records import Box, Color, Gray
from edge.settings.schema import DetectSettings
from edge.sources.base import luma


@dataclass(frozen=True, slots=True)
class FullFrameHaar:
    """A cascade on the full frame.

    Attributes:
        name: in tables.
        cascade: file name in OpenCV's folder.
        scale_factor: between two sizes.
        min_neighbors: detections that a face needs.
        smallest: side of the smallest face, px; None leaves it to OpenCV.
    """

    name: str
    cascade: str
    scale_factor: float
    min_neighbors: int
    smallest: int | None

    def detect(self, gray: Gray) -> list[Box]:
        """Return the faces in (H, W) uint8."""
        cascade = _open(self.cascade)
        smallest = {} if self.smallest is None else {"minSize": (self.smallest, self.smallest)}
        found = cascade.detectMultiScale(gray, self.scale_factor, self.min_neighbors, **smallest)
        return [Box(*(int(side) for side in box)) for box in found]


@functools.cache
def _open(name: str) -> cv2.CascadeClassifier:
    """Load a cascade, once per process: it takes longer than a detection."""
    return cv2.CascadeClassifier(cv2.data.haarcascades + name)


_SMALLEST = DetectSettings().min_face_px
USUAL = FullFrameHaar("usual loop 1.3/5", "haarcascade_frontalface_default.xml", 1.3, 5, None)
DEFAULT = FullFrameHaar("default 1.1/3", "haarcascade_frontalface_default.xml", 1.1, 3, _SMALLEST)
ALT2 = FullFrameHaar("alt2 1.1/3", "haarcascade_frontalface_alt2.xml", 1.1, 3, _SMALLEST)
DETECTORS = (USUAL, DEFAULT, ALT2)


def detect_all(workloads: Sequence[Workload]) -> dict[tuple[str, str], tuple[DetectedFace, ...]]:
    """Run every detector on every workload, on all cores; return the faces by workload label and detector name."""
    tasks = [(workload, detector) for workload in workloads for detector in DETECTORS]
    with _pool() as pool:
        results = list(pool.map(_detect, tasks))
    return {
        (workload.label, detector.name): detected for (workload, detector), detected in zip(tasks, results, strict=True)
    }


def frames_until_detected() -> list[tuple[Entry, int | None]]:
    """Return, for each entry, the first frame in which alt2 detects the face: a lower bound for the pipeline."""
    with _pool() as pool:
        return list(pool.map(_detect_entry, find_entries(entry_scene(640, 480))))


def _pool() -> ProcessPoolExecutor:
    """Return a pool of spawned processes: one that is forked while OpenCV's threads run may hang."""
    return ProcessPoolExecutor(mp_context=get_context("spawn"))


def _detect(task: tuple[Workload, FullFrameHaar]) -> tuple[DetectedFace, ...]:
    workload, detector = task
    cv2.setNumThreads(1)
    rendered = workload.draw(color=False)
    known: dict[int, list[Box]] = {}
    detected: list[DetectedFace] = []
    for number, gray in zip(rendered.indices, rendered.frames, strict=True):
        if id(gray) not in known:  # consecutive equal images share their memory
            known[id(gray)] = detector.detect(gray)
        detected += [DetectedFace(number, box) for box in known[id(gray)]]
    return tuple(detected)


def _detect_entry(entry: Entry) -> tuple[Entry, int | None]:
    cv2.setNumThreads(1)
    scene = entry_scene(640, 480)
    for index in range(entry.first, scene.frame_count):
        image: Color = scene.frame(index)[0]
        detected: Iterable[DetectedFace] = [DetectedFace(index, box) for box in ALT2.detect(luma(image))]
        if first_detection(scene, entry, {index: detected}, until=index + 1) is not None:
            return entry, index
    return entry, None
