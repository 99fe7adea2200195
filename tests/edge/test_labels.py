"""All stages share one definition of the emotions."""

import pytest

from edge.errors import LabelError
from edge.labels import CLASS_SETS, EMOTIONS, UNCERTAIN, check_labels


def test_order_is_that_of_fer2013():
    """A label's position is its code in FER2013's table."""
    assert EMOTIONS == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def test_class_sets():
    """Six is without disgust, five without fear too; the order stays."""
    assert CLASS_SETS[7] == EMOTIONS
    assert CLASS_SETS[6] == ("angry", "fear", "happy", "sad", "surprise", "neutral")
    assert CLASS_SETS[5] == ("angry", "happy", "sad", "surprise", "neutral")
    assert UNCERTAIN not in EMOTIONS


@pytest.mark.parametrize("labels", [("happy", "bored"), ("happy", "happy"), ("happy",), ()])
def test_labels_that_no_model_may_carry(labels):
    """Unknown, doubled or too few names are refused."""
    with pytest.raises(LabelError):
        check_labels(labels)
