"""`predict` on models of any format: faces are converted to the model's input, and give probabilities in order."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers, ops

from edge.errors import ConfigError, ModelError
from edge.model.bundled import BUNDLED_MODEL
from edge.model.manifest import InputSpec
from edge.vision.classify import EmotionClassifier
from train.checkpoint import Checkpoint
from train.evaluation.predict import BATCH, open_model, predict, to_input


@keras.saving.register_keras_serializable("tests")
class MeanAndRest(layers.Layer):
    """Outputs (mean, 1 - mean), so that the outputs tell what the net was given."""

    def call(self, faces):
        mean = ops.mean(faces, axis=(1, 2))
        return ops.concatenate([mean, 1 - mean], axis=1)


def mean_net(*, side=48, value_range=(0.0, 1.0)):
    """Return a checkpoint whose first output is the mean of its input."""
    net = keras.Sequential([keras.Input((side, side, 1)), MeanAndRest()])
    return Checkpoint(Path("mean.keras"), net, ("happy", "sad"), None, InputSpec(side, value_range))


def test_faces_are_scaled_and_keep_their_order():
    """A Keras model gets uint8 faces as 0 ... 1, and more faces than a batch keep their order."""
    shades = np.arange(BATCH + 40) % 256
    predictions = predict(mean_net(), np.broadcast_to(shades[:, None, None], (len(shades), 48, 48)).astype(np.uint8))
    assert predictions.dtype == np.float32
    assert np.allclose(predictions[:, 0], shades / 255, atol=1e-5)


@pytest.mark.parametrize(("value_range", "black", "white"), [((0, 1), 0, 1), ((-1, 1), -1, 1), ((0, 255), 0, 255)])
def test_faces_take_the_size_and_the_range_of_the_model(value_range, black, white):
    """Faces are scaled to the model's size, and black and white become the ends of its value range."""
    faces = np.zeros((2, 48, 48), dtype=np.uint8)
    faces[1] = 255
    given = to_input(faces, InputSpec(64, value_range))
    assert given.shape == (2, 64, 64, 1)
    assert given.dtype == np.float32
    assert (given[0] == black).all()
    assert given[1] == pytest.approx(white)


def test_model_of_another_size_predicts():
    """A 64 px net predicts 48 px faces."""
    assert predict(mean_net(side=64), np.full((1, 48, 48), 51, dtype=np.uint8))[0] == pytest.approx([0.2, 0.8])


def test_outputs_that_are_no_probabilities_are_refused():
    """A model that outputs logits or a sigmoid raises an error that asks for a softmax."""
    with pytest.raises(ModelError, match="expected probabilities that sum to 1, found outputs from -4 to 5: end the"):
        predict(mean_net(value_range=(0, 5)), np.full((1, 48, 48), 255, dtype=np.uint8))
    unsure = keras.Sequential([keras.Input((48, 48, 1)), layers.Flatten(), layers.Dense(2, "sigmoid", False, "ones")])
    with pytest.raises(ModelError, match="end the net with a softmax"):
        predict(Checkpoint(Path("x"), unsure, ("happy", "sad"), None), np.full((1, 48, 48), 9, dtype=np.uint8))


def test_tflite_runs_through_the_runtime_at_its_own_size():
    """A `.tflite` runs in the runtime's classifier, and faces of another size are scaled for it."""
    model = open_model(BUNDLED_MODEL)
    assert isinstance(model, EmotionClassifier)
    faces = np.random.default_rng(0).integers(0, 256, (2, 64, 64)).astype(np.uint8)
    predictions = predict(model, faces)
    assert predictions.shape == (2, len(model.labels))
    assert predictions.sum(axis=1) == pytest.approx(1)


def test_options_for_a_model_with_a_manifest_are_refused():
    """Labels given for a `.tflite` raise an error, because its manifest defines them."""
    with pytest.raises(ConfigError, match="expected labels and value range from its manifest alone"):
        open_model(BUNDLED_MODEL, labels=("happy", "sad"))


@keras.saving.register_keras_serializable("tests")
class LeftAndRight(layers.Layer):
    """Outputs the share of light in each half."""

    def call(self, faces):
        half = faces.shape[2] // 2
        left, right = (ops.mean(side, axis=(1, 2)) for side in (faces[:, :, :half], faces[:, :, half:]))
        return ops.concatenate([left, right], axis=1) / (left + right)


def test_both_ways_is_the_mean_over_a_face_and_its_mirror_image():
    """`both_ways` averages the predictions for each face and its left-right mirror image."""
    net = keras.Sequential([keras.Input((48, 48, 1)), LeftAndRight()])
    checkpoint = Checkpoint(Path("sides.keras"), net, ("happy", "sad"), None, InputSpec(48, (0.0, 1.0)))
    faces = np.zeros((2, 48, 48), dtype=np.uint8)
    faces[0, :, :24] = 200
    faces[1, :10] = 100
    np.testing.assert_allclose(predict(checkpoint, faces), [[1, 0], [0.5, 0.5]], atol=1e-6)
    both = predict(checkpoint, faces, both_ways=True)
    assert both.dtype == np.float32
    np.testing.assert_allclose(both, [[0.5, 0.5], [0.5, 0.5]], atol=1e-6)
