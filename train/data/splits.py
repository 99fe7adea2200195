"""Draws the validation and test splits that a data set does not define."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from train.data.raw import TEST, TRAINING, VALIDATION

TEST_SHARE = 0.2
VALIDATION_SHARE = 0.1
"""Test is drawn from the whole set, validation from the faces that remain for training."""

SEED = 0
"""The same for all runs, so that no model is ever measured on faces that it was trained on."""


def draw_missing(codes: NDArray[np.int64], splits: NDArray[np.int64], *, present: frozenset[int]) -> NDArray[np.int64]:
    """Return the split of each face, (N,), after moving training faces into the splits that the set lacks.

    Each emotion is divided in the same proportion, to the nearest face.

    Args:
        codes: (N,) emotion of each face.
        splits: (N,) TRAINING, VALIDATION or TEST.
        present: the splits that the set defines, TRAINING among them.
    """
    drawn = splits.copy()
    rng = np.random.default_rng(SEED)
    for split, share in ((TEST, TEST_SHARE), (VALIDATION, VALIDATION_SHARE)):
        if split not in present:
            pool = np.flatnonzero(drawn == TRAINING)
            drawn[pool[draw_stratified(codes[pool], share=share, rng=rng)]] = split
    return drawn


def draw_stratified(codes: NDArray[np.int64], *, share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw `share` of the faces, each class in proportion, and return their positions; the total is rounded down.

    Every class that occurs gives at least one face, which scikit-learn's stratified split does not guarantee.
    """
    counts = np.bincount(codes)
    exact = counts * share
    quota = np.maximum(np.floor(exact).astype(np.int64), counts > 0)
    rest = max(0, int(len(codes) * share) - int(quota.sum()))
    quota[np.argsort(np.floor(exact) - exact, kind="stable")[:rest]] += 1
    drawn = [rng.permutation(np.flatnonzero(codes == code))[:size] for code, size in enumerate(quota)]
    return np.concatenate([np.empty(0, dtype=np.int64), *drawn])


def draw_by_person(persons: Sequence[str], codes: NDArray[np.int64], *, share: float) -> NDArray[np.int64]:
    """Return the split of each face, (N,): TRAINING, or VALIDATION for about `share` of the persons.

    All faces of a person are in one split. Persons are drawn from each emotion in proportion, by the rarest emotion
    that they show; an emotion that several persons show is in both splits, unless `share` is 0 or 1. The draw depends
    on the names of the persons, not on their order.

    Args:
        persons: (N,) who is on each face.
        codes: (N,) emotion of each face.
        share: 0.0 to 1.0.
    """
    counts = np.bincount(codes)
    rarest: dict[str, int] = {}
    for person, code in zip(persons, codes.tolist(), strict=True):
        rarest[person] = min(rarest.get(person, code), code, key=lambda one: (int(counts[one]), one))
    drawn: set[str] = set()
    for code in sorted(set(rarest.values())):
        group = sorted((person for person in rarest if rarest[person] == code), key=_digest)
        size = round(share * len(group))
        if 0 < share < 1 and len(group) > 1:
            size = min(max(size, 1), len(group) - 1)
        drawn.update(group[:size])
    return np.array([VALIDATION if person in drawn else TRAINING for person in persons], dtype=np.int64)


def number_persons(persons: Sequence[str]) -> NDArray[np.uint32]:
    """Return a number for each face, (N,), the same for all faces of a person; it does not follow the alphabet."""
    numbers = {person: number for number, person in enumerate(sorted(set(persons), key=_digest))}
    return np.array([numbers[person] for person in persons], dtype=np.uint32)


def _digest(person: str) -> bytes:
    return hashlib.sha256(person.encode(errors="surrogateescape")).digest()
