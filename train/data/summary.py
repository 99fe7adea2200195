"""Summarizes a data set: faces by class and split, duplicates, and a digest that identifies it."""

import hashlib
from collections import defaultdict

import msgspec

from train.data.faces import FaceData, FaceSet, unseen

LABEL_WIDTH = 12
NUMBER_WIDTH = 8
SHARE_WIDTH = 8


class DataSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Identifies the faces of a run.

    Attributes:
        name: the data set's name.
        counts: number of faces by split, then by class.
        sha256: digest of the training faces, their targets and weights, in order.
        class_shares: share of each class in the training targets of an epoch; None in runs of old versions.
    """

    name: str
    counts: dict[str, dict[str, int]]
    sha256: str
    class_shares: dict[str, float] | None = None


def summarize(data: FaceData) -> DataSummary:
    """Return the counts of `data` and the digest that tells it from other data sets."""
    splits = zip(data.split_names, (data.training, data.validation, data.test), strict=True)
    digest = hashlib.sha256(data.training.wide.tobytes())
    digest.update(data.training.targets.tobytes())
    if data.training.weights is not None:
        digest.update(data.training.weights.tobytes())
    return DataSummary(
        name=data.name,
        counts={name: dict(zip(data.labels, faces.counts().tolist(), strict=True)) for name, faces in splits},
        sha256=digest.hexdigest(),
        class_shares=dict(zip(data.labels, data.training.class_shares().round(6).tolist(), strict=True)),
    )


def summary_lines(data: FaceData) -> list[str]:
    """Return a table of faces and shares by class and split, as lines of text.

    The class imbalance and the duplicates follow, if there are any.
    """
    splits = (data.training, data.validation, data.test)
    counts = [split.counts() for split in splits]
    width = NUMBER_WIDTH + SHARE_WIDTH
    lines = [
        f"{data.name}, {len(data.labels)} classes",
        " " * LABEL_WIDTH + "".join(f"{name:>{width}}" for name in data.split_names),
    ]
    for code, label in enumerate(data.labels):
        cells = (f"{of[code]:>{NUMBER_WIDTH}}{of[code] / max(of.sum(), 1):>{SHARE_WIDTH}.1%}" for of in counts)
        lines.append(f"{label:{LABEL_WIDTH}}" + "".join(cells))
    lines.append(f"{'all':{LABEL_WIDTH}}" + "".join(f"{of.sum():>{NUMBER_WIDTH}}{'':{SHARE_WIDTH}}" for of in counts))
    most, fewest = counts[0].argmax(), counts[0].argmin()
    if counts[0][most] > counts[0][fewest]:
        ratio = counts[0][most] / counts[0][fewest]
        lines.append(f"for training, {data.labels[most]} has {ratio:.1f} times as many faces as {data.labels[fewest]}")
    return [line.rstrip() for line in (*lines, *duplicate_lines(data))]


def duplicate_lines(data: FaceData) -> list[str]:
    """Return a line for each kind of exact duplicate in `data`; none if every face occurs once.

    Duplicates stay in the set: published results are on the official splits, and contradictory labels are part of it.
    """
    lines = []
    training, *held_out = data.split_names
    for name, faces in zip(held_out, (data.validation, data.test), strict=True):
        seen = int((~unseen(faces, data.training)).sum())
        if seen:
            lines.append(f"{name}: {seen} faces are also in {training}, pixel for pixel")
    seen = int((~unseen(data.test, data.validation)).sum())
    if seen:
        lines.append(f"{held_out[1]}: {seen} faces are also in {held_out[0]}, pixel for pixel")
    repeated, differing = _count_repeats(data.training)
    if repeated:
        lines.append(f"{training}: {repeated} faces occur more than once, {differing} of them with different classes")
    return lines


def _count_repeats(faces: FaceSet) -> tuple[int, int]:
    """Count the faces that share their pixels with another, and those of them whose copies differ in class."""
    codes: defaultdict[bytes, list[int]] = defaultdict(list)
    for face, code in zip(faces.pixels, faces.codes.tolist(), strict=True):
        codes[face.tobytes()].append(code)
    groups = [group for group in codes.values() if len(group) > 1]
    return sum(map(len, groups)), sum(len(group) for group in groups if len(set(group)) > 1)
