"""Chooses the reader for a data set by what stands at its path."""

from collections.abc import Sequence
from pathlib import Path

from edge.errors import MediaError
from edge.labels import EMOTIONS
from train.faces import FaceData
from train.fer2013 import read_fer2013
from train.folders import read_folders


def read_dataset(path: Path, *, labels: Sequence[str] = EMOTIONS, votes_share: float = 0.0, seed: int = 0) -> FaceData:
    """Read `fer2013.csv` (plain, .xz, .zip) or a folder tree `train/ test/` by emotion.

    Args:
        path: the table, a folder that holds one, or the tree's root.
        labels: classes to keep, in order; faces of other classes are dropped.
        votes_share: see `read_fer2013`; a folder tree has no votes.
        seed: draws the validation split where the layout has none.

    Raises:
        MediaError: nothing readable stands there.
    """
    if path.is_dir():
        tables = sorted(path.glob("fer2013.csv*"))
        if tables:
            return read_fer2013(tables[0], labels=labels, votes_share=votes_share)
        if votes_share > 0.0:
            raise MediaError(f"{path}: FER+ votes go with fer2013.csv, found a folder of pictures: leave --votes out")
        return read_folders(path, labels=labels, seed=seed)
    return read_fer2013(path, labels=labels, votes_share=votes_share)
