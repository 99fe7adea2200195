"""Reads the tables of FER2013: `fer2013.csv`, and `icml_face_data.csv` and `train.csv` from Kaggle's challenge."""

import difflib
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.errors import MediaError
from edge.labels import EMOTIONS
from train.data.faces import FACE_PX
from train.data.raw import TRAINING, RawFaces
from train.data.table_file import open_table

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

TABLES = ("fer2013.csv", "icml_face_data.csv", "train.csv")
"""File names of the tables, the most complete first. `train.csv` is the Training split alone, without `Usage`."""

ENDINGS = ("", ".xz", ".zip")
"""Suffixes of a table: plain or compressed."""

USAGES: tuple[str, str, str] = ("Training", "PublicTest", "PrivateTest")
"""The official splits: training, validation (every choice is made on it), test (once, for a released model)."""

CHUNK = 2000
"""Rows parsed at a time; the whole table as text would take 300 MB."""

PIXELS = FACE_PX * FACE_PX
MAX_LUMA = 255


def find_table(folder: Path) -> Path | None:
    """Return the most complete table in `folder`, compressed or not; None if there is none."""
    for name in TABLES:
        for ending in ENDINGS:
            if (folder / f"{name}{ending}").is_file():
                return folder / f"{name}{ending}"
    return None


def read_table(path: Path) -> RawFaces:
    """Read the table at `path` (plain, .xz, .zip); its columns may be in any order.

    Without a `Usage` column every face belongs to training. A row without 48 x 48 valid pixels is reported as broken.

    Raises:
        MediaError: the file cannot be read, or a column, a split or an emotion code is missing or unknown.
    """
    pixels, codes, splits, rows, broken = [], [], [], [], []
    with tqdm(desc=f"reading {path.name}", unit=" faces", delay=2, leave=False, disable=None) as bar:
        for chunk in read_chunks(path, ("emotion", "pixels")):
            faces, good = _parse_pixels(chunk["pixels"])
            whole = chunk[good]
            broken += [
                f"{path}: row {row}: expected {PIXELS} pixels of 0 to {MAX_LUMA}, found {len(str(text).split())} values"
                for row, text in zip(chunk.index[~good] + 2, chunk["pixels"][~good], strict=True)
            ]
            pixels.append(faces[good])
            codes.append(_parse_codes(whole["emotion"], path))
            splits.append(_parse_usages(whole, path))
            rows.append(whole.index.to_numpy(dtype=np.int64))
            bar.update(len(chunk))
    present = np.concatenate(splits)
    for split, usage in enumerate(USAGES):
        if present.any() and split not in present:
            raise MediaError(f"{path}: expected rows with Usage {usage}, found none: use the complete fer2013.csv")
    return RawFaces(np.concatenate(pixels), np.concatenate(codes), present, np.concatenate(rows), broken=tuple(broken))


def read_chunks(path: Path, columns: Sequence[str]) -> Iterator["pd.DataFrame"]:
    """Yield the table's rows in chunks, numbered from 0.

    Raises:
        MediaError: the file cannot be read, or lacks one of `columns`.
    """
    names: dict[str, str] | None = None
    for chunk in _chunks(path):
        if names is None:
            names = _recognize_columns(path, [str(name) for name in chunk.columns])
        chunk = chunk.rename(columns=names)  # noqa: PLW2901  # the same rows
        missing = [name for name in columns if name not in chunk.columns]
        if missing:
            found = ", ".join(map(str, chunk.columns[:6]))
            raise MediaError(f"{path}: expected the columns {', '.join(columns)}, found {found}")
        yield chunk


def _recognize_columns(path: Path, columns: Sequence[str]) -> dict[str, str]:
    """Return the columns that are called otherwise than FER2013 calls them, with its names.

    Case and blanks do not matter. A column that may hold the splits but has another name is refused: taking the table
    as one without splits would train on test faces.

    Raises:
        MediaError: a column occurs twice, or may be `Usage`.
    """
    names: dict[str, str] = {}
    for column in columns:
        name = _COLUMNS.get(column.strip().casefold())
        if name is None:
            continue
        if name in names.values():
            raise MediaError(f"{path}: expected one column {name}, found several: remove all others")
        names[column] = name
    if USAGE not in names.values():
        near = [column for column in columns if column not in names and _may_be_usage(column)]
        if near:
            raise MediaError(
                f"{path}: expected the splits in the column {USAGE}, found {near[0]!r}, which may hold them: rename "
                "it, or remove it to have splits drawn"
            )
    renamed = {column: name for column, name in names.items() if column != name}
    for column, name in renamed.items():
        log.warning("%s: the column %r is taken for %s", path, column, name)
    return renamed


USAGE = "Usage"
"""The column with the splits."""

_COLUMNS = {"emotion": "emotion", "pixels": "pixels", "usage": USAGE}
"""Columns by their names in lower case."""

_SPLIT_NAMES = ("usage", "split", "splits", "set", "subset", "partition", "fold", "dataset", "phase")
"""What tables call the column with the splits, in lower case."""


_NEAR = 0.75
"""Similarity to `usage` from which a name counts as misspelt, 0 to 1."""


def _may_be_usage(column: str) -> bool:
    words = re.split(r"[^a-z]+", column.strip().casefold())
    return any(word in _SPLIT_NAMES or difflib.get_close_matches(word, ["usage"], cutoff=_NEAR) for word in words)


def _chunks(path: Path) -> Iterator["pd.DataFrame"]:
    import pandas as pd  # noqa: PLC0415  # takes a second to import, and cached faces do not need it

    try:
        with (
            open_table(path, _choose_member) as table,
            pd.read_csv(table, chunksize=CHUNK, skipinitialspace=True) as chunks,
        ):
            for chunk in chunks:
                if not isinstance(chunk.index, pd.RangeIndex):  # the first values are taken for names of the rows
                    raise ValueError("expected a value for each column, found more values than columns")  # noqa: TRY004, TRY301  # of the file
                yield chunk
    except FileNotFoundError as error:
        raise MediaError(f"{path}: expected a data set here, found no such file") from error
    except Exception as error:  # of any type: pandas and the unpackers raise many for a damaged file
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise MediaError(
            f"{path}: expected a table of faces, found one that cannot be read: {reason}: use a complete copy"
        ) from error


def _choose_member(names: list[str]) -> str:
    """Return the table among an archive's files; Kaggle's archive holds other files as well."""
    members = [name for name in names if not name.endswith("/")]
    tables = sorted(
        (name for name in members if PurePosixPath(name).name in TABLES),
        key=lambda name: TABLES.index(PurePosixPath(name).name),
    )
    if not tables and len(members) != 1:
        raise ValueError(f"it holds none of {', '.join(TABLES)} (unpack an archive of images)")
    return (tables or members)[0]


def _parse_pixels(rows: "pd.Series[str]") -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Parse pixels; return (N, 48, 48) uint8 faces and an (N,) mask of the readable ones. The others are black."""
    faces = np.zeros((len(rows), PIXELS), dtype=np.uint8)
    good = np.zeros(len(rows), dtype=np.bool_)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # before numpy 2.3 text that is no number only warns
        for number, text in enumerate(map(str, rows)):
            try:
                values = np.fromstring(text, dtype=np.int64, sep=" ")
            except (ValueError, DeprecationWarning):
                continue
            if values.size == PIXELS and values.min() >= 0 and values.max() <= MAX_LUMA:
                faces[number], good[number] = values, True
    return faces.reshape(-1, FACE_PX, FACE_PX), good


def _parse_codes(emotion: "pd.Series[int]", path: Path) -> NDArray[np.int64]:
    known = {str(code): code for code in range(len(EMOTIONS))}
    text = emotion.astype(str).str.removesuffix(".0")  # pandas reads a column with gaps as floats
    codes = np.array([known.get(one, -1) for one in text], dtype=np.int64)
    wrong = np.flatnonzero(codes < 0)
    if len(wrong):
        row, found = emotion.index[wrong[0]] + 2, emotion.iloc[wrong[0]]
        raise MediaError(f"{path}: row {row}: expected an emotion code from 0 to 6, found {found}")
    return codes


def _parse_usages(rows: "pd.DataFrame", path: Path) -> NDArray[np.int64]:
    """Return the split code of each row, (N,); all TRAINING without a `Usage` column."""
    if USAGE not in rows.columns:
        return np.full(len(rows), TRAINING, dtype=np.int64)
    splits = np.full(len(rows), -1, dtype=np.int64)
    words = rows[USAGE].astype(str).str.strip().str.casefold()
    for split, usage in enumerate(USAGES):
        splits[(words == usage.casefold()).to_numpy()] = split
    wrong = np.flatnonzero(splits < 0)
    if len(wrong):
        row, found = rows.index[wrong[0]] + 2, rows[USAGE].iloc[wrong[0]]
        raise MediaError(f"{path}: row {row}: expected {USAGE} {', '.join(USAGES)}, found {found}")
    return splits
