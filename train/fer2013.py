"""Reads the tables of FER2013: `fer2013.csv`, and `icml_face_data.csv` or `train.csv` of Kaggle's challenge."""

import lzma
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.errors import MediaError
from edge.labels import EMOTIONS
from train.faces import FACE_PX
from train.labelled import TRAINING, LabelledFaces

if TYPE_CHECKING:
    import pandas as pd

TABLES = ("fer2013.csv", "icml_face_data.csv", "train.csv")
"""Names of the tables, the most complete first. `train.csv` is the Training split of the others, without `Usage`."""

ENDINGS = ("", ".xz", ".zip")
"""How a table may be packed."""

USAGES: tuple[str, str, str] = ("Training", "PublicTest", "PrivateTest")
"""The official splits: training, validation (all choices are made on it), test (read once for a released model)."""

CHUNK = 2000
"""Rows parsed at a time: all of the table as text would take 300 MB."""

PIXELS = FACE_PX * FACE_PX
LIGHTEST = 255


def find_table(folder: Path) -> Path | None:
    """Return the most complete table in `folder`, packed or not; None where there is none."""
    for name in TABLES:
        for ending in ENDINGS:
            if (folder / f"{name}{ending}").is_file():
                return folder / f"{name}{ending}"
    return None


def read_table(path: Path) -> LabelledFaces:
    """Read the table at `path` (plain, .xz, .zip), whose columns may come in any order.

    Without the column `Usage` every face is one to train on. A row with other than 48x48 pixels is left out as broken.

    Raises:
        MediaError: the file, a column, a split or an emotion's code is not as expected.
    """
    pixels, codes, splits, rows, broken = [], [], [], [], []
    with tqdm(desc=f"reading {path.name}", unit=" faces", delay=2, leave=False, disable=None) as bar:
        for chunk in read_chunks(path, ("emotion", "pixels")):
            faces, good = _parse_pixels(chunk["pixels"])
            whole = chunk[good]
            broken += [
                f"{path}: row {row}: expected {PIXELS} pixels of 0 to {LIGHTEST}, found {len(str(text).split())} values"
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
            raise MediaError(f"{path}: expected rows with Usage {usage}, found none: take the complete fer2013.csv")
    return LabelledFaces(
        np.concatenate(pixels), np.concatenate(codes), present, np.concatenate(rows), broken=tuple(broken)
    )


def read_chunks(path: Path, columns: Sequence[str]) -> Iterator["pd.DataFrame"]:
    """Give the table's rows, some at a time, numbered from 0.

    Raises:
        MediaError: the file cannot be read, or lacks one of `columns`.
    """
    for chunk in _chunks(path):
        missing = [name for name in columns if name not in chunk.columns]
        if missing:
            found = ", ".join(map(str, chunk.columns[:6]))
            raise MediaError(f"{path}: expected the columns {', '.join(columns)}, found {found}")
        yield chunk


def _chunks(path: Path) -> Iterator["pd.DataFrame"]:
    import pandas as pd  # noqa: PLC0415  # takes a second to load, and faces out of the cache need none of it

    try:
        with ExitStack() as stack:
            source = path if path.suffix != ".zip" else stack.enter_context(_open_member(path, stack))
            yield from stack.enter_context(pd.read_csv(source, chunksize=CHUNK, skipinitialspace=True))
    except FileNotFoundError as error:
        raise MediaError(f"{path}: expected a data set here, found no such file") from error
    except (OSError, ValueError, EOFError, lzma.LZMAError, zipfile.BadZipFile, zlib.error) as error:
        reason = str(error).partition("\n")[0]
        raise MediaError(
            f"{path}: expected a table of faces, which cannot be read: {reason}: take a complete copy"
        ) from error


def _open_member(path: Path, stack: ExitStack) -> IO[bytes]:
    """Open the table in an archive, which may hold other files as well, as Kaggle's does."""
    archive = stack.enter_context(zipfile.ZipFile(path))
    members = [name for name in archive.namelist() if not name.endswith("/")]
    tables = sorted(
        (name for name in members if PurePosixPath(name).name in TABLES),
        key=lambda name: TABLES.index(PurePosixPath(name).name),
    )
    if not tables and len(members) != 1:
        raise ValueError(f"it holds none of {', '.join(TABLES)} (unpack an archive of pictures)")
    return archive.open((tables or members)[0])


def _parse_pixels(rows: "pd.Series[str]") -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return (N, 48, 48) uint8 faces and (N,) whether each could be read; one that could not is black."""
    faces = np.zeros((len(rows), PIXELS), dtype=np.uint8)
    good = np.zeros(len(rows), dtype=np.bool_)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # numpy before 2.3 warns of what later is an error
        for number, text in enumerate(map(str, rows)):
            try:
                values = np.fromstring(text, dtype=np.int64, sep=" ")
            except (ValueError, DeprecationWarning):
                continue
            if values.size == PIXELS and values.min() >= 0 and values.max() <= LIGHTEST:
                faces[number], good[number] = values, True
    return faces.reshape(-1, FACE_PX, FACE_PX), good


def _parse_codes(emotion: "pd.Series[int]", path: Path) -> NDArray[np.int64]:
    known = {str(code): code for code in range(len(EMOTIONS))}
    text = emotion.astype(str).str.removesuffix(".0")  # a column with a gap in it is read as floats
    codes = np.array([known.get(one, -1) for one in text], dtype=np.int64)
    wrong = np.flatnonzero(codes < 0)
    if len(wrong):
        row, found = emotion.index[wrong[0]] + 2, emotion.iloc[wrong[0]]
        raise MediaError(f"{path}: row {row}: expected an emotion code from 0 to 6, found {found}")
    return codes


def _parse_usages(rows: "pd.DataFrame", path: Path) -> NDArray[np.int64]:
    """(N,) codes of the splits."""
    if "Usage" not in rows.columns:
        return np.full(len(rows), TRAINING, dtype=np.int64)
    splits = np.full(len(rows), -1, dtype=np.int64)
    for split, usage in enumerate(USAGES):
        splits[(rows["Usage"] == usage).to_numpy()] = split
    wrong = np.flatnonzero(splits < 0)
    if len(wrong):
        row, found = rows.index[wrong[0]] + 2, rows["Usage"].iloc[wrong[0]]
        raise MediaError(f"{path}: row {row}: expected Usage {', '.join(USAGES)}, found {found}")
    return splits
