"""What is said of a face holds still, follows what lasts, and admits doubt."""

import numpy as np
import pytest

from edge.records import EmotionScores
from edge.settings import SmoothSettings
from edge.vision.smooth import Smoother

LABELS = ("happy", "sad", "neutral")


def scores(*probabilities):
    return EmotionScores(np.array(probabilities, np.float32))


def smoother(**settings):
    return Smoother(
        SmoothSettings(**{"time_constant_s": 0.5, "min_confidence": 0.4, "hysteresis": 0.1} | settings), LABELS
    )


HAPPY, SAD, FLAT = scores(0.9, 0.05, 0.05), scores(0.05, 0.9, 0.05), scores(0.34, 0.33, 0.33)


def test_the_first_answer_is_taken_as_it_is():
    """Nothing is known before, so nothing is averaged."""
    said = smoother().update(1, HAPPY, position_s=0.0)
    assert said.emotion == "happy"
    assert said.confidence == pytest.approx(0.9)


def test_one_odd_frame_does_not_change_the_name():
    """At 30 frames a second a single other answer is outvoted."""
    steady = smoother()
    steady.update(1, HAPPY, position_s=0.0)
    assert steady.update(1, SAD, position_s=0.033).emotion == "happy"


def test_what_lasts_is_followed():
    """After some time constants the new expression is named."""
    steady = smoother()
    steady.update(1, HAPPY, position_s=0.0)
    said = [steady.update(1, SAD, position_s=frame / 30).emotion for frame in range(1, 31)]
    assert said[0] == "happy"
    assert said[-1] == "sad"


def test_time_decides_and_not_the_number_of_frames():
    """Half a second apart counts the same as fifteen frames within it."""
    few, many = smoother(), smoother()
    few.update(1, HAPPY, position_s=0.0)
    many.update(1, HAPPY, position_s=0.0)
    for frame in range(1, 16):
        after_many = many.update(1, SAD, position_s=frame / 30)
    after_few = few.update(1, SAD, position_s=0.5)
    np.testing.assert_allclose(after_few.probabilities, after_many.probabilities, atol=1e-5)


def test_hysteresis_holds_the_name_until_another_is_clearly_ahead():
    """A lead of 0.04 is not enough, one of 0.2 is."""
    steady = smoother(time_constant_s=0.0)
    steady.update(1, HAPPY, position_s=0.0)
    assert steady.update(1, scores(0.48, 0.52, 0.0), position_s=1.0).emotion == "happy"
    assert steady.update(1, scores(0.4, 0.6, 0.0), position_s=2.0).emotion == "sad"


def test_doubt_is_admitted_and_left_only_when_it_is_over():
    """Under the threshold the name is `uncertain`; just above it, it stays so; clearly above, a name comes back."""
    unsure = smoother(time_constant_s=0.0)
    assert unsure.update(1, FLAT, position_s=0.0).emotion == "uncertain"
    assert unsure.update(1, scores(0.45, 0.3, 0.25), position_s=1.0).emotion == "uncertain"
    assert unsure.update(1, scores(0.55, 0.25, 0.2), position_s=2.0).emotion == "happy"


def test_tracks_do_not_mix():
    """Two faces are averaged each for itself."""
    steady = smoother()
    steady.update(1, HAPPY, position_s=0.0)
    assert steady.update(2, SAD, position_s=0.0).emotion == "sad"
    assert steady.update(1, HAPPY, position_s=0.1).emotion == "happy"


def test_a_face_that_left_is_forgotten():
    """Nothing of it colours what comes later under the same id; and memory does not grow."""
    steady = smoother()
    steady.update(1, HAPPY, position_s=0.0)
    steady.keep([2])
    assert steady.update(1, SAD, position_s=0.033).emotion == "sad"


def test_reset_forgets_all():
    """The next picture is judged by itself."""
    steady = smoother()
    steady.update(1, HAPPY, position_s=0.0)
    steady.reset()
    assert steady.hold(1).emotion == "uncertain"
    said = steady.update(1, SAD, position_s=0.0)
    assert (said.emotion, said.confidence) == ("sad", pytest.approx(0.9))


def test_a_time_that_steps_back_counts_as_none():
    """Nothing is weighed against itself: what was known stays."""
    steady = smoother()
    steady.update(1, HAPPY, position_s=5.0)
    assert steady.update(1, SAD, position_s=4.0).confidence == pytest.approx(0.9)
    assert steady.hold(1).emotion == "happy"
