"""Measures the whole path, from photograph to answer: find a face, crop it, classify it."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.config import override
from edge.errors import ConfigError, MediaError
from edge.labels import EMOTIONS
from edge.meters import Meters
from edge.pipeline import Pipeline
from edge.records import Observation
from edge.run import build_steps
from edge.settings import Settings, SourceSettings
from edge.sources.opencv import printable
from edge.sources.pictures import PictureSource, find_pictures
from train.evaluation import choose_classes
from train.names import KNOWN, emotion_of

FEWEST = 20
"""Photographs a class needs to count in the balanced accuracy; with fewer its recall is mostly chance."""

Answers = Mapping[str, Mapping[str, float] | None]
"""Photograph, as its path below the folder, to the probabilities of its largest face; None where none was found."""


class PhotoCount(msgspec.Struct, frozen=True):
    """Of one emotion: photographs, those with a face found, those answered right."""

    photographs: int
    found: int
    right: int


class PhotoFigures(msgspec.Struct, frozen=True):
    """The whole path measured, photograph to answer. A photograph in which no face was found counts as wrong.

    accuracy: share of photographs answered right. balanced_accuracy: mean over the emotions with `FEWEST`
    photographs or more; None where there are none. left_out: photographs of emotions that were not asked for.
    """

    folder: str
    photographs: int
    found: int
    right: int
    accuracy: float
    balanced_accuracy: float | None
    left_out: int
    by_emotion: dict[str, PhotoCount]


class AnswerSink:
    """Keeps the probabilities of the largest face of each picture; a face that could not be classified answers too."""

    name = "answers"

    def __init__(self, *, pictures: int) -> None:
        self.answers: dict[str, dict[str, float] | None] = {}
        self._bar = tqdm(total=pictures, desc="reading photographs", delay=2, leave=False, disable=None)

    def write(self, observation: Observation) -> None:
        """Take what is said of one picture."""
        largest = max(observation.readings, key=lambda reading: reading.box.area, default=None)
        self.answers[observation.source] = largest.probabilities if largest else None
        self._bar.update()

    def close(self) -> None:
        """End the bar."""
        self._bar.close()


def check_photos(model: Path, folder: Path) -> None:
    """Check, before any work, that `model` can answer the photographs in `folder`.

    Raises:
        ConfigError: the model is none that the runtime runs.
        MediaError: there are no photographs, or one lies in a folder that is named by no emotion.
    """
    if model.suffix != ".tflite":
        raise ConfigError(
            f"--photos: expected a .tflite, since photographs go through the runtime, found {model}: convert it first"
        )
    list_photos(folder)


def answer_photos(model: Path, folder: Path) -> Answers:
    """Let the runtime, as it is set by default, name the faces on each photograph in `folder`.

    Raises:
        MediaError, ModelError: they cannot be read.
    """
    settings = Settings(model=override(Settings().model, path=str(model)), source=SourceSettings(use=str(folder)))
    cv2.setNumThreads(settings.detect.threads)
    steps = build_steps(settings)(stills=True)
    source = PictureSource(folder)
    sink = AnswerSink(pictures=len(find_pictures(folder)))
    try:
        Pipeline(source, steps, [sink], Meters(), settings).run()
    finally:
        source.close()  # after Ctrl-C, which ends the main thread alone, this ends the others
    return sink.answers


def measure_photos(answers: Answers, folder: Path, labels: Sequence[str]) -> PhotoFigures:
    """Compare each photograph's likeliest emotion out of `labels` with the name of the folder that it lies in.

    Raises:
        ConfigError: the model does not know one of `labels`.
        MediaError: see `check_photos`; or there is no photograph of these emotions.
    """
    photos = list_photos(folder)
    wanted = [(name, emotion) for name, emotion in photos if emotion in labels]
    if not wanted:
        raise MediaError(f"{folder}: expected photographs of {', '.join(labels)}, found none: choose other --classes")
    counts = {}
    for emotion in EMOTIONS:
        given = [answers.get(name) for name, truth in wanted if truth == emotion]
        found = [_likeliest(answer, labels) for answer in given if answer is not None]
        if given:
            counts[emotion] = PhotoCount(len(given), len(found), found.count(emotion))
    right = sum(count.right for count in counts.values())
    recall = [count.right / count.photographs for count in counts.values() if count.photographs >= FEWEST]
    return PhotoFigures(
        folder=folder.name,
        photographs=len(wanted),
        found=sum(count.found for count in counts.values()),
        right=right,
        accuracy=right / len(wanted),
        balanced_accuracy=float(np.mean(recall)) if recall else None,
        left_out=len(photos) - len(wanted),
        by_emotion=counts,
    )


def _likeliest(answer: Mapping[str, float], labels: Sequence[str]) -> str:
    row: NDArray[np.float32] = np.array([list(answer.values())], dtype=np.float32)
    return labels[int(choose_classes(row, list(answer), labels).argmax())]


def list_photos(folder: Path) -> list[tuple[str, str]]:
    """Return the path below `folder` and the emotion of each photograph.

    Raises:
        MediaError: there are none, or one lies in a folder that is named by no emotion.
    """
    if not folder.is_dir():
        raise MediaError(f"{folder}: expected a folder of photographs, one folder for each emotion, found none")
    photos = []
    for path in find_pictures(folder):
        name = printable(path.relative_to(folder).as_posix())
        emotion = emotion_of(PurePosixPath(name).parent.name)
        if emotion is None:
            raise MediaError(f"{folder}: expected photographs in folders named {KNOWN}, found {name}: move it")
        photos.append((name, emotion))
    if not photos:
        raise MediaError(f"{folder}: expected photographs in folders named by emotion, found none")
    return photos
