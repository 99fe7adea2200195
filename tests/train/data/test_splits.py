"""Drawing the splits that a data set lacks."""

import numpy as np
import pytest

from train.data.raw import TEST, TRAINING, VALIDATION
from train.data.splits import draw_missing, draw_stratified


@pytest.mark.parametrize(
    ("counts", "quota"),
    [
        ([10, 20, 30], [2, 4, 6]),
        ([4953, 8989, 6077, 4002, 6198], [990, 1798, 1215, 800, 1240]),
        ([2, 3, 100], [1, 1, 20]),
        ([1, 0, 9], [1, 0, 1]),
    ],
)
def test_every_class_gives_its_share(counts, quota):
    """Each class gives its share to the nearest face, at least one, and the total is rounded down."""
    codes = np.repeat(np.arange(len(counts)), counts)
    drawn = draw_stratified(codes, share=0.2, rng=np.random.default_rng(0))
    assert len(set(drawn.tolist())) == len(drawn)
    assert np.bincount(codes[drawn], minlength=len(counts)).tolist() == quota


def test_only_missing_splits_are_drawn():
    """Faces of an existing split stay there, and validation is drawn from the remaining training faces."""
    codes = np.tile([0, 1], 50)
    splits = np.array([TRAINING] * 80 + [TEST] * 20)
    drawn = draw_missing(codes, splits, present=frozenset({TRAINING, TEST}))
    assert np.array_equal(drawn == TEST, splits == TEST)
    assert np.bincount(drawn).tolist() == [72, 8, 20]
    everything = draw_missing(codes, np.zeros(100, dtype=np.int64), present=frozenset({TRAINING}))
    assert np.bincount(everything).tolist() == [72, 8, 20]
    complete = draw_missing(codes, splits, present=frozenset({TRAINING, VALIDATION, TEST}))
    assert np.array_equal(complete, splits)


def test_no_faces_are_no_error():
    """Drawing splits from zero faces returns zero faces."""
    none = np.empty(0, dtype=np.int64)
    assert len(draw_missing(none, none, present=frozenset({TRAINING}))) == 0
