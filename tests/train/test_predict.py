"""Answers of any model: faces come in its side and range, and leave as probabilities in their order."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers, ops

from edge.errors import ConfigError, ModelError
from edge.manifest import InputSpec
from edge.shipped import SHIPPED_MODEL
from edge.vision.classify import EmotionClassifier
from train.checkpoint import Checkpoint
from train.predict import BATCH, open_model, predict, to_input


@keras.saving.register_keras_serializable("tests")
class MeanAndRest(layers.Layer):
    """Answers (mean, 1 - mean), so that the answers tell what the net was given."""

    def call(self, faces):
        mean = ops.mean(faces, axis=(1, 2))
        return ops.concatenate([mean, 1 - mean], axis=1)


def mirror(*, side=48, value_range=(0.0, 1.0)):
    """A checkpoint whose first answer is the mean of the face it is given."""
    net = keras.Sequential([keras.Input((side, side, 1)), MeanAndRest()])
    return Checkpoint(Path("mirror.keras"), net, ("happy", "sad"), None, InputSpec(side, value_range))


def test_faces_are_scaled_and_keep_their_order():
    """uint8 faces come to a Keras model as 0 ... 1; more faces than a batch keep their order."""
    shades = np.arange(BATCH + 40) % 256
    answers = predict(mirror(), np.broadcast_to(shades[:, None, None], (len(shades), 48, 48)).astype(np.uint8))
    assert answers.dtype == np.float32
    assert np.allclose(answers[:, 0], shades / 255, atol=1e-5)


@pytest.mark.parametrize(("value_range", "black", "white"), [((0, 1), 0, 1), ((-1, 1), -1, 1), ((0, 255), 0, 255)])
def test_a_face_takes_the_side_and_the_range_of_the_model(value_range, black, white):
    """A net of another side gets the face scaled to it; black and white are the range's ends."""
    faces = np.zeros((2, 48, 48), dtype=np.uint8)
    faces[1] = 255
    given = to_input(faces, InputSpec(64, value_range))
    assert given.shape == (2, 64, 64, 1)
    assert given.dtype == np.float32
    assert (given[0] == black).all()
    assert given[1] == pytest.approx(white)


def test_a_model_of_another_side_answers():
    """The whole way: 48 px faces to a 64 px net."""
    assert predict(mirror(side=64), np.full((1, 48, 48), 51, dtype=np.uint8))[0] == pytest.approx([0.2, 0.8])


def test_answers_that_are_no_probabilities_are_refused():
    """Logits would be read as confidences; the user learns what is missing."""
    with pytest.raises(ModelError, match="expected probabilities that sum to 1, found answers from -4 to 5: end the"):
        predict(mirror(value_range=(0, 5)), np.full((1, 48, 48), 255, dtype=np.uint8))
    unsure = keras.Sequential([keras.Input((48, 48, 1)), layers.Flatten(), layers.Dense(2, "sigmoid", False, "ones")])
    with pytest.raises(ModelError, match="end the net with a softmax"):
        predict(Checkpoint(Path("x"), unsure, ("happy", "sad"), None), np.full((1, 48, 48), 9, dtype=np.uint8))


def test_a_tflite_is_asked_through_the_runtime_at_its_own_side():
    """Faces of any side come to it as the runtime would scale them."""
    model = open_model(SHIPPED_MODEL)
    assert isinstance(model, EmotionClassifier)
    faces = np.random.default_rng(0).integers(0, 256, (2, 64, 64)).astype(np.uint8)
    answers = predict(model, faces)
    assert answers.shape == (2, len(model.labels))
    assert answers.sum(axis=1) == pytest.approx(1)


def test_options_that_contradict_a_manifest_are_refused():
    """A `.tflite` says its labels and range itself."""
    with pytest.raises(ConfigError, match="its manifest says"):
        open_model(SHIPPED_MODEL, labels=("happy", "sad"))


@keras.saving.register_keras_serializable("tests")
class LeftAndRight(layers.Layer):
    """Answers with the light of each half, as shares."""

    def call(self, faces):
        half = faces.shape[2] // 2
        left, right = (ops.mean(side, axis=(1, 2)) for side in (faces[:, :, :half], faces[:, :, half:]))
        return ops.concatenate([left, right], axis=1) / (left + right)


def test_both_ways_is_the_mean_over_a_face_and_its_mirror_image():
    """Each face is turned about its own middle, left to right."""
    net = keras.Sequential([keras.Input((48, 48, 1)), LeftAndRight()])
    checkpoint = Checkpoint(Path("sides.keras"), net, ("happy", "sad"), None, InputSpec(48, (0.0, 1.0)))
    faces = np.zeros((2, 48, 48), dtype=np.uint8)
    faces[0, :, :24] = 200
    faces[1, :10] = 100
    np.testing.assert_allclose(predict(checkpoint, faces), [[1, 0], [0.5, 0.5]], atol=1e-6)
    both = predict(checkpoint, faces, both_ways=True)
    assert both.dtype == np.float32
    np.testing.assert_allclose(both, [[0.5, 0.5], [0.5, 0.5]], atol=1e-6)
