"""Confidences become shares of right answers, and no answer changes."""

import keras
import numpy as np
import pytest
from keras import layers

from convert.temperature import at_temperature, divide_logits, fit_temperature
from train.metrics import measure


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("true", [0.5, 1.0, 2.5])
def test_the_temperature_put_in_is_found_again(true):
    """Classes are drawn from known probabilities, whose logits are then multiplied."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, (20_000, 7))
    codes = np.array([rng.choice(7, p=p / p.sum()) for p in softmax(logits).astype(float)])
    shown = softmax(logits * true)
    assert fit_temperature(shown, codes) == pytest.approx(true, rel=0.03)
    labels = [str(code) for code in range(7)]
    after = measure(at_temperature(shown, fit_temperature(shown, codes)), codes, labels)
    assert after.calibration_error < 0.012


def test_a_sure_net_has_a_temperature_too():
    """Probabilities of nought have no logarithm: the fit goes on all the same."""
    sure = np.eye(7, dtype=np.float32)[[0, 1, 2, 3, 4, 5, 6]]
    assert 0.1 <= fit_temperature(sure, np.array([0, 1, 2, 3, 4, 5, 0])) <= 10.0


def ends():
    """Nets whose last weights can be found, by how they end."""
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


@pytest.mark.parametrize("name", ends())
def test_weights_are_divided_so_that_only_confidence_changes(name):
    """The net's own answers at temperature 0.7 are those that arithmetic expects, with the same likeliest classes."""
    keras.utils.set_random_seed(0)
    model = ends()[name]
    faces = np.random.default_rng(0).random((50, 16, 16, 1), dtype=np.float32)
    before = model.predict_on_batch(faces)
    assert divide_logits(model, 0.7)
    after = model.predict_on_batch(faces)
    np.testing.assert_allclose(after, at_temperature(before, 0.7), atol=1e-6)
    assert np.abs(after - before).max() > 0.01
    assert np.array_equal(after.argmax(axis=1), before.argmax(axis=1))


def others():
    """Nets whose weights must be left alone, and why."""
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
    """One dense layer, used one time after the other."""
    square = layers.Dense(7)
    return square(layers.ReLU()(square(layers.Dense(7)(tensor))))


@pytest.mark.parametrize("name", others())
def test_other_ends_are_left_alone(name):
    """Dividing there would change answers; the net stays at temperature 1."""
    model = others()[name]
    before = model.get_weights()
    assert not divide_logits(model, 0.7)
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))
