"""Chooses the reader for a data set by what stands at its path."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from train.cache import cached
from train.fer2013 import USAGES, find_table, read_table
from train.folders import list_tree, read_pictures
from train.labelled import LabelledFaces, check_broken
from train.votes import VOTES, read_votes

OWN_SPLIT_NAMES = ("training", "validation", "test")
"""What the splits are called where they are not those of FER2013's makers."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A data set as its files have it.

    name: what figures call it. votes: (N, 7) float32 by emotion; None where it has none or none are wanted.
    """

    name: str
    faces: LabelledFaces
    split_names: tuple[str, str, str] = OWN_SPLIT_NAMES
    votes: NDArray[np.float32] | None = None


def open_source(path: Path, *, votes: bool, cache: bool) -> Source:
    """Read a table of FER2013, a folder or archive that holds one, or a tree of pictures.

    Args:
        path: where it stands.
        votes: also read FER+'s votes, where they stand beside a table.
        cache: keep decoded faces for the next start.

    Raises:
        MediaError: nothing readable stands there, or too much of it is broken.
    """
    place = Path(os.path.abspath(path))  # noqa: PTH100  # without following links: the set's name is the one given
    table = find_table(place) if place.is_dir() else place
    if table is None:
        pictures = list_tree(place)
        read: Callable[[], LabelledFaces] = partial(read_pictures, pictures)
        files = [picture for picture, _, _ in pictures]
    else:
        read, files = partial(read_table, table), [table]
    faces = cached(place, files, read) if cache else read()
    check_broken(faces, place)
    if table is None:
        return Source(place.name, faces)
    beside = table.with_name(VOTES)
    official = bool(faces.splits.any())
    return Source(
        "FER2013" if official else "FER2013 Training",
        faces,
        USAGES if official else OWN_SPLIT_NAMES,
        read_votes(beside, faces) if votes and beside.is_file() else None,
    )
