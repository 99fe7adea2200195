"""Measures what distance and light do to a model's answers: `python -m train.conditions MODEL.tflite --photos FOLDER`.

The face of each photograph is found once, as it is. Then the photograph is made smaller, darker, brighter, noisy or
blurred, and the face is cropped and classified as the runtime does. What is asked is the classifier and its crop; how
often such faces are found is another question.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.errors import MediaError
from edge.labels import EMOTIONS
from edge.manifest import read_model
from edge.settings import DetectSettings, NameSettings
from edge.vision.classify import EmotionClassifier
from edge.vision.detect import HaarDetector
from edge.vision.quality import why_unclear
from train.command import run_command
from train.photos import FEWEST, list_photos
from train.replace import replace_file
from train.spoil import AXES, CHANGES, Change, Face, Kind, brighter

HEADING = "## Distance and light"


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A model under one condition.

    accuracy: of all faces. balanced_accuracy: mean over the emotions with `FEWEST` photographs or more.
    refused: share of the faces that the runtime would not classify: too small, too dark, too blurred.
    """

    kind: Kind
    value: float
    accuracy: float
    balanced_accuracy: float
    refused: float


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """All measured. halves: balanced accuracy on every other photograph, as they are."""

    folder: str
    faces: int
    halves: tuple[float, float]
    measured: list[Measured]


def find_faces(folder: Path) -> list[Face]:
    """Return the largest face of each photograph in which there is one.

    Raises:
        MediaError: there is no photograph with a face.
    """
    detector = HaarDetector(DetectSettings())
    faces = []
    for name, emotion in tqdm(list_photos(folder), desc="finding faces", delay=2, leave=False, disable=None):
        gray = cv2.imread(str(folder / name), cv2.IMREAD_GRAYSCALE)
        found = [] if gray is None else detector.detect(np.asarray(gray, dtype=np.uint8))
        if found and gray is not None:
            faces.append(Face(np.asarray(gray, dtype=np.uint8), found[0].box, EMOTIONS.index(emotion)))
    if not faces:
        raise MediaError(f"{folder}: expected photographs with faces, found none: name another folder")
    return faces


def measure_conditions(model: Path, folder: Path) -> Conditions:
    """Measure `model`, a .tflite of the seven emotions, on the photographs in `folder`.

    Raises:
        MediaError, ModelError: they cannot be read.
    """
    content, manifest = read_model(model)
    classifier = EmotionClassifier(content, manifest)
    faces = find_faces(folder)
    codes = np.array([face.code for face in faces])
    answers, _ = _answer(classifier, faces, brighter, 1.0)
    halves = tuple(_balanced(answers[start::2], codes[start::2], codes) for start in (0, 1))
    measured = []
    steps = [(kind, change, value) for kind, (change, values) in CHANGES.items() for value in values]
    for kind, change, value in tqdm(steps, desc="changing photographs", delay=2, leave=False, disable=None):
        answers, refused = _answer(classifier, faces, change, value)
        right, balanced = float((answers == codes).mean()), _balanced(answers, codes, codes)
        measured.append(
            Measured(kind=kind, value=value, accuracy=right, balanced_accuracy=balanced, refused=float(refused.mean()))
        )
    return Conditions(folder=folder.name, faces=len(faces), halves=(halves[0], halves[1]), measured=measured)


def _answer(
    classifier: EmotionClassifier, faces: Sequence[Face], change: Change, value: float
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(N,) the code of each answer, and whether the runtime would have refused the face."""
    rng = np.random.default_rng(0)
    codes = np.array([EMOTIONS.index(label) for label in classifier.labels])
    answers, refused = [], []
    for face in faces:
        gray, box = change(face, value, rng)
        crop = classifier.crop(gray, box)
        answers.append(codes[classifier.score_both_ways(crop).probabilities.argmax()])
        side = min(box.w, box.h)
        refused.append(why_unclear(crop, face_px=side, min_face_px=NameSettings().min_face_px) is not None)
    return np.array(answers), np.array(refused)


def _balanced(answers: NDArray[np.int64], codes: NDArray[np.int64], all_codes: NDArray[np.int64]) -> float:
    """Mean recall of the emotions that are not rare among `all_codes`."""
    filled = [code for code in range(len(EMOTIONS)) if (all_codes == code).sum() >= FEWEST]
    return float(np.mean([(answers[codes == code] == code).mean() for code in filled]))


def picture_path(model: Path) -> Path:
    """Where the picture of a model's figures stands: beside it."""
    return model.with_suffix(".conditions.png")


def on_card(card: str, conditions: Conditions, picture: str) -> str:
    """Return the text of a model card with these figures as its last section, in the place of older ones."""
    first, second = conditions.halves
    rows = [
        f"| {AXES[row.kind]} | {row.value:g} | {row.accuracy:.1%} | {row.balanced_accuracy:.1%} | {row.refused:.1%} |"
        for row in conditions.measured
    ]
    section = [
        HEADING,
        f"The faces of {conditions.faces} photographs ({conditions.folder}), found as they are, then made worse and"
        f" classified both ways; balanced over the emotions with {FEWEST} photographs or more. As they are, the two"
        f" halves of the set give {first:.3f} and {second:.3f}. What the runtime would refuse to classify is"
        " counted all the same.",
        f"![Accuracy by size of the face, brightness, noise and blur]({picture})",
        "\n".join(["| | | right | balanced | refused |", "|---|--:|--:|--:|--:|", *rows]),
    ]
    return "\n\n".join([card.split(HEADING, maxsplit=1)[0].rstrip(), *section]) + "\n"


def _measure(options: argparse.Namespace) -> None:
    from train.plots import draw_conditions  # noqa: PLC0415  # matplotlib takes a while: a wrong path is answered before

    conditions = measure_conditions(options.model, options.photos)
    picture, card = picture_path(options.model), options.model.with_suffix(".md")
    drawn = draw_conditions(conditions.measured, AXES)
    replace_file(picture, lambda path: drawn.savefig(path, dpi=100, metadata={"Software": None}))
    before = card.read_text() if card.exists() else f"# {options.model.stem}"
    text = on_card(before, conditions, picture.name)
    replace_file(card, lambda path: path.write_text(text))
    first, second = conditions.halves
    print(f"{conditions.faces} faces, balanced {first:.3f} and {second:.3f} on either half")  # noqa: T201  # the answer
    for row in conditions.measured:
        print(  # noqa: T201  # as above
            f"{row.kind:10}  {row.value:6g}  right {row.accuracy:.1%}  balanced {row.balanced_accuracy:.1%}"
            f"  refused {row.refused:.1%}"
        )
    print(f"{card}, {picture}")  # noqa: T201  # as above


def main() -> int:
    """Run the command; returns the exit code (see `edge.errors`)."""
    parser = argparse.ArgumentParser(prog="python -m train.conditions", description=__doc__)
    parser.add_argument("model", type=Path, help="a .tflite with its manifest")
    parser.add_argument("--photos", type=Path, required=True, help="a folder of photographs for each emotion")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    body = partial(_measure, options)
    return run_command("conditions", body, stopped="stopped: nothing was written", debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
