"""All stages share one definition of the emotions."""

import pytest

from edge.errors import LabelError
from edge.labels import CLASS_SETS, EMOTIONS, UNCERTAIN, check_labels, check_shares


def test_order_is_that_of_fer2013():
    """An emotion's position is its code in FER2013's table."""
    assert EMOTIONS == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def test_class_sets():
    """The set of six leaves out disgust, that of five fear as well, and the order stays."""
    assert CLASS_SETS[7] == EMOTIONS
    assert CLASS_SETS[6] == ("angry", "fear", "happy", "sad", "surprise", "neutral")
    assert CLASS_SETS[5] == ("angry", "happy", "sad", "surprise", "neutral")
    assert UNCERTAIN not in EMOTIONS


@pytest.mark.parametrize("labels", [("happy", "bored"), ("happy", "happy"), ("happy",), ()])
def test_invalid_labels_are_refused(labels):
    """Unknown, repeated or too few labels raise an error."""
    with pytest.raises(LabelError):
        check_labels(labels)


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({"happy": 1.0, "bored": 1.0}, "unknown emotion 'bored': expected names out of angry, disgust"),
        ({"happy": -0.1, "sad": 1.0}, "expected a share of 0 or more for happy, found -0.1"),
        ({"happy": float("nan")}, "expected a share of 0 or more for happy, found nan"),
        ({"happy": float("inf")}, "expected a share of 0 or more for happy, found inf"),
        ({"happy": 0.0, "sad": 0.0}, "expected at least one share above 0, found 0 for all"),
        ({}, "expected at least one share above 0, found no shares"),
    ],
)
def test_invalid_shares_are_refused(shares, words):
    """An unknown emotion, a share that is negative or no number, and shares of nothing raise an error."""
    with pytest.raises(LabelError, match=words):
        check_shares(shares)


def test_valid_shares_are_accepted():
    """Shares need neither sum to 1 nor name every emotion, and some may be 0."""
    check_shares({"happy": 3, "sad": 0.0})
