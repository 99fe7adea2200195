"""Smoothed predictions ignore outliers, follow lasting changes, and become `uncertain` at low confidence."""

import numpy as np
import pytest

from edge.records import EmotionScores
from edge.settings.schema import SmoothSettings
from edge.vision.smooth import Smoother

LABELS = ("happy", "sad", "neutral")


def scores(*probabilities):
    return EmotionScores(np.array(probabilities, np.float32))


def new_smoother(*, rare=(), **settings):
    defaults = {
        "time_constant_s": 0.5,
        "min_confidence": 0.4,
        "hysteresis": 0.1,
        "hold_s": 0.0,
        "uncertain_after_s": 0.0,
    }
    return Smoother(SmoothSettings(**defaults | settings), LABELS, rare=rare)


HAPPY, SAD, FLAT = scores(0.9, 0.05, 0.05), scores(0.05, 0.9, 0.05), scores(0.34, 0.33, 0.33)


def test_the_first_scores_are_not_averaged():
    """A new track's prediction equals its first scores."""
    prediction = new_smoother().update(1, HAPPY, media_time_s=0.0)
    assert prediction.emotion == "happy"
    assert prediction.confidence == pytest.approx(0.9)


def test_a_single_outlier_does_not_change_the_label():
    """At 30 frames per second, one frame with another expression is averaged away."""
    smoother = new_smoother()
    smoother.update(1, HAPPY, media_time_s=0.0)
    assert smoother.update(1, SAD, media_time_s=0.033).emotion == "happy"


def test_a_lasting_change_is_followed():
    """After a few time constants, the label is the new expression."""
    smoother = new_smoother()
    smoother.update(1, HAPPY, media_time_s=0.0)
    labels = [smoother.update(1, SAD, media_time_s=frame / 30).emotion for frame in range(1, 31)]
    assert labels[0] == "happy"
    assert labels[-1] == "sad"


def test_the_average_depends_on_time_and_not_on_the_number_of_frames():
    """One frame after half a second weighs as much as fifteen frames during it."""
    few, many = new_smoother(), new_smoother()
    few.update(1, HAPPY, media_time_s=0.0)
    many.update(1, HAPPY, media_time_s=0.0)
    for frame in range(1, 16):
        after_many = many.update(1, SAD, media_time_s=frame / 30)
    after_few = few.update(1, SAD, media_time_s=0.5)
    np.testing.assert_allclose(after_few.probabilities, after_many.probabilities, atol=1e-5)


def test_hysteresis_holds_the_label_until_another_is_clearly_ahead():
    """With a hysteresis of 0.1, a lead of 0.04 does not change the label and one of 0.2 does."""
    smoother = new_smoother(time_constant_s=0.0)
    smoother.update(1, HAPPY, media_time_s=0.0)
    assert smoother.update(1, scores(0.48, 0.52, 0.0), media_time_s=1.0).emotion == "happy"
    assert smoother.update(1, scores(0.4, 0.6, 0.0), media_time_s=2.0).emotion == "sad"


def test_hysteresis_applies_to_uncertain_as_well():
    """Below the threshold the label is `uncertain`; it stays so just above it and changes clearly above it."""
    smoother = new_smoother(time_constant_s=0.0)
    assert smoother.update(1, FLAT, media_time_s=0.0).emotion == "uncertain"
    assert smoother.update(1, scores(0.45, 0.3, 0.25), media_time_s=1.0).emotion == "uncertain"
    assert smoother.update(1, scores(0.55, 0.25, 0.2), media_time_s=2.0).emotion == "happy"


def test_a_first_prediction_needs_no_hysteresis():
    """A new track just above the threshold has a label at once."""
    smoother = new_smoother()
    assert smoother.update(1, scores(0.45, 0.3, 0.25), media_time_s=0.0).emotion == "happy"


def labels_at(smoother, *timed):
    """Feed (time, scores) pairs and return the label after each."""
    return [smoother.update(1, given, media_time_s=at_s).emotion for at_s, given in timed]


def test_a_short_lead_does_not_change_the_label():
    """With `hold_s` 0.3, another expression that leads for 0.2 s, as while somebody talks, is not shown."""
    smoother = new_smoother(time_constant_s=0.0, hold_s=0.3)
    timed = [(0.0, HAPPY), (0.1, SAD), (0.3, SAD), (0.35, HAPPY), (0.4, SAD), (0.6, SAD)]
    assert labels_at(smoother, *timed) == ["happy"] * 6


def test_a_lasting_lead_changes_the_label():
    """After `hold_s` of the same lead the new label is shown."""
    smoother = new_smoother(time_constant_s=0.0, hold_s=0.3)
    assert labels_at(smoother, (0.0, HAPPY), (0.1, SAD), (0.3, SAD), (0.41, SAD)) == ["happy", "happy", "happy", "sad"]


def test_uncertain_is_shown_only_when_it_lasts():
    """The way from one expression to another passes through flat scores; they must last to be shown."""
    smoother = new_smoother(time_constant_s=0.0, uncertain_after_s=1.0)
    timed = [(0.0, HAPPY), (0.1, FLAT), (0.9, FLAT), (1.0, SAD), (1.1, FLAT), (2.0, FLAT), (2.2, FLAT)]
    assert labels_at(smoother, *timed) == ["happy", "happy", "happy", "sad", "sad", "sad", "uncertain"]


@pytest.mark.parametrize("rare", [(), ("sad",)])
def test_a_true_change_is_shown_within_700_ms(rare):
    """With the default settings and ten predictions a second, a clear new expression, a rare one too, is shown soon."""
    smoother = Smoother(SmoothSettings(), LABELS, rare=rare)
    timed = [(number / 10, HAPPY if number < 10 else SAD) for number in range(20)]
    shown = labels_at(smoother, *timed)
    assert shown[:10] == ["happy"] * 10
    assert shown.index("sad") <= 17


def shown_at(probability, *, rare, looks=100):
    """Return the labels shown at ten predictions a second, after two seconds of happy, for sad with `probability`."""
    smoother = Smoother(SmoothSettings(), LABELS, rare=rare)
    sad = scores((1 - probability) / 2, probability, (1 - probability) / 2)
    timed = [(number / 10, HAPPY if number < 20 else sad) for number in range(20 + looks)]
    return labels_at(smoother, *timed)


TALK = [HAPPY] * 5 + [scores(0.2, 0.75, 0.05)] * 8


@pytest.mark.parametrize(("rare", "expected"), [((), True), (("sad",), False)])
@pytest.mark.parametrize("before", [[], [SAD] * 100 + [HAPPY] * 20])
def test_a_talking_mouth_does_not_show_a_rare_label(before, rare, expected):
    """An expression that comes and goes is shown if it is common, and not if it is rare, even if it lasted before."""
    smoother = Smoother(SmoothSettings(), LABELS, rare=rare)
    timed = [(number / 10, given) for number, given in enumerate(before + TALK * 20)]
    assert ("sad" in labels_at(smoother, *timed)[len(before) :]) is expected


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ([HAPPY] * 20, 7),
        (([HAPPY] * 3 + [SAD] * 3) * 4, None),
        (([HAPPY] * 3 + [SAD] * 3) * 4 + [HAPPY] * 50, 7),
    ],
)
def test_a_label_that_has_swung_needs_more_evidence(before, expected):
    """A face that is sad for 0.9 s is called sad, but not after it was sad four times in the last seconds."""
    smoother = Smoother(SmoothSettings(), LABELS, rare=("sad",))
    sequence = [*before, *[HAPPY] * 3, *[scores(0.1, 0.86, 0.04)] * 9]
    shown = labels_at(smoother, *[(number / 10, given) for number, given in enumerate(sequence)])
    assert set(shown[: len(before) + 3]) == {"happy"}
    assert (shown.index("sad") - len(before) - 3 if "sad" in shown else None) == expected


@pytest.mark.parametrize(
    ("probability", "rare", "seconds"), [(0.6, (), 0.9), (0.6, ("sad",), 2.8), (0.5, ("sad",), 10)]
)
def test_a_weaker_rare_label_takes_longer(probability, rare, seconds):
    """A rare label at 0.6 is shown after about three seconds, at 0.5 never; a common one does not wait."""
    assert shown_at(probability, rare=rare).count("happy") / 10 - 2 == pytest.approx(seconds, abs=0.15)


def test_a_rare_label_is_left_as_quickly_as_any():
    """A display must not keep saying sad to somebody who smiles again."""
    for rare in ((), ("sad",)):
        smoother = Smoother(SmoothSettings(), LABELS, rare=rare)
        shown = labels_at(smoother, *[(number / 10, SAD if number < 20 else HAPPY) for number in range(30)])
        assert shown.count("sad") == 26


def test_a_blink_delays_a_rare_label_by_little():
    """A single contrary score, however certain, takes back as much evidence as a clear one has brought."""
    smoother = Smoother(SmoothSettings(), LABELS, rare=("sad",))
    blink = scores(0.9985, 0.001, 0.0005)
    timed = [(number / 10, HAPPY if number < 10 else blink if number == 14 else SAD) for number in range(30)]
    assert labels_at(smoother, *timed).index("sad") <= 10 + 6 + 2


def test_two_rare_labels_that_alternate_are_not_shown():
    """While the model cannot decide between two rare labels, the present label stays."""
    smoother = Smoother(SmoothSettings(), LABELS, rare=("sad", "happy"))
    timed = [(0.0, scores(0.1, 0.1, 0.8))]
    timed += [(number / 10, scores(0.55, 0.35, 0.1) if number % 2 else scores(0.35, 0.55, 0.1)) for number in range(99)]
    assert set(labels_at(smoother, *timed)) == {"neutral"}


@pytest.mark.parametrize(
    ("rare", "probability", "expected"),
    [
        ((), 0.48, "sad"),
        (("sad",), 0.48, "uncertain"),
        (("sad",), 0.6, "sad"),
        (("happy",), 0.48, "sad"),
    ],
)
def test_the_first_label_of_a_face_is_rare_only_if_it_is_likely(rare, probability, expected):
    """A rare label that is no more probable than all others together is not shown to a face that has just appeared."""
    rest = (1 - probability) / 2
    smoother = new_smoother(rare=rare)
    assert smoother.update(1, scores(rest, probability, rest), media_time_s=0.0).emotion == expected


def test_a_gap_adds_little_evidence():
    """Two weak scores with a long time between them, when the face was too dark, are little evidence."""
    smoother = new_smoother(rare=("sad",), time_constant_s=0.0, rare_hold_s=0.5)
    weak = scores(0.35, 0.6, 0.05)
    assert labels_at(smoother, (0.0, HAPPY), (0.1, weak), (10.0, weak)) == ["happy"] * 3
    assert labels_at(smoother, (11.0, weak), (12.0, weak)) == ["happy", "sad"]


def test_without_a_hold_for_rare_labels_all_are_alike():
    """`rare_hold_s = 0` shows a rare label as soon as a common one, except to a face that has just appeared."""
    smoother = new_smoother(rare=("sad",), time_constant_s=0.0, rare_hold_s=0.0)
    assert labels_at(smoother, (0.0, HAPPY), (0.1, scores(0.3, 0.45, 0.25))) == ["happy", "sad"]


def test_tracks_are_smoothed_independently():
    """The scores of one track do not change the prediction of another."""
    smoother = new_smoother()
    smoother.update(1, HAPPY, media_time_s=0.0)
    assert smoother.update(2, SAD, media_time_s=0.0).emotion == "sad"
    assert smoother.update(1, HAPPY, media_time_s=0.1).emotion == "happy"


def test_a_track_that_is_not_retained_is_forgotten():
    """Scores from before do not influence a later face with the same id."""
    smoother = new_smoother()
    smoother.update(1, HAPPY, media_time_s=0.0)
    smoother.retain([2])
    assert smoother.update(1, SAD, media_time_s=0.033).emotion == "sad"


def test_reset_forgets_all_tracks():
    """After a reset a track has no prediction, and its next scores are not averaged."""
    smoother = new_smoother()
    smoother.update(1, HAPPY, media_time_s=0.0)
    smoother.reset()
    assert smoother.latest(1).emotion == "uncertain"
    prediction = smoother.update(1, SAD, media_time_s=0.0)
    assert (prediction.emotion, prediction.confidence) == ("sad", pytest.approx(0.9))


def test_a_time_that_steps_back_gives_the_scores_no_weight():
    """Scores with an earlier time than the last ones do not change the prediction."""
    smoother = new_smoother()
    smoother.update(1, HAPPY, media_time_s=5.0)
    assert smoother.update(1, SAD, media_time_s=4.0).confidence == pytest.approx(0.9)
    assert smoother.latest(1).emotion == "happy"
