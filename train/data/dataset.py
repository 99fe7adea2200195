"""Reads one or more data sets into training, validation and test splits of chosen classes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError, MediaError
from edge.labels import EMOTIONS
from train.data.classes import NO_MERGES, class_matrix, foreign_merges
from train.data.face_file import read_face_file
from train.data.faces import FaceData, FaceSet, Split
from train.data.ferplus import VOTES, has_majority, mix_votes
from train.data.formats import OWN_SPLIT_NAMES, RawDataset, read_raw_dataset
from train.data.raw import TEST, TRAINING, VALIDATION
from train.data.splits import draw_missing

Splits = tuple[FaceSet, FaceSet, FaceSet]
"""Training, validation and test."""


def read_dataset(
    paths: Path | Sequence[Path],
    *,
    labels: Sequence[str] = EMOTIONS,
    merges: Mapping[str, str] = NO_MERGES,
    votes_share: float = 0.0,
    choose_by_votes: bool = False,
    shares: Sequence[float] = (),
    balance: Sequence[float] = (),
    pooled: bool = False,
    cache: bool = True,
) -> FaceData:
    """Read one data set, or join several split by split.

    A data set is a table of FER2013 (`fer2013.csv`, Kaggle's `icml_face_data.csv` or `train.csv`; plain, .xz or .zip),
    a folder or archive that contains one; a tree of images: `train/<emotion>/*`, `test/<emotion>/*` and optionally
    `validation/<emotion>/*`; or `<emotion>/*` alone; or a face set (see `read_face_file`). Splits that a set lacks are
    drawn, each emotion in proportion: a fifth of the set for test, then a tenth of the remaining training faces for
    validation; a face set with folds 0 and 1 gets no test split. A face is always drawn for the same split, whatever
    the classes.

    Args:
        paths: the data sets.
        labels: the classes to keep, in the order of the targets.
        merges: left-out emotion to the class that its faces join; faces of other left-out emotions are dropped. An
            emotion that is none of ours, such as `contempt`, is a folder's name.
        votes_share: weight, 0.0 ... 1.0, of the FER+ votes (`fer2013new.csv` next to the table) in each *training*
            target; the label has the rest. Test, and sets without votes, keep the labels.
        choose_by_votes: of sets with votes, validate on the faces for which more than half of all votes name one of
            the classes, and on that class. By default validation keeps the labels.
        shares: for each set, its share of the faces that an epoch shows; empty: an epoch shows every face once.
        balance: for each set, how evenly an epoch shows its classes: 0.0 in proportion to their faces, 1.0 all
            equally often; a class with n faces gets a share in proportion to n ** (1 - balance). Empty: 0.0 for all.
        pooled: redraw the splits of every set, ignoring its own. FER2013's 30,219 faces of five classes become 24,175
            for training and validation and 6,044 for test (24,176 and 6,043 in the official splits). Results are then
            not comparable with those on the official splits.
        cache: keep decoded faces for the next start (see `train.data.cache`).

    Raises:
        ConfigError: no set is given, one is given twice, there is not one share or balance for each set, or classes
            and merges contradict each other.
        MediaError: a set cannot be read, a split has no face of a class, or no set has the requested votes.
    """
    matrix = class_matrix(labels, merges)
    several = _check_paths(paths)
    for option, values in (("--shares", shares), ("--balance", balance)):
        if values and len(values) != len(several):
            raise ConfigError(
                f"{option}: expected a number for each of the {len(several)} data sets, found {len(values)}: "
                "give one for each"
            )
    with_votes = votes_share > 0.0 or choose_by_votes
    foreign = foreign_merges(merges)
    sources = [read_raw_dataset(path, votes=with_votes, cache=cache, merges=foreign) for path in several]
    if with_votes and all(source.votes is None for source in sources):
        raise MediaError(
            f"{sources[0].name}: expected FER+ votes ({VOTES}) next to a table of FER2013, found none: put them there, "
            "or drop --votes-share and --choose-by-votes"
        )
    parts = [
        _split(source, matrix, votes_share=votes_share, choose_by_votes=choose_by_votes, pooled=pooled)
        for source in sources
    ]
    trainings, validations, tests = zip(*parts, strict=True)
    training, validation, test = _join(_weigh(trainings, shares, balance)), _join(validations), _join(tests)
    data = FaceData(
        _name(sources, merges, pooled=pooled),
        tuple(labels),
        training,
        validation,
        test,
        _split_names(sources, choose_by_votes=choose_by_votes, pooled=pooled),
        "validation" if pooled else _default_split(sources),
    )
    _check_classes(data)
    return data


def _split_names(sources: Sequence[RawDataset], *, choose_by_votes: bool, pooled: bool) -> tuple[str, str, str]:
    names = {source.split_names for source in sources}
    training, validation, test = names.pop() if len(names) == 1 and not pooled else OWN_SPLIT_NAMES
    return training, f"{validation} by majority of votes" if choose_by_votes else validation, test


def _default_split(sources: Sequence[RawDataset]) -> Split:
    defined = {split for source in sources for split in np.unique(source.faces.splits).tolist()}
    return "test" if TEST in defined and VALIDATION not in defined else "validation"


def read_held_out(
    path: Path, *, labels: Sequence[str], split: Split, merges: Mapping[str, str] = NO_MERGES, pooled: bool = False
) -> tuple[str, FaceSet]:
    """Read the held-out faces of one data set alone, the same as `read_dataset` holds out of it when it joins several.

    Args:
        path: the data set.
        labels: the classes that count, in the order of the targets; the set may lack some.
        split: validation or test.
        merges: as for `read_dataset`.
        pooled: as for `read_dataset`.

    Returns:
        The names of set and split, such as `FER2013 PublicTest`, and the faces; none if the set lacks the split.

    Raises:
        ConfigError: classes and merges contradict each other.
        MediaError: the set cannot be read.
    """
    source = read_raw_dataset(path, votes=False, cache=True, merges=foreign_merges(merges))
    parts = _split(source, class_matrix(labels, merges), votes_share=0.0, choose_by_votes=False, pooled=pooled)
    number = 2 if split == "test" else 1
    names = _split_names([source], choose_by_votes=False, pooled=pooled)
    return f"{_name([source], merges, pooled=pooled)} {names[number]}", parts[number]


def read_majority_faces(path: Path, *, labels: Sequence[str], split: Split) -> FaceSet:
    """Read the faces of `split` for which more than half of all FER+ votes name the same one of `labels`.

    Args:
        path: FER2013's table with `fer2013new.csv` next to it, or the folder of both.
        labels: the emotions that count, in the order of the targets.
        split: one of the table's official splits.

    Raises:
        MediaError: table or votes are missing, or there is no such face.
    """
    source = read_raw_dataset(path, votes=True, cache=True)
    if source.votes is None:
        raise MediaError(f"{path}: expected a table of FER2013 with {VOTES} next to it for --fer-plus, found none")
    votes = source.votes[:, [EMOTIONS.index(name) for name in labels]]
    chosen = (source.faces.splits == (TEST if split == "test" else VALIDATION)) & has_majority(votes)
    if not chosen.any():
        raise MediaError(
            f"{path}: expected faces with a majority of FER+ votes, found none: use the complete table and votes"
        )
    return FaceSet(source.faces.pixels[chosen], np.eye(len(labels), dtype=np.float32)[votes[chosen].argmax(axis=1)])


def read_fold(path: Path, *, labels: Sequence[str], fold: int) -> FaceSet:
    """Read the faces of one fold of a face set that have one of `labels`, in the order of the targets.

    Args:
        path: the face set (`.npz`, see `read_face_file`).
        labels: the emotions that count.
        fold: 0 for training, 1 for validation, 2 for test.

    Raises:
        MediaError: the set cannot be read, or there is no such face.
    """
    raw = read_face_file(path)
    targets = class_matrix(labels, NO_MERGES)[raw.codes]
    chosen = (raw.splits == fold) & targets.any(axis=1)
    if not chosen.any():
        folds = ", ".join(map(str, np.unique(raw.splits).tolist())) or "none"
        raise MediaError(
            f"{path}: expected faces of {', '.join(labels)} in fold {fold}, found none; the set has the folds {folds}: "
            "choose another --fold"
        )
    return FaceSet(raw.pixels[chosen], targets[chosen])


def _check_paths(paths: Path | Sequence[Path]) -> list[Path]:
    several = [paths] if isinstance(paths, Path) else list(paths)
    if not several:
        raise ConfigError("expected one or more data sets, found none: name one")
    for number, path in enumerate(several):
        if path.resolve() in (other.resolve() for other in several[:number]):
            raise ConfigError(f"{path}: expected each data set once, found it twice: leave one out")
    return several


def _split(
    source: RawDataset, matrix: NDArray[np.float32], *, votes_share: float, choose_by_votes: bool, pooled: bool
) -> Splits:
    """Divide the faces of the classes in `matrix` into the three splits."""
    faces = source.faces
    targets = matrix[faces.codes]
    kept = targets.any(axis=1)
    softened = targets if source.votes is None else mix_votes(targets, source.votes @ matrix, votes_share)
    present = frozenset({TRAINING}) if pooled else frozenset(np.unique(faces.splits).tolist())
    if source.is_face_set and VALIDATION in present:
        present |= {TEST}
    splits = np.full_like(faces.splits, TRAINING) if pooled else faces.splits
    splits = draw_missing(faces.codes, splits, present=present)

    voted_targets, voted = targets, kept
    if choose_by_votes and source.votes is not None:
        votes = source.votes @ matrix
        voted_targets, voted = np.eye(matrix.shape[1], dtype=np.float32)[votes.argmax(axis=1)], has_majority(votes)

    def part(mask: NDArray[np.bool_], split_targets: NDArray[np.float32]) -> FaceSet:
        return FaceSet(faces.pixels[mask], split_targets[mask])

    return (
        part(kept & (splits == TRAINING), softened),
        part(voted & (splits == VALIDATION), voted_targets),
        part(kept & (splits == TEST), targets),
    )


def _weigh(trainings: Sequence[FaceSet], shares: Sequence[float], balance: Sequence[float]) -> list[FaceSet]:
    """Give each training set the weights that its share and balance ask for; none if neither is given."""
    if not shares and not any(balance):
        return list(trainings)
    total = sum(map(len, trainings))
    sizes = [share / sum(shares) * total for share in shares] if shares else [len(faces) for faces in trainings]
    weighted = []
    for faces, size, evenness in zip(trainings, sizes, balance or [0.0] * len(trainings), strict=True):
        counts = np.maximum(faces.counts(), 1).astype(np.float64)
        weights = counts[faces.codes] ** -evenness
        weighted.append(replace(faces, weights=weights * (size / weights.sum()) if len(faces) else weights))
    return weighted


def _join(parts: Sequence[FaceSet]) -> FaceSet:
    """Join sets; the narrower faces get a margin that repeats their outermost pixels."""
    if len(parts) == 1:
        return parts[0]
    side = max(part.wide.shape[1] for part in parts)
    weights = [part.weights for part in parts if part.weights is not None]
    return FaceSet(
        np.concatenate([_with_margin(part.wide, side) for part in parts]),
        np.concatenate([part.targets for part in parts]),
        np.concatenate(weights) if weights else None,
    )


def _with_margin(wide: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    margin = (side - wide.shape[1]) // 2
    return np.pad(wide, ((0, 0), (margin, margin), (margin, margin)), mode="edge") if margin else wide


def _name(sources: Sequence[RawDataset], merges: Mapping[str, str], *, pooled: bool) -> str:
    """Return the data's name in reports; it includes whatever makes results incomparable with published ones."""
    name = " + ".join(source.name for source in sources)
    remarks = [*(["pooled"] if pooled else []), *(f"{left_out} as {kept}" for left_out, kept in sorted(merges.items()))]
    return f"{name} ({', '.join(remarks)})" if remarks else name


def _check_classes(data: FaceData) -> None:
    for name, split in zip(data.split_names, (data.training, data.validation, data.test), strict=True):
        if split is data.test and len(split) == 0:
            continue  # a face set with the folds 0 and 1 alone has no test split
        missing = np.flatnonzero(split.targets.sum(axis=0) == 0)
        if len(missing):
            label = data.labels[missing[0]]
            raise MediaError(
                f"{data.name}: expected faces of every class in {name}, found none of {label}: add some, or choose "
                "classes without it"
            )
