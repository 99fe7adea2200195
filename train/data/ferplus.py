"""Reads the crowd-sourced votes of FER+, and mixes them into training targets."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import MediaError
from edge.labels import EMOTIONS
from train.data.fer2013 import USAGES, read_chunks
from train.data.raw import RawFaces

VOTES = "fer2013new.csv"
"""FER+ (Barsoum et al. 2016, arXiv 1608.01041): votes for each row of `fer2013.csv`, in the same order."""

TAGGERS = 10
"""People who voted on each face; some of their votes name none of the seven emotions."""

VOTE_COLUMNS = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "sad": "sadness",
    "surprise": "surprise",
    "neutral": "neutral",
}

MIN_AGREEMENT = 0.4
"""Smallest share of faces whose most frequent vote is their label. It is 0.64 for FER2013, 0.18 for misaligned rows."""


def read_votes(path: Path, faces: RawFaces) -> NDArray[np.float32]:
    """Read the votes for the faces of the table next to `path`, as published; (N, 7) by emotion.

    A table that holds only Training (Kaggle's `train.csv`) matches the Training rows of the votes. A face without a
    vote for any of the seven emotions has a row of zeros.

    Raises:
        MediaError: the votes cannot be read, or do not belong to the table.
    """
    columns = [VOTE_COLUMNS[name] for name in EMOTIONS]
    tables = []
    for chunk in read_chunks(path, ["Usage", *columns]):
        matching = chunk if faces.splits.any() else chunk[chunk["Usage"] == USAGES[0]]
        tables.append(matching[columns].to_numpy(dtype=np.float32))
    votes = np.concatenate(tables) if tables else np.empty((0, len(columns)), dtype=np.float32)
    if len(votes) != faces.total:
        raise MediaError(f"{path}: expected {faces.total} rows as in the table next to it, found {len(votes)}")
    votes = votes[faces.rows]
    voted = votes.any(axis=1)
    agreement = float((votes.argmax(axis=1) == faces.codes)[voted].mean()) if voted.any() else 0.0
    if agreement < MIN_AGREEMENT:
        raise MediaError(
            f"{path}: expected votes for the rows of the table next to it, found that they agree with {agreement:.0%} "
            "of its labels: use a table in its published order"
        )
    return votes


def has_majority(votes: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which rows of the (N, K) votes give one class more than half of all votes that FER+ collected, (N,)."""
    return np.asarray(votes.max(axis=1) > TAGGERS / 2, dtype=np.bool_)


def mix_votes(targets: NDArray[np.float32], votes: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Blend (N, K) one-hot targets with the normalized (N, K) votes; a face without votes keeps its label."""
    total = votes.sum(axis=1, keepdims=True)
    shares = np.where(total > 0, votes / np.maximum(total, 1), targets)
    return np.asarray((1 - share) * targets + share * shares, dtype=np.float32)
