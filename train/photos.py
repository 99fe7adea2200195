"""Command line that compares the runtime's log of a folder of photographs with the folders' names."""

import argparse
import sys
from collections import Counter
from pathlib import Path, PurePath

import msgspec
import numpy as np

from edge.errors import MediaError
from edge.labels import EMOTIONS
from edge.sources.pictures import find_pictures
from train.command import run_command

FEWEST = 20
"""Photographs a class needs to count in the balanced accuracy; with fewer its recall is mostly chance."""


class Line(msgspec.Struct, frozen=True):
    """What is read of one line of the log. box: x, y, w, h px. Without a face, probabilities and box are null."""

    source: str | None = None
    probabilities: dict[str, float] | None = None
    box: tuple[float, float, float, float] | None = None


class PhotoCount(msgspec.Struct, frozen=True):
    """Of one emotion: photographs, those with a face found, those answered right."""

    photographs: int
    found: int
    right: int


class PhotoFigures(msgspec.Struct, frozen=True):
    """The whole path measured, photograph to answer. A photograph in which no face was found counts as wrong.

    accuracy: share of photographs answered right. balanced_accuracy: mean over the emotions with `FEWEST`
    photographs or more; None where there are none.
    """

    photographs: int
    found: int
    right: int
    accuracy: float
    balanced_accuracy: float | None
    by_emotion: dict[str, PhotoCount]


def compare_photos(log: Path, folder: Path | None = None) -> PhotoFigures:
    """Compare the largest face's likeliest emotion with the name of the folder that the photograph lies in.

    Args:
        log: the runtime's JSON lines; `source` is the photograph's path, which ends in `<emotion>/<file>`.
        folder: the photographs, so that those the log does not mention count too. Default: only those in the log.

    Raises:
        MediaError: the log or the folder cannot be read, or they do not belong together.
    """
    answers = _read_answers(log)
    names = list(answers)
    if folder is not None:
        names = _photographs(folder)
        strangers = sorted(set(answers) - set(names))
        if strangers:
            raise MediaError(
                f"{log}: expected photographs of {folder}, found {strangers[0]}: give the folder it was made of"
            )
    found: Counter[str] = Counter()
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for name in names:
        emotion = _truth(name, log)
        answer = answers.get(name)
        total[emotion] += 1
        found[emotion] += answer is not None
        right[emotion] += answer == emotion
    counts = {
        emotion: PhotoCount(total[emotion], found[emotion], right[emotion]) for emotion in EMOTIONS if total[emotion]
    }
    recall = [count.right / count.photographs for count in counts.values() if count.photographs >= FEWEST]
    return PhotoFigures(
        photographs=total.total(),
        found=found.total(),
        right=right.total(),
        accuracy=right.total() / total.total(),
        balanced_accuracy=float(np.mean(recall)) if recall else None,
        by_emotion=counts,
    )


def photo_lines(figures: PhotoFigures) -> list[str]:
    """Return the figures as the lines of a table."""
    lines = [f"{'photographs':12}{'':>8}{'face found':>12}{'right':>8}{'share':>8}"]
    for emotion, count in figures.by_emotion.items():
        share = count.right / count.photographs
        lines.append(f"{emotion:12}{count.photographs:>8}{count.found:>12}{count.right:>8}{share:>8.4f}")
    lines.append(f"{'all':12}{figures.photographs:>8}{figures.found:>12}{figures.right:>8}{figures.accuracy:>8.4f}")
    if figures.balanced_accuracy is not None:
        lines.append(f"balanced accuracy (emotions with {FEWEST} photographs or more): {figures.balanced_accuracy:.4f}")
    return lines


def _read_answers(log: Path) -> dict[str, str | None]:
    """Return photograph to the likeliest emotion of its largest face, None where no face was found."""
    try:
        lines = log.read_bytes().splitlines()
    except OSError as error:
        raise MediaError(f"{log}: expected a log of JSON lines, which cannot be read: {error.strerror}") from error
    answers: dict[str, str | None] = {}
    areas: dict[str, float] = {}
    for number, text in enumerate(lines, start=1):
        try:
            line = msgspec.json.decode(text, type=Line) if text.strip() else Line()
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise MediaError(f"{log}: line {number}: expected a reading as JSON, found other text: {error}") from error
        if line.source is None:
            continue
        answers.setdefault(line.source, None)
        area = line.box[2] * line.box[3] if line.box else 0.0
        if line.probabilities and area > areas.get(line.source, -1.0):
            areas[line.source] = area
            answers[line.source] = max(line.probabilities, key=line.probabilities.__getitem__)
    if not answers:
        raise MediaError(f"{log}: expected lines with a source, found none: log a folder of photographs")
    return answers


def _photographs(folder: Path) -> list[str]:
    names = [path.relative_to(folder).as_posix() for path in find_pictures(folder)]
    if not names:
        raise MediaError(f"{folder}: expected photographs in folders named by emotion, found none")
    return names


def _truth(name: str, log: Path) -> str:
    emotion = PurePath(name).parent.name
    if emotion not in EMOTIONS:
        raise MediaError(f"{log}: expected photographs in folders named {', '.join(EMOTIONS)}, found {name}")
    return emotion


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code (see `edge.errors`)."""
    parser = argparse.ArgumentParser(prog="python -m train.photos", description=__doc__)
    parser.add_argument("log", type=Path, help="JSON lines, as the runtime wrote them for the folder")
    parser.add_argument("folder", type=Path, help="the photographs: FOLDER/<emotion>/<file>")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    options = parser.parse_args(arguments)

    def body() -> None:
        print("\n".join(photo_lines(compare_photos(options.log, options.folder))))  # noqa: T201  # the command's answer

    return run_command("photos", body, stopped="stopped", debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
