"""Class names: parsing `--classes` and `--merge`, the class matrix, and emotions as data sets spell them."""

import numpy as np
import pytest

from edge.errors import LabelError
from edge.labels import CLASS_SETS, EMOTIONS
from train.data.classes import SPELLINGS, class_matrix, emotion_of, parse_classes, parse_merges

FIVE = CLASS_SETS[5]


@pytest.mark.parametrize("count", [7, 6, 5])
def test_number_selects_its_class_set(count):
    """`--classes 7`, `6` and `5` select the predefined class sets."""
    assert parse_classes(str(count)) == CLASS_SETS[count]


@pytest.mark.parametrize("text", ["happy,angry,sad", "happy angry sad", "Happiness, ANGER , sad"])
def test_list_of_classes_keeps_its_order(text):
    """Emotions separated by commas or spaces are accepted in any spelling, and keep their order."""
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
def test_invalid_classes_are_refused(text, message):
    """An unknown number, an unknown or repeated emotion and a single class each raise an error that explains itself."""
    with pytest.raises(LabelError, match=message):
        parse_classes(text)


@pytest.mark.parametrize("pairs", [["disgust=angry", "fear=surprise"], ["disgust=anger,fear=surprise"]])
def test_merges_are_parsed(pairs):
    """Merges are given as several arguments, or as one with commas."""
    assert parse_merges(pairs, FIVE) == {"disgust": "angry", "fear": "surprise"}


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["disgust"], "expected pairs such as disgust=angry, found disgust"),
        (["disgust=bored"], "unknown emotion 'bored'"),
        (["sad=angry"], "remove sad from the classes"),
        (["disgust=fear"], "disgust=fear: fear is left out itself"),
        (["disgust=fear", "fear=surprise"], "disgust=fear: fear is left out itself"),
        (["disgust=angry", "disgust=sad"], "found disgust twice"),
        (["disgust=disgust"], "disgust is left out itself"),
    ],
)
def test_invalid_merges_are_refused(pairs, message):
    """A merge of a kept class, into a left-out class, through another merge, or of an unknown emotion is refused."""
    with pytest.raises(LabelError, match=message):
        parse_merges(pairs, FIVE)


def test_class_matrix_keeps_merges_and_drops():
    """An emotion counts towards its own class, towards the class that it is merged into, or towards none."""
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
        (FIVE, {"bored": "bored"}),
        (FIVE, {"anrgy": "angry"}),
        (FIVE, {"": "angry"}),
        (FIVE, {"sad": "angry"}),
        (("happy", "happy"), {}),
        (("happy", "bored"), {}),
    ],
)
def test_class_matrix_refuses_invalid_classes(labels, merges):
    """`class_matrix` itself refuses classes and merges that did not pass through the command line."""
    with pytest.raises(LabelError):
        class_matrix(labels, merges)


def test_every_emotion_is_recognized_by_its_own_name():
    """Each label of the project is recognized, and each has its list of spellings."""
    assert [emotion_of(name) for name in EMOTIONS] == list(EMOTIONS)
    assert set(SPELLINGS) == set(EMOTIONS)


@pytest.mark.parametrize(
    ("name", "emotion"),
    [
        ("Anger", "angry"),
        ("DISGUSTED", "disgust"),
        ("fearful", "fear"),
        ("HAPPINESS", "happy"),
        ("3_happy", "happy"),
        ("Sadness ", "sad"),
        ("surprised", "surprise"),
        ("suprise", "surprise"),
        ("06-neutrality", "neutral"),
    ],
)
def test_case_spelling_and_numbering_are_ignored(name, emotion):
    """Variants of an emotion's name that data sets use are recognized."""
    assert emotion_of(name) == emotion


@pytest.mark.parametrize("name", ["contempt", "unhappy", "not sad", "3", "", "happysad", "train"])
def test_unclear_names_are_not_guessed(name):
    """Unknown names, and bare numbers (whose meaning differs between data sets), give no emotion."""
    assert emotion_of(name) is None


def test_no_spelling_means_two_emotions():
    """Each spelling belongs to one emotion only."""
    spellings = [spelling for group in SPELLINGS.values() for spelling in group]
    assert len(spellings) == len(set(spellings))
