"""Draws the splits that a data set does not have."""

import numpy as np
from numpy.typing import NDArray

from train.labelled import TEST, TRAINING, VALIDATION

TEST_SHARE = 0.2
VALIDATION_SHARE = 0.1
"""Test is drawn of the whole set, validation of what is left to train on."""


SEED = 0
"""One for all runs: a model from anywhere is then never measured on what it was trained on."""


def draw_missing(codes: NDArray[np.int64], splits: NDArray[np.int64], *, present: frozenset[int]) -> NDArray[np.int64]:
    """Return (N,) the split of each face: as it was, or drawn from training where the set has no test or validation.

    Each emotion is divided alike, to the nearest face.

    Args:
        codes: (N,) emotion of each face.
        splits: (N,) TRAINING, VALIDATION or TEST.
        present: the splits that the set has, TRAINING among them.
    """
    drawn = splits.copy()
    rng = np.random.default_rng(SEED)
    for split, share in ((TEST, TEST_SHARE), (VALIDATION, VALIDATION_SHARE)):
        if split not in present:
            pool = np.flatnonzero(drawn == TRAINING)
            drawn[pool[draw_stratified(codes[pool], share=share, rng=rng)]] = split
    return drawn


def draw_stratified(codes: NDArray[np.int64], *, share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the positions of `share` of the faces, rounded down in all, each class in proportion.

    At least one of every class there is, which scikit-learn's stratified split does not promise.
    """
    counts = np.bincount(codes)
    exact = counts * share
    quota = np.maximum(np.floor(exact).astype(np.int64), counts > 0)
    rest = max(0, int(len(codes) * share) - int(quota.sum()))
    quota[np.argsort(np.floor(exact) - exact, kind="stable")[:rest]] += 1
    drawn = [rng.permutation(np.flatnonzero(codes == code))[:size] for code, size in enumerate(quota)]
    return np.concatenate([np.empty(0, dtype=np.int64), *drawn])
