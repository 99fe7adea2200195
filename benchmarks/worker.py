"""A process that measures one contender, asked by JSON lines on standard input: `python -m benchmarks.worker NAME`.

Each contender has a process of its own, in the environment that it needs, so that none pays for another's threads or
memory; the parent asks them in turn. Answers go to standard output, a line each.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Protocol, TextIO

import cv2

from benchmarks.jobs import Job, Result
from benchmarks.match import Found
from edge.records import Box, Color

Measure = Callable[[Job, Any], Result]
"""From the job and the settings' JSON to what was measured."""


class Loop(Protocol):
    """A loop that takes a frame and returns the faces."""

    name: str

    def step(self, color: Color) -> list[Box]:
        """Find and name the faces of a frame, (H, W, 3) uint8 BGR, which may be painted on."""


def measure_loop(loop: Loop, job: Job) -> Result:
    """Run a loop over the job's frames; the first one once more before, so that lazy loading is not counted."""
    film = job.draw(color=True)
    loop.step(film.frames[0].copy())
    spent = 0.0
    found: list[Found] = []
    for number, picture in zip(film.numbers, film.frames, strict=True):
        frame = picture.copy()
        before = time.process_time()
        boxes = loop.step(frame)
        spent += time.process_time() - before
        found += [Found(number, box) for box in boxes]
    return Result(spent / len(film.frames) * 1e3, tuple(found), len(film.frames))


def _pipeline() -> tuple[str, Measure]:
    import msgspec  # noqa: PLC0415  # the peers' environment has no need of it,

    from benchmarks.measure import run_film  # noqa: PLC0415  # nor of our runtime
    from edge.config import Settings  # noqa: PLC0415

    def measure(job: Job, settings: Any) -> Result:  # noqa: ANN401  # JSON
        film = job.draw(color=False)
        return run_film(film, msgspec.convert(settings, type=Settings), live=job.live, loops=job.loops)

    return "edge-emotion", measure


def _open(contender: str) -> tuple[str, Measure]:
    """Return the contender's name for tables and what measures it."""
    if contender == "pipeline":
        return _pipeline()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    loop: Loop
    if contender == "usual":
        from benchmarks.usual_loop import UsualLoop  # noqa: PLC0415  # needs Keras

        loop = UsualLoop()
    else:
        from benchmarks.fer_loop import FerLoop  # noqa: PLC0415  # needs fer

        loop = FerLoop()
    return loop.name, lambda job, _settings: measure_loop(loop, job)


def main() -> int:
    """Answer requests until the input ends."""
    answers: TextIO = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # TensorFlow writes to standard output, too, and only answers may go there
    cv2.setNumThreads(1)
    name, measure = _open(sys.argv[1])

    def answer(content: object) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    answer(name)
    for line in sys.stdin:
        request = json.loads(line)
        answer(asdict(measure(Job(**request["job"]), request["settings"])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
