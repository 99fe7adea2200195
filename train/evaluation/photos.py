"""Measures the whole runtime on photographs: detection, crop and classification."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.counters import Counters
from edge.errors import ConfigError, MediaError, printable
from edge.labels import EMOTIONS
from edge.pipeline.build import build_steps
from edge.pipeline.pipeline import Pipeline
from edge.records import Frame, Observation
from edge.settings.load import override
from edge.settings.schema import Settings, SourceSettings
from edge.sinks.base import Sink
from edge.sources.base import read_only
from edge.sources.folder import find_images
from edge.sources.images import ImageSource
from train.data.classes import EMOTION_LIST, emotion_of, near_emotion, plain_name
from train.evaluation.corruptions import turn_image
from train.evaluation.split_metrics import select_classes

PhotoPredictions = Mapping[str, Mapping[str, float] | None]
"""By photograph (its path below the folder), the probabilities of its largest face; None if none was classified."""

log = logging.getLogger(__name__)

Photo = tuple[str, str]
"""Path below the folder, and emotion of a photograph."""


class TurnedImageSource(ImageSource):
    """Images of a folder, turned about their middle: every other one clockwise, the others anticlockwise.

    Args:
        path: the folder.
        roll_deg: the angle, degrees.
    """

    def __init__(self, path: Path, *, roll_deg: float) -> None:
        super().__init__(path)
        self._roll_deg = roll_deg

    def read(self) -> Frame | None:
        """See `ImageSource.read`."""
        frame = super().read()
        if frame is None or not self._roll_deg:
            return frame
        roll_deg = -self._roll_deg if frame.index % 2 else self._roll_deg
        return replace(frame, gray=read_only(turn_image(frame.gray, roll_deg)))


class PredictionSink(Sink[Observation]):
    """A sink that collects the probabilities of the largest face of each photograph; None if the runtime has none.

    It has none if it finds no face, or calls the largest one unclear.
    """

    name = "predictions"

    def __init__(self, *, photographs: int) -> None:
        self.predictions: dict[str, dict[str, float] | None] = {}
        self._bar = tqdm(total=photographs, desc="reading photographs", delay=2, leave=False, disable=None)

    def write(self, observation: Observation) -> None:
        """Take the readings of one photograph."""
        largest = max(observation.readings, key=lambda reading: reading.box.area, default=None)
        is_clear = largest is not None and largest.unclear is None
        self.predictions[observation.source] = largest.probabilities if largest and is_clear else None
        self._bar.update()

    def close(self) -> None:
        """Close the progress bar."""
        self._bar.close()


def check_photos(model: Path, folder: Path) -> None:
    """Check, before any work, that `model` can run on the photographs in `folder`.

    Raises:
        ConfigError: the runtime cannot run this kind of model.
        MediaError: there are no photographs, or one is in a folder that is named by no emotion.
    """
    if model.suffix != ".tflite":
        raise ConfigError(
            f"--photos: expected a .tflite, since photographs go through the runtime, found {model}: convert it first"
        )
    list_photos(folder)


def predict_photos(model: Path, folder: Path, *, roll_deg: float = 0.0) -> PhotoPredictions:
    """Run the runtime, with its default settings but without a prior, on each photograph in `folder`.

    Args:
        model: a `.tflite` with its manifest.
        folder: the photographs.
        roll_deg: the angle by which they are turned, see `TurnedImageSource`.

    Raises:
        MediaError: a photograph cannot be read.
        ModelError: the model cannot be read.
    """
    defaults = Settings()
    settings = Settings(
        model=override(defaults.model, path=str(model)),
        source=SourceSettings(use=str(folder)),
        classify=override(defaults.classify, prior_strength=0.0),
    )
    cv2.setNumThreads(settings.detect.threads)
    steps = build_steps(settings)(is_still_images=True)
    source = TurnedImageSource(folder, roll_deg=roll_deg)
    sink = PredictionSink(photographs=len(find_images(folder)))
    try:
        Pipeline(source, steps, [sink], Counters(), settings).run()
    finally:
        source.close()  # Ctrl-C ends only the main thread; a closed source ends the others
    return sink.predictions


def select_photos(
    predictions: PhotoPredictions, photos: Sequence[Photo], labels: Sequence[str]
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Return the predictions for `photos`, whose emotions are all among `labels`.

    Returns:
        (N, K) probabilities of `labels` for the photographs with a prediction, their (N,) true classes, and the (M,)
        true classes of the others.

    Raises:
        ConfigError: the model lacks one of `labels`.
    """
    wanted = [(predictions.get(name), labels.index(emotion)) for name, emotion in photos]
    found = [(prediction, code) for prediction, code in wanted if prediction is not None]
    missed = np.array([code for prediction, code in wanted if prediction is None], dtype=np.int64)
    codes = np.array([code for _, code in found], dtype=np.int64)
    if not found:
        return np.empty((0, len(labels)), dtype=np.float32), codes, missed
    names = list(found[0][0])
    rows: NDArray[np.float32] = np.array([[one[name] for name in names] for one, _ in found], dtype=np.float32)
    return select_classes(rows, names, labels), codes, missed


def list_photos(folder: Path, labels: Sequence[str] = EMOTIONS) -> list[Photo]:
    """List the photographs of `labels`.

    Raises:
        MediaError: there are none, or one is in no folder, or in one that is named by a misspelt emotion.
    """
    if not folder.is_dir():
        raise MediaError(f"{folder}: expected a folder of photographs, one folder for each emotion, found none")
    photos: list[Photo] = []
    left_out: Counter[str] = Counter()
    for path in find_images(folder):
        name = printable(path.relative_to(folder).as_posix())
        named = PurePosixPath(name).parent.name
        emotion = emotion_of(named)
        if emotion is not None:
            photos.append((name, emotion))
        elif plain_name(named) and near_emotion(named) is None:
            left_out[named] += 1
        else:
            raise MediaError(f"{folder}: expected photographs in folders named {EMOTION_LIST}, found {name}: move it")
    for named, count in left_out.items():
        log.warning("%s: left out %d photographs in %s, which is none of %s", folder, count, named, EMOTION_LIST)
    if not photos:
        raise MediaError(f"{folder}: expected photographs in folders named by emotion, found none")
    wanted = [(name, emotion) for name, emotion in photos if emotion in labels]
    if not wanted:
        raise MediaError(f"{folder}: expected photographs of {', '.join(labels)}, found none: choose other --classes")
    return wanted
