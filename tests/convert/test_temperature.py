"""The temperature makes confidence match accuracy, and changes no predicted class."""

import keras
import numpy as np
import pytest
from keras import layers

from convert.temperature import at_temperature, divide_logits, fit_temperature
from train.evaluation.metrics import compute_metrics


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("true", [0.5, 1.0, 2.5])
def test_a_known_temperature_is_found_again(true):
    """The fit finds the factor by which the logits of correct probabilities were multiplied."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, (20_000, 7))
    codes = np.array([rng.choice(7, p=p / p.sum()) for p in softmax(logits).astype(float)])
    shown = softmax(logits * true)
    assert fit_temperature([shown], codes) == pytest.approx(true, rel=0.03)
    labels = [str(code) for code in range(7)]
    after = compute_metrics(at_temperature(shown, fit_temperature([shown], codes)), codes, labels)
    assert after.calibration_error < 0.012


def test_probabilities_of_zero_can_be_fitted():
    """The fit copes with probabilities of exactly zero, which have no logarithm."""
    sure = np.eye(7, dtype=np.float32)[[0, 1, 2, 3, 4, 5, 6]]
    assert 0.1 <= fit_temperature([sure], np.array([0, 1, 2, 3, 4, 5, 0])) <= 10.0


def test_the_average_of_views_is_fitted():
    """Two views that disagree make a less confident average, so the fit sharpens them more than one view alone."""
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 1.5, (20_000, 7))
    codes = np.array([rng.choice(7, p=p / p.sum()) for p in softmax(truth).astype(float)])
    views = [softmax(truth + rng.normal(0, 1, truth.shape)) for _ in range(2)]
    temperature = fit_temperature(views, codes)
    assert temperature < fit_temperature(views[:1], codes) - 0.1
    labels = [str(code) for code in range(7)]
    average = np.mean([at_temperature(view, temperature) for view in views], axis=0)
    assert compute_metrics(average, codes, labels).calibration_error < 0.02


def test_the_correction_is_part_of_the_fit():
    """Probabilities that a correction sharpens are softened by the temperature before it."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, (20_000, 7))
    codes = np.array([rng.choice(7, p=p / p.sum()) for p in softmax(logits).astype(float)])
    squared = fit_temperature([softmax(logits)], codes, correction=lambda p: p**2 / (p**2).sum(axis=1, keepdims=True))
    assert squared == pytest.approx(2.0, rel=0.03)


def divisible_nets():
    """Return nets whose last weights can be divided, by their last layers."""
    face = keras.Input((16, 16, 1))
    flat = layers.Flatten()(layers.Conv2D(4, 3, activation="relu")(face))
    wide = layers.Conv2D(7, 3)(face)
    return {
        "dense with softmax": keras.Model(face, layers.Dense(7, activation="softmax")(flat)),
        "dense, then softmax": keras.Model(face, layers.Softmax()(layers.Dense(7)(flat))),
        "without bias": keras.Model(face, layers.Dense(7, activation="softmax", use_bias=False)(flat)),
        "convolution, mean, softmax": keras.Model(
            face, layers.Activation("softmax")(layers.GlobalAveragePooling2D()(wide))
        ),
        "sequential": keras.Sequential(
            [keras.Input((16, 16, 1)), layers.Flatten(), layers.Dropout(0.5), layers.Dense(7, activation="softmax")]
        ),
    }


@pytest.mark.parametrize("name", divisible_nets())
def test_weights_are_divided_so_that_only_confidence_changes(name):
    """Dividing the last weights gives the probabilities that `at_temperature` computes, with the same top classes."""
    keras.utils.set_random_seed(0)
    model = divisible_nets()[name]
    faces = np.random.default_rng(0).random((50, 16, 16, 1), dtype=np.float32)
    before = model.predict_on_batch(faces)
    assert divide_logits(model, 0.7)
    after = model.predict_on_batch(faces)
    np.testing.assert_allclose(after, at_temperature(before, 0.7), atol=1e-6)
    assert np.abs(after - before).max() > 0.01
    assert np.array_equal(after.argmax(axis=1), before.argmax(axis=1))


def indivisible_nets():
    """Return nets whose weights must be left alone, by the reason."""
    face = keras.Input((16, 16, 1))
    flat = layers.Flatten()(face)
    return {
        "no softmax": keras.Model(face, layers.Dense(7, activation="sigmoid")(flat)),
        "a step that is not linear": keras.Model(face, layers.Softmax()(layers.ReLU()(layers.Dense(7)(flat)))),
        "an activation before it": keras.Model(face, layers.Softmax()(layers.Dense(7, activation="relu")(flat))),
        "a normalization between": keras.Model(
            face, layers.Softmax()(layers.BatchNormalization()(layers.Dense(7)(flat)))
        ),
        "a sum of two": keras.Model(face, layers.Softmax()(layers.add([layers.Dense(7)(flat), layers.Dense(7)(flat)]))),
        "weights used twice": keras.Model(face, layers.Softmax()(_twice(flat))),
    }


def _twice(tensor):
    """Apply one dense layer twice in a row."""
    square = layers.Dense(7)
    return square(layers.ReLU()(square(layers.Dense(7)(tensor))))


@pytest.mark.parametrize("name", indivisible_nets())
def test_nets_with_other_last_layers_are_left_alone(name):
    """A net whose predicted classes the division could change keeps its weights."""
    model = indivisible_nets()[name]
    before = model.get_weights()
    assert not divide_logits(model, 0.7)
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))
