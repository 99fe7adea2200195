"""Finds the faces on which the people of FER+ agree."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge.errors import MediaError
from edge.labels import EMOTIONS
from train.faces import FaceSet, Split
from train.labelled import TEST, VALIDATION
from train.layouts import open_source
from train.votes import VOTES

TAGGERS = 10
"""People who voted on each face (see `VOTES`); some of their votes are for none of the seven emotions."""


def majority_faces(path: Path, *, labels: Sequence[str], split: Split) -> FaceSet:
    """Return the faces of `split` for which more than half of all votes name the same one of `labels`.

    Args:
        path: FER2013's table with `fer2013new.csv` beside it, or the folder of both.
        labels: what counts, in the order of the targets.
        split: as in the table.

    Raises:
        MediaError: the table or the votes are not there, or there is no such face.
    """
    source = open_source(path, votes=True, cache=True)
    if source.votes is None:
        raise MediaError(f"{path}: expected a table of FER2013 with {VOTES} beside it for --fer-plus, found none")
    votes = source.votes[:, [EMOTIONS.index(name) for name in labels]]
    chosen = (source.faces.splits == (TEST if split == "test" else VALIDATION)) & (votes.max(axis=1) > TAGGERS / 2)
    if not chosen.any():
        raise MediaError(f"{path}: expected faces on which most of FER+ agree, found none: take the complete table")
    return FaceSet(source.faces.pixels[chosen], np.eye(len(labels), dtype=np.float32)[votes[chosen].argmax(axis=1)])
