"""Emotions by the names that data sets give them."""

import pytest

from edge.labels import EMOTIONS
from train.names import SPELLINGS, emotion_of


def test_every_emotion_is_known_by_its_own_name():
    """The project's own names are the first that must be understood."""
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
def test_case_spelling_and_numbering_do_not_count(name, emotion):
    """Data sets spell the same emotion in many ways."""
    assert emotion_of(name) == emotion


@pytest.mark.parametrize("name", ["contempt", "unhappy", "not sad", "3", "", "happysad", "train"])
def test_what_is_unclear_is_not_guessed(name):
    """A wrong guess would teach wrong answers; a bare number means another emotion in every set."""
    assert emotion_of(name) is None


def test_no_spelling_means_two_emotions():
    """Each name has one meaning."""
    spellings = [spelling for group in SPELLINGS.values() for spelling in group]
    assert len(spellings) == len(set(spellings))
