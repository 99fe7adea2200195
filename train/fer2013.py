"""Reads FER2013's table (`fer2013.csv`; plain, .xz or .zip)."""

import lzma
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from edge.errors import MediaError
from edge.labels import EMOTIONS
from train.faces import FACE_PX, FaceData, FaceSet

COLUMNS = ("emotion", "pixels", "Usage")
USAGES: tuple[str, str, str] = ("Training", "PublicTest", "PrivateTest")
"""The official splits: training, validation (all choices are made on it), test (read once for a released model)."""

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


def read_fer2013(path: Path, *, labels: Sequence[str] = EMOTIONS, votes_share: float = 0.0) -> FaceData:
    """Read the table at `path` in its official splits.

    Args:
        path: the table. With votes, `fer2013new.csv` stands beside it.
        labels: the classes to keep, in the order wanted; faces of other classes are dropped.
        votes_share: 0.0 ... 1.0, how much of a *training* target is the share of FER+ votes rather than the label.
            Validation and test always keep the original labels.

    Raises:
        MediaError: the file, a column, a split or a face's pixels are not as expected.
    """
    table = _read_table(path, COLUMNS)
    pixels = _parse_pixels(table["pixels"], path)
    one_hot = np.eye(len(EMOTIONS), dtype=np.float32)[_parse_codes(table["emotion"], path)]
    columns = [EMOTIONS.index(name) for name in labels]
    kept = one_hot[:, columns].any(axis=1)
    targets = one_hot[:, columns]
    softened = targets
    if votes_share > 0.0:
        softened = _mix(targets, _read_votes(path.with_name(VOTES), len(table))[:, columns], votes_share)
    splits = []
    for usage in USAGES:
        rows = (table["Usage"] == usage).to_numpy() & kept
        if not rows.any():
            raise MediaError(f"{path}: expected rows with Usage {usage}, found none: take the complete fer2013.csv")
        splits.append(FaceSet(pixels[rows], (softened if usage == "Training" else targets)[rows]))
    return FaceData("FER2013", tuple(labels), splits[0], splits[1], splits[2], split_names=USAGES)


def _read_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path)
    except FileNotFoundError as error:
        raise MediaError(f"{path}: expected a data set here, found no such file") from error
    except (OSError, ValueError, EOFError, lzma.LZMAError, zipfile.BadZipFile) as error:
        reason = str(error).partition("\n")[0]
        raise MediaError(f"{path}: expected a table of faces, which cannot be read: {reason}: copy it again") from error
    missing = [name for name in columns if name not in table.columns]
    if missing:
        found = ", ".join(map(str, table.columns[:6]))
        raise MediaError(f"{path}: expected the columns {', '.join(columns)}, found {found}")
    return table


def _parse_codes(emotion: "pd.Series[int]", path: Path) -> NDArray[np.int64]:
    codes = pd.to_numeric(emotion, errors="coerce").to_numpy(dtype=np.float64, na_value=-1)
    wrong = np.flatnonzero(~np.isin(codes, range(len(EMOTIONS))))
    if len(wrong):
        found = emotion.iloc[wrong[0]]
        raise MediaError(f"{path}: row {wrong[0] + 2}: expected an emotion code from 0 to 6, found {found}")
    return np.asarray(codes, dtype=np.int64)


def _parse_pixels(rows: "pd.Series[str]", path: Path) -> NDArray[np.uint8]:
    faces = np.empty((len(rows), FACE_PX, FACE_PX), dtype=np.uint8)
    for number, text in enumerate(tqdm(rows, desc="reading faces", delay=2, leave=False, disable=None)):
        try:
            faces[number] = np.array(str(text).split(), dtype=np.uint8).reshape(FACE_PX, FACE_PX)
        except (ValueError, OverflowError) as error:
            found = len(str(text).split())
            raise MediaError(
                f"{path}: row {number + 2}: expected {FACE_PX * FACE_PX} pixels of 0 to 255, found {found} values"
            ) from error
    return faces


def _read_votes(path: Path, rows: int) -> NDArray[np.float32]:
    """(N, 7) votes by emotion; a row without any vote for one of the seven is all zero."""
    table = _read_table(path, list(VOTE_COLUMNS.values()))
    if len(table) != rows:
        raise MediaError(f"{path}: expected {rows} rows as in the table beside it, found {len(table)}")
    return np.asarray(table[[VOTE_COLUMNS[name] for name in EMOTIONS]], dtype=np.float32)


def _mix(targets: NDArray[np.float32], votes: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Blend one-hot targets with shares of votes; a face nobody voted on keeps its label."""
    total = votes.sum(axis=1, keepdims=True)
    shares = np.where(total > 0, votes / np.maximum(total, 1), targets)
    return np.asarray((1 - share) * targets + share * shares, dtype=np.float32)
