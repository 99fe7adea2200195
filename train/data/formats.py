"""Reads a data set in whichever format it finds at a path: a table of FER2013 or a tree of images."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from train.data.cache import cached
from train.data.classes import NO_MERGES
from train.data.face_file import SUFFIX, read_face_file
from train.data.fer2013 import USAGES, find_table, read_table
from train.data.ferplus import VOTES, read_votes
from train.data.folders import list_tree, read_images
from train.data.raw import RawFaces, check_broken

OWN_SPLIT_NAMES = ("training", "validation", "test")
"""Names of the splits, unless they are FER2013's official ones."""


@dataclass(frozen=True, slots=True, eq=False)
class RawDataset:
    """A data set as its files hold it.

    Attributes:
        name: the name under which results are reported.
        faces: all faces, of every emotion and split.
        votes: (N, 7) float32 by emotion; None if the set has none, or none were requested.
        is_face_set: whether it is a face set (`.npz`).
    """

    name: str
    faces: RawFaces
    split_names: tuple[str, str, str] = OWN_SPLIT_NAMES
    votes: NDArray[np.float32] | None = None
    is_face_set: bool = False


def read_raw_dataset(path: Path, *, votes: bool, cache: bool, merges: Mapping[str, str] = NO_MERGES) -> RawDataset:
    """Read a table of FER2013, a folder or archive that contains one, a tree of images, or a face set (`.npz`).

    Args:
        path: the table, archive or folder.
        votes: also read FER+'s votes, if they are next to a table.
        cache: keep decoded faces for the next start.
        merges: emotion that is none of ours to the one that its folder's images count as.

    Raises:
        MediaError: there is nothing readable, or too much of it is broken.
    """
    absolute = Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow links and change the set's name
    if absolute.suffix.casefold() == SUFFIX:
        faces = read_face_file(absolute)
        check_broken(faces, absolute)
        return RawDataset(absolute.stem, faces, is_face_set=True)
    table = find_table(absolute) if absolute.is_dir() else absolute
    if table is None:
        images = list_tree(absolute, merges)
        read: Callable[[], RawFaces] = partial(read_images, images)
        files = [image for image, _, _ in images]
    else:
        read, files = partial(read_table, table), [table]
    variant = " ".join(f"{name}={kept}" for name, kept in sorted(merges.items()) if table is None)
    faces = cached(absolute, files, read, variant=variant) if cache else read()
    check_broken(faces, absolute)
    if table is None:
        return RawDataset(absolute.name, faces)
    votes_path = find_votes(path)
    official = bool(faces.splits.any())
    return RawDataset(
        "FER2013" if official else "FER2013 Training",
        faces,
        USAGES if official else OWN_SPLIT_NAMES,
        read_votes(votes_path, faces) if votes and votes_path else None,
    )


def find_votes(path: Path) -> Path | None:
    """Return the votes of FER+ next to the table that is, or is in, `path`; None without them."""
    if path.suffix.casefold() == SUFFIX:
        return None
    table = find_table(path) if path.is_dir() else path
    votes = None if table is None else table.with_name(VOTES)
    return votes if votes is not None and votes.is_file() else None
