"""Tells what a data set holds before it is trained on."""

from train.duplicates import duplicate_lines
from train.faces import FaceData

LABEL_WIDTH = 12
NUMBER_WIDTH = 8
SHARE_WIDTH = 8


def balance_lines(data: FaceData) -> list[str]:
    """Return a table as lines: a row for each class, with its faces and its share of each split.

    Below it stand the imbalance, and the exact duplicates where there are any.
    """
    splits = (data.training, data.validation, data.test)
    counts = [split.counts() for split in splits]
    width = NUMBER_WIDTH + SHARE_WIDTH
    lines = [
        f"{data.name}, {len(data.labels)} classes",
        " " * LABEL_WIDTH + "".join(f"{name:>{width}}" for name in data.split_names),
    ]
    for code, label in enumerate(data.labels):
        cells = (f"{of[code]:>{NUMBER_WIDTH}}{of[code] / of.sum():>{SHARE_WIDTH}.1%}" for of in counts)
        lines.append(f"{label:{LABEL_WIDTH}}" + "".join(cells))
    lines.append(f"{'all':{LABEL_WIDTH}}" + "".join(f"{of.sum():>{NUMBER_WIDTH}}{'':{SHARE_WIDTH}}" for of in counts))
    most, fewest = counts[0].argmax(), counts[0].argmin()
    if counts[0][most] > counts[0][fewest]:
        ratio = counts[0][most] / counts[0][fewest]
        lines.append(f"to train on, {data.labels[most]} has {ratio:.1f} times as many faces as {data.labels[fewest]}")
    return [line.rstrip() for line in (*lines, *duplicate_lines(data))]
