"""Reads the votes of FER+, and mixes them into targets."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import MediaError
from edge.labels import EMOTIONS
from train.fer2013 import USAGES, read_chunks
from train.labelled import LabelledFaces

VOTES = "fer2013new.csv"
"""FER+ (Barsoum et al. 2016, arXiv 1608.01041): ten people's votes for each row of `fer2013.csv`, in its order."""

VOTE_COLUMNS = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "sad": "sadness",
    "surprise": "surprise",
    "neutral": "neutral",
}

LEAST_AGREEMENT = 0.4
"""Share of faces whose likeliest vote is their label: 0.64 in FER2013, and 0.18 where rows do not belong together."""


def read_votes(path: Path, faces: LabelledFaces) -> NDArray[np.float32]:
    """Return (N, 7) votes by emotion for the faces of the table beside `path`, as it was published.

    A table with Training alone (Kaggle's `train.csv`) goes with the first rows of the votes, those of Training. A face
    without any vote for one of the seven has a row of zeros.

    Raises:
        MediaError: the votes cannot be read, or are not those of the table.
    """
    columns = [VOTE_COLUMNS[name] for name in EMOTIONS]
    tables = []
    for chunk in read_chunks(path, ["Usage", *columns]):
        whole = chunk if faces.splits.any() else chunk[chunk["Usage"] == USAGES[0]]
        tables.append(whole[columns].to_numpy(dtype=np.float32))
    votes = np.concatenate(tables) if tables else np.empty((0, len(columns)), dtype=np.float32)
    if len(votes) != faces.total:
        raise MediaError(f"{path}: expected {faces.total} rows as in the table beside it, found {len(votes)}")
    votes = votes[faces.rows]
    voted = votes.any(axis=1)
    agreement = float((votes.argmax(axis=1) == faces.codes)[voted].mean()) if voted.any() else 0.0
    if agreement < LEAST_AGREEMENT:
        raise MediaError(
            f"{path}: expected votes for the rows of the table beside it, found that they agree with {agreement:.0%} "
            "of its labels: take a table in the order in which it was published"
        )
    return votes


def mix(targets: NDArray[np.float32], votes: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Blend (N, K) one-hot targets with shares of (N, K) votes; a face nobody voted on keeps its label."""
    total = votes.sum(axis=1, keepdims=True)
    shares = np.where(total > 0, votes / np.maximum(total, 1), targets)
    return np.asarray((1 - share) * targets + share * shares, dtype=np.float32)
