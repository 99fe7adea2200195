"""Which classes a net has, and what becomes of the faces of the others."""

import numpy as np
import pytest

from edge.errors import LabelError
from edge.labels import CLASS_SETS, EMOTIONS
from train.classes import class_matrix, parse_classes, parse_merges

FIVE = CLASS_SETS[5]


@pytest.mark.parametrize("count", [7, 6, 5])
def test_a_number_means_its_class_set(count):
    """7, 6 and 5 are the project's own sets."""
    assert parse_classes(str(count)) == CLASS_SETS[count]


@pytest.mark.parametrize("text", ["happy,angry,sad", "happy angry sad", "Happiness, ANGER , sad"])
def test_a_list_keeps_its_order(text):
    """Any list of the seven will do, with commas or blanks, however it is spelt."""
    assert parse_classes(text) == ("happy", "angry", "sad")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("4", "expected 7, 6, 5 or a list of emotions, found 4"),
        ("happy,bored", "unknown emotion 'bored': expected names out of angry, disgust"),
        ("happy,happiness", "expected two or more different emotions"),
        ("happy", "expected two or more different emotions"),
        ("", "expected two or more different emotions, found none"),
    ],
)
def test_classes_that_cannot_be_are_refused(text, message):
    """One line says what is expected."""
    with pytest.raises(LabelError, match=message):
        parse_classes(text)


@pytest.mark.parametrize("pairs", [["disgust=angry", "fear=surprise"], ["disgust=anger,fear=surprise"]])
def test_pairs_become_merges(pairs):
    """Several words or one with commas."""
    assert parse_merges(pairs, FIVE) == {"disgust": "angry", "fear": "surprise"}


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["disgust"], "expected pairs such as disgust=angry, found disgust"),
        (["disgust=bored"], "unknown emotion 'bored'"),
        (["sad=angry"], "take sad out of the classes"),
        (["disgust=fear"], "disgust=fear: fear is left out itself"),
        (["disgust=fear", "fear=surprise"], "disgust=fear: fear is left out itself"),
        (["disgust=angry", "disgust=sad"], "found disgust twice"),
        (["disgust=disgust"], "disgust is left out itself"),
    ],
)
def test_merges_that_make_no_sense_are_refused(pairs, message):
    """Of a class that is kept, into one that is not, through another, or of what is no emotion."""
    with pytest.raises(LabelError, match=message):
        parse_merges(pairs, FIVE)


def test_the_matrix_keeps_merges_and_drops():
    """An emotion counts for its own class, for the one it joins, or for none."""
    matrix = class_matrix(("happy", "angry"), {"disgust": "angry"})
    assert matrix.shape == (7, 2)
    happy, angry = np.eye(2)
    expected = {"happy": happy, "angry": angry, "disgust": angry}
    for code, name in enumerate(EMOTIONS):
        assert matrix[code].tolist() == list(expected.get(name, np.zeros(2)))


@pytest.mark.parametrize(
    ("labels", "merges"),
    [
        (FIVE, {"disgust": "fear"}),
        (FIVE, {"bored": "angry"}),
        (FIVE, {"sad": "angry"}),
        (("happy", "happy"), {}),
        (("happy", "bored"), {}),
    ],
)
def test_the_matrix_refuses_what_makes_no_sense(labels, merges):
    """Also where it comes from a file rather than from the command line."""
    with pytest.raises(LabelError):
        class_matrix(labels, merges)
