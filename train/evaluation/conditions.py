"""Measures how distance, light, noise and blur affect a model's predictions.

The face of each photograph is detected once, in the original. Then the photograph is corrupted, and the face cropped
and classified as the runtime does. This measures the classifier and its crop, not the detector under such conditions.
"""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.errors import MediaError
from edge.labels import EMOTIONS
from edge.model.manifest import read_model
from edge.settings.schema import ClassifySettings, Settings
from edge.sources.images import ImageReader
from edge.vision.classify import EmotionClassifier
from edge.vision.detectors import open_scanner
from edge.vision.quality import why_unclear
from train.evaluation.corruptions import AXIS_LABELS, CORRUPTIONS, Corruption, CorruptionKind, PhotoFace, brighten
from train.evaluation.metrics import MIN_FACES
from train.evaluation.photos import list_photos

HEADING = "## Distance and light"
"""Heading of the section in the model card."""


class ConditionResult(msgspec.Struct, frozen=True, kw_only=True):
    """A model's accuracy under one condition.

    Attributes:
        kind: the corruption.
        value: how strong it is, see `AXIS_LABELS`.
        accuracy: share of faces predicted correctly.
        balanced_accuracy: mean recall of the emotions with `MIN_FACES` photographs or more.
        refused: share of faces that the runtime would not classify: too small, too dark, too blurred.
    """

    kind: CorruptionKind
    value: float
    accuracy: float
    balanced_accuracy: float
    refused: float


class RobustnessResults(msgspec.Struct, frozen=True, kw_only=True):
    """A model's accuracy under all conditions.

    Attributes:
        folder: name of the folder of photographs.
        faces: number of faces.
        halves: balanced accuracy on the two halves (every other photograph), without corruption.
        conditions: the result of each condition.
    """

    folder: str
    faces: int
    halves: tuple[float, float]
    conditions: list[ConditionResult]


def find_faces(folder: Path) -> list[PhotoFace]:
    """Detect the largest face of each photograph as the runtime does; photographs without a face are left out.

    Raises:
        MediaError: there is no photograph with a face.
    """
    scanner = open_scanner(Settings(), is_still_images=True)
    faces = []
    with closing(ImageReader("photographs")) as reader:
        for name, emotion in tqdm(list_photos(folder), desc="finding faces", delay=2, leave=False, disable=None):
            try:
                gray = reader.read(folder / name)
            except MediaError:
                continue
            found = scanner.scan(gray)
            if found:
                faces.append(PhotoFace(gray, found[0].box, found[0].roll_deg or 0.0, EMOTIONS.index(emotion)))
    if not faces:
        raise MediaError(f"{folder}: expected photographs with faces, found none: name another folder")
    return faces


def measure_conditions(model: Path, folder: Path) -> RobustnessResults:
    """Measure `model`, a .tflite of the seven emotions, on the photographs in `folder` under each condition.

    Raises:
        MediaError: the photographs cannot be read.
        ModelError: the model cannot be read.
    """
    content, manifest = read_model(model)
    classifier = EmotionClassifier(content, manifest)
    faces = find_faces(folder)
    codes = np.array([face.code for face in faces])
    predictions, _ = _classify(classifier, faces, brighten, 1.0)
    halves = tuple(_balanced(predictions[start::2], codes[start::2], codes) for start in (0, 1))
    results = []
    steps = [(kind, corrupt, value) for kind, (corrupt, values) in CORRUPTIONS.items() for value in values]
    for kind, corrupt, value in tqdm(steps, desc="corrupting photographs", delay=2, leave=False, disable=None):
        predictions, refused = _classify(classifier, faces, corrupt, value)
        results.append(
            ConditionResult(
                kind=kind,
                value=value,
                accuracy=float((predictions == codes).mean()),
                balanced_accuracy=_balanced(predictions, codes, codes),
                refused=float(refused.mean()),
            )
        )
    return RobustnessResults(folder=folder.name, faces=len(faces), halves=(halves[0], halves[1]), conditions=results)


def _classify(
    classifier: EmotionClassifier, faces: Sequence[PhotoFace], corrupt: Corruption, value: float
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Classify corrupted faces; return (N,) emotion codes, and (N,) whether the runtime would refuse the face."""
    rng = np.random.default_rng(0)
    codes = np.array([EMOTIONS.index(label) for label in classifier.labels])
    predictions, refused = [], []
    for face in faces:
        gray, box = corrupt(face, value, rng)
        crop = classifier.crop(gray, box, roll_deg=face.roll_deg)
        predictions.append(codes[classifier.score_with_mirror(crop).probabilities.argmax()])
        side = min(box.w, box.h)
        refused.append(why_unclear(crop, face_px=side, min_face_px=ClassifySettings().min_face_px) is not None)
    return np.array(predictions), np.array(refused)


def _balanced(predictions: NDArray[np.int64], codes: NDArray[np.int64], all_codes: NDArray[np.int64]) -> float:
    """Return the mean recall of the emotions with `MIN_FACES` or more of `all_codes`, or of all if none has so many."""
    counts = np.bincount(all_codes, minlength=len(EMOTIONS))
    counted = counts >= MIN_FACES if (counts >= MIN_FACES).any() else counts > 0
    present = [code for code in np.flatnonzero(counted).tolist() if (codes == code).any()]
    return float(np.mean([(predictions[codes == code] == code).mean() for code in present])) if present else 0.0


def plot_path(model: Path) -> Path:
    """Return where the plot of a model's robustness is saved: next to the model."""
    return model.with_suffix(".conditions.png")


def conditions_section(card: str) -> str:
    """Return this section of a model card, with the line break before it; empty if the card has none."""
    _, heading, section = card.partition(f"\n{HEADING}")
    return heading + section


def update_card(card: str, results: RobustnessResults, plot: str) -> str:
    """Return the text of a model card with `results` as its last section, replacing an older one.

    Args:
        card: the card's present text.
        results: the measurement.
        plot: file name of the plot.
    """
    first, second = results.halves
    rows = [
        f"| {AXIS_LABELS[row.kind]} | {row.value:g}"
        f" | {row.accuracy:.1%} | {row.balanced_accuracy:.1%} | {row.refused:.1%} |"
        for row in results.conditions
    ]
    section = [
        HEADING,
        f"The faces of {results.faces} photographs ({results.folder}), detected in the originals, then corrupted and"
        f" classified both ways, without a prior; balanced over the emotions with {MIN_FACES} photographs or more."
        f" Without corruption, the two halves of the set give {first:.3f} and {second:.3f}. Faces that the runtime"
        " would refuse to classify count all the same.",
        f"![Accuracy by size of the face, brightness, noise and blur]({plot})",
        "\n".join(["| | | right | balanced | refused |", "|---|--:|--:|--:|--:|", *rows]),
    ]
    return "\n\n".join([card.split(HEADING, maxsplit=1)[0].rstrip(), *section]) + "\n"
