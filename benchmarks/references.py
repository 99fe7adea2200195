"""What full-frame Haar finds when it looks at every frame: the schedule's recall is held against it."""

import functools
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import cv2

from benchmarks.entrances import Entrance, entrance_scene, entrances, first_found
from benchmarks.jobs import Job
from benchmarks.match import Found
from edge.records import Box, Color, Gray
from edge.settings import DetectSettings
from edge.sources.opencv import luma


@dataclass(frozen=True, slots=True)
class Reference:
    """A cascade on the full frame. smallest: side of the smallest face looked for, px; None leaves it to OpenCV."""

    name: str
    cascade: str
    scale_factor: float
    min_neighbors: int
    smallest: int | None

    def find(self, gray: Gray) -> list[Box]:
        """Return the faces in (H, W) uint8."""
        cascade = _open(self.cascade)
        smallest = {} if self.smallest is None else {"minSize": (self.smallest, self.smallest)}
        found = cascade.detectMultiScale(gray, self.scale_factor, self.min_neighbors, **smallest)
        return [Box(*(int(side) for side in box)) for box in found]


@functools.cache
def _open(name: str) -> cv2.CascadeClassifier:
    """Loading takes longer than a search; each process has its own."""
    return cv2.CascadeClassifier(cv2.data.haarcascades + name)


_SMALLEST = DetectSettings().min_face_px
USUAL = Reference("usual loop 1.3/5", "haarcascade_frontalface_default.xml", 1.3, 5, None)
DEFAULT = Reference("default 1.1/3", "haarcascade_frontalface_default.xml", 1.1, 3, _SMALLEST)
ALT2 = Reference("alt2 1.1/3", "haarcascade_frontalface_alt2.xml", 1.1, 3, _SMALLEST)
REFERENCES = (USUAL, DEFAULT, ALT2)


def _pool() -> ProcessPoolExecutor:
    """Fresh processes: one that is forked off while OpenCV's threads run may hang."""
    return ProcessPoolExecutor(mp_context=get_context("spawn"))


def detect_all(jobs: Sequence[Job]) -> dict[tuple[str, str], tuple[Found, ...]]:
    """Let every reference look at every job's frames, on all cores; by the job's label and the reference's name."""
    tasks = [(job, reference) for job in jobs for reference in REFERENCES]
    with _pool() as pool:
        answers = list(pool.map(_detect, tasks))
    return {(job.label, reference.name): found for (job, reference), found in zip(tasks, answers, strict=True)}


def frames_until_found() -> list[tuple[Entrance, int | None]]:
    """For each entrance, the first frame in which full-frame alt2 finds the face: nothing can be sooner."""
    scene = entrance_scene(640, 480)
    with _pool() as pool:
        return list(pool.map(_await, entrances(scene)))


def _detect(task: tuple[Job, Reference]) -> tuple[Found, ...]:
    job, reference = task
    cv2.setNumThreads(1)
    film = job.draw(color=False)
    known: dict[int, list[Box]] = {}
    found: list[Found] = []
    for number, gray in zip(film.numbers, film.frames, strict=True):
        if id(gray) not in known:  # equal pictures in a row share their memory
            known[id(gray)] = reference.find(gray)
        found += [Found(number, box) for box in known[id(gray)]]
    return tuple(found)


def _await(entrance: Entrance) -> tuple[Entrance, int | None]:
    cv2.setNumThreads(1)
    scene = entrance_scene(640, 480)
    for index in range(entrance.first, scene.frame_count):
        picture: Color = scene.frame(index)[0]
        found: Iterable[Found] = [Found(index, box) for box in ALT2.find(luma(picture))]
        if first_found(scene, entrance, {index: found}, loop=0, until=index + 1) is not None:
            return entrance, index
    return entrance, None
