"""Probabilities are moved from the training data's class shares towards those that are expected in use."""

import numpy as np
import pytest

from edge.errors import ConfigError
from edge.labels import CLASS_SETS, EMOTIONS, check_shares
from edge.model.prior import EVERYDAY, PriorCorrection, describe_prior, named_shares, rare_labels

TRAINING = dict(zip(EMOTIONS, (0.14, 0.02, 0.14, 0.25, 0.17, 0.11, 0.17), strict=True))
FACES = np.random.default_rng(0).dirichlet(np.ones(7), 50).astype(np.float32)


def correct(probabilities, *, labels=EMOTIONS, training=TRAINING, prior="everyday", strength=0.5):
    return PriorCorrection(labels, training, prior=prior, strength=strength)(np.asarray(probabilities, np.float32))


@pytest.mark.parametrize("strength", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("count", sorted(CLASS_SETS))
def test_log_probabilities_move_by_the_strength_times_the_ratio_of_shares(count, strength):
    """For every class set: log p + strength * log(expected share / training share), rescaled to sum to 1."""
    labels = CLASS_SETS[count]
    faces = FACES[:, :count] / FACES[:, :count].sum(axis=1, keepdims=True)
    ratio = np.log([EVERYDAY[label] / TRAINING[label] for label in labels])
    logits = np.log(faces) + strength * ratio
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(correct(faces, labels=labels, strength=strength), expected, atol=1e-5)


def test_full_strength_is_bayes_rule():
    """A face about which the net knows nothing, which it says by the training shares, gets the expected shares."""
    nothing = np.array([TRAINING[label] for label in EMOTIONS], np.float32)
    np.testing.assert_allclose(correct(nothing, strength=1.0), list(EVERYDAY.values()), atol=1e-6)


def test_strength_0_changes_nothing():
    """With strength 0 the probabilities stay equal to the bit, zeros included, so that published figures can be met."""
    faces = np.eye(7, dtype=np.float32)
    np.testing.assert_array_equal(correct(faces, strength=0.0), faces)


def test_balanced_undoes_an_uneven_training_set():
    """`balanced` at full strength divides by the training shares; disgust, rare in training, gains most."""
    uniform = correct(np.full(7, 1 / 7), prior="balanced", strength=1.0)
    assert EMOTIONS[int(uniform.argmax())] == "disgust"
    np.testing.assert_allclose(uniform * list(TRAINING.values()), uniform[0] * TRAINING["angry"], rtol=1e-5)


def test_a_prior_equal_to_the_training_shares_changes_nothing():
    """Where use and training agree there is nothing to correct."""
    np.testing.assert_allclose(correct(FACES, prior=TRAINING), FACES, atol=1e-5)


def test_own_shares_need_not_sum_to_1():
    """Only the ratios of the shares count, so that counts of faces are valid too."""
    counts = {label: 1000 * share for label, share in EVERYDAY.items()}
    np.testing.assert_allclose(correct(FACES, prior=counts), correct(FACES), atol=1e-6)


def test_unknown_training_shares_count_as_equal():
    """A manifest without training shares is corrected as if the training data had been balanced."""
    expected = correct(FACES, training=named_shares("balanced"))
    np.testing.assert_allclose(correct(FACES, training=None), expected, atol=1e-6)


@pytest.mark.parametrize("face", [*np.eye(7), np.full(7, 1 / 7)])
@pytest.mark.parametrize("strength", [0.01, 1.0])
def test_a_label_with_share_0_is_never_predicted(face, strength):
    """It has probability 0, even if the net is certain of it; the others then share the rest by their priors."""
    corrected = correct(face, prior=EVERYDAY | {"angry": 0.0}, strength=strength)
    assert corrected[0] == 0.0
    assert corrected.sum() == pytest.approx(1.0)
    assert np.isfinite(corrected).all()


def test_one_face_and_many_are_corrected_alike():
    """An array of any number of axes is corrected along the last one, and the given array stays."""
    before = FACES.copy()
    np.testing.assert_array_equal(correct(FACES)[3], correct(FACES[3]))
    assert correct(FACES.reshape(5, 10, 7)).shape == (5, 10, 7)
    assert correct(FACES).dtype == np.float32
    np.testing.assert_array_equal(FACES, before)


def test_prior_and_strength_in_words():
    """Logs, the doctor and summaries name the prior; strength 0 is off whatever the prior."""
    assert describe_prior("everyday", 0.25) == "everyday at strength 0.25"
    assert describe_prior({"happy": 3, "sad": 0.5}, 1.0) == "happy 3, sad 0.5 at strength 1"
    assert describe_prior("balanced", 0.0) == "off"


def test_labels_with_less_than_a_tenth_are_rare():
    """Everyday neutral and happy are common, in every class set; of equal shares none is rare; own shares decide."""
    for labels in CLASS_SETS.values():
        assert rare_labels(labels, "everyday") == set(labels) - {"neutral", "happy"}
        assert rare_labels(labels, "balanced") == set()
    assert rare_labels(CLASS_SETS[5], dict.fromkeys(CLASS_SETS[5], 1.0) | {"sad": 0.1}) == {"sad"}


def test_a_missing_share_is_an_error():
    """A prior must say something about every label that can be predicted, and may say more."""
    with pytest.raises(
        ConfigError, match=r"classify\.prior: expected a share for each .* found none for sad, surprise"
    ):
        correct(FACES[:, :5], labels=CLASS_SETS[5], prior={"angry": 1, "happy": 1, "neutral": 1})
    correct(FACES[0, :5], labels=CLASS_SETS[5], prior=EVERYDAY)


def test_a_prior_that_excludes_every_label_is_an_error():
    """A share above 0 for a label that this model lacks does not help."""
    prior = dict.fromkeys(CLASS_SETS[5], 0.0) | {"fear": 1.0}
    with pytest.raises(ConfigError, match=r"classify\.prior: expected a share above 0 .* found 0 for all"):
        correct(FACES[:, :5], labels=CLASS_SETS[5], prior=prior)


def test_the_everyday_mixture_is_mostly_neutral_and_happy():
    """It is a distribution over all seven emotions."""
    check_shares(EVERYDAY)
    assert tuple(EVERYDAY) == EMOTIONS
    assert sum(EVERYDAY.values()) == pytest.approx(1.0)
    assert EVERYDAY["neutral"] + EVERYDAY["happy"] > 0.8
