"""Reads data sets as splits of chosen classes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError, MediaError
from edge.labels import EMOTIONS
from train.classes import class_matrix
from train.faces import FaceData, FaceSet
from train.labelled import TEST, TRAINING, VALIDATION
from train.layouts import OWN_SPLIT_NAMES, Source, open_source
from train.splits import draw_missing
from train.votes import VOTES, mix

Splits = tuple[FaceSet, FaceSet, FaceSet]

NO_MERGES: Mapping[str, str] = MappingProxyType({})


def read_dataset(
    paths: Path | Sequence[Path],
    *,
    labels: Sequence[str] = EMOTIONS,
    merges: Mapping[str, str] = NO_MERGES,
    votes_share: float = 0.0,
    pooled: bool = False,
    cache: bool = True,
) -> FaceData:
    """Read one data set, or join several, split by split.

    A set is a table of FER2013 (`fer2013.csv`, Kaggle's `icml_face_data.csv` or `train.csv`; plain, .xz or .zip), a
    folder or archive that holds one, or a tree of pictures: `train/<emotion>/*`, `test/<emotion>/*` and, where there
    is one, `validation/<emotion>/*`; or `<emotion>/*` alone. A split that a set has not is drawn, each emotion alike: a
    fifth of the set for test, then a tenth of what is left to train on for validation. A face is always drawn for the
    same split, whatever the classes.

    Args:
        paths: where the sets stand.
        labels: the classes to keep, in the order wanted.
        merges: emotion that is left out to the class that its faces count for; other left-out faces are dropped.
        votes_share: 0.0 ... 1.0, how much of a *training* target is the share of FER+ votes (`fer2013new.csv` beside
            the table) rather than the label. Validation and test, and sets without votes, keep the labels.
        pooled: draw the splits of every set anew, whatever its own are. FER2013's 30,219 faces of five classes
            become 24,175 to train and validate on and 6,044 for test (24,176 and 6,043 in the official splits).
            Figures are then not comparable with those on the official splits.
        cache: keep decoded faces for the next start (see `train.cache`).

    Raises:
        ConfigError: no set is given, or one twice; classes or merges that make no sense.
        MediaError: a set cannot be read, a split has no face of a class, or votes are wanted that are not there.
    """
    matrix = class_matrix(labels, merges)
    sources = [open_source(path, votes=votes_share > 0.0, cache=cache) for path in _different(paths)]
    if votes_share > 0.0 and all(source.votes is None for source in sources):
        raise MediaError(
            f"{sources[0].name}: expected FER+ votes ({VOTES}) beside a table of FER2013, found none: put them there, "
            "or leave the votes out"
        )
    parts = [_split(source, matrix, votes_share=votes_share, pooled=pooled) for source in sources]
    training, validation, test = (_join(split) for split in zip(*parts, strict=True))
    names = {source.split_names for source in sources}
    data = FaceData(
        _name(sources, merges, pooled=pooled),
        tuple(labels),
        training,
        validation,
        test,
        names.pop() if len(names) == 1 and not pooled else OWN_SPLIT_NAMES,
    )
    _check_classes(data)
    return data


def _different(paths: Path | Sequence[Path]) -> list[Path]:
    several = [paths] if isinstance(paths, Path) else list(paths)
    if not several:
        raise ConfigError("expected one or more data sets, found none: name one")
    for number, path in enumerate(several):
        if path.resolve() in (other.resolve() for other in several[:number]):
            raise ConfigError(f"{path}: expected each data set once, found it twice: leave one out")
    return several


def _split(source: Source, matrix: NDArray[np.float32], *, votes_share: float, pooled: bool) -> Splits:
    """Return the faces of the classes in `matrix` in their three splits."""
    faces = source.faces
    targets = matrix[faces.codes]
    kept = targets.any(axis=1)
    softened = targets if source.votes is None else mix(targets, source.votes @ matrix, votes_share)
    present = frozenset({TRAINING}) if pooled else frozenset(np.unique(faces.splits).tolist())
    splits = np.full_like(faces.splits, TRAINING) if pooled else faces.splits
    splits = draw_missing(faces.codes, splits, present=present)

    def part(split: int, answers: NDArray[np.float32]) -> FaceSet:
        rows = kept & (splits == split)
        return FaceSet(faces.pixels[rows], answers[rows])

    return part(TRAINING, softened), part(VALIDATION, targets), part(TEST, targets)


def _join(parts: Sequence[FaceSet]) -> FaceSet:
    if len(parts) == 1:
        return parts[0]
    return FaceSet(np.concatenate([part.pixels for part in parts]), np.concatenate([part.targets for part in parts]))


def _name(sources: Sequence[Source], merges: Mapping[str, str], *, pooled: bool) -> str:
    """Return what figures call the data: whatever makes them incomparable with others' is in it."""
    name = " + ".join(source.name for source in sources)
    remarks = [*(["pooled"] if pooled else []), *(f"{left_out} as {kept}" for left_out, kept in sorted(merges.items()))]
    return f"{name} ({', '.join(remarks)})" if remarks else name


def _check_classes(data: FaceData) -> None:
    for name, split in zip(data.split_names, (data.training, data.validation, data.test), strict=True):
        missing = np.flatnonzero(split.targets.sum(axis=0) == 0)
        if len(missing):
            label = data.labels[missing[0]]
            raise MediaError(
                f"{data.name}: expected faces of every class in {name}, found none of {label}: add some, or choose "
                "classes without it"
            )
