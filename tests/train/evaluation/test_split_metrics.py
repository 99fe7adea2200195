"""Metrics of a split: on all faces, on those without a copy in training, and for some of a model's classes."""

import numpy as np
import pytest

from edge.errors import ConfigError
from edge.labels import CLASS_SETS, EMOTIONS
from train.data.faces import FaceData, FaceSet
from train.evaluation.split_metrics import measure_split, select_classes


def predictions_of(codes):
    """Return predictions of these classes with full confidence."""
    return np.eye(7, dtype=np.float32)[codes]


def with_leak(face_data):
    """Return the data set with its first seven validation faces copied into training."""
    copied = face_data.validation.where(np.arange(len(face_data.validation)) < 7)
    training = FaceSet(
        np.concatenate([face_data.training.pixels, copied.pixels]),
        np.concatenate([face_data.training.targets, copied.targets]),
    )
    return FaceData("leaky", EMOTIONS, training, face_data.validation, face_data.test)


def test_unseen_metrics_leave_out_faces_known_from_training(face_data):
    """A model that is correct only on leaked faces has an accuracy of 1/3 on the split, and of 0 on unseen faces."""
    data = with_leak(face_data)
    codes = data.validation.codes
    evaluation = measure_split(
        predictions_of(np.where(np.arange(21) < 7, codes, (codes + 1) % 7)), data, split="validation"
    )
    assert evaluation.official.faces == 21
    assert evaluation.official.accuracy == pytest.approx(1 / 3)
    assert evaluation.unseen is not None
    assert evaluation.unseen.faces == 14
    assert evaluation.unseen.accuracy == 0.0


def test_split_of_known_faces_has_no_unseen_metrics(face_data):
    """Without unseen faces their metrics are None, not zeros."""
    data = FaceData("known", EMOTIONS, face_data.training, face_data.training, face_data.test)
    evaluation = measure_split(predictions_of(data.validation.codes), data, split="validation")
    assert evaluation.unseen is None


def test_requested_split_is_measured(face_data):
    """`split="test"` measures the test faces, under the name that the data set gives them."""
    few = face_data.test.where(np.arange(len(face_data.test)) < 7)
    data = FaceData("small", EMOTIONS, face_data.training, face_data.validation, few)
    evaluation = measure_split(predictions_of(few.codes), data, split="test")
    assert evaluation.split == "test"
    assert evaluation.official.faces == 7
    assert evaluation.official.accuracy == 1.0


def test_selected_classes_are_renormalized():
    """Of 0.4 disgust, 0.3 happy and 0.3 sad, five classes without disgust give 0.5 happy, 0.5 sad."""
    predictions = np.zeros((2, 7), dtype=np.float32)
    predictions[0, [EMOTIONS.index(name) for name in ("disgust", "happy", "sad")]] = 0.4, 0.3, 0.3
    predictions[1, EMOTIONS.index("fear")] = 1.0
    chosen = select_classes(predictions, EMOTIONS, CLASS_SETS[5])
    assert chosen[0] == pytest.approx([0.0, 0.5, 0.5, 0.0, 0.0])
    assert chosen[1] == pytest.approx([0.2] * 5)


def test_selected_classes_follow_their_names():
    """Probabilities are reordered when the labels have another order."""
    assert select_classes(np.array([[0.7, 0.3]], dtype=np.float32), ("sad", "happy"), ("happy", "sad"))[0] == (
        pytest.approx([0.3, 0.7])
    )


def test_class_that_the_model_lacks_is_refused():
    """Selecting a class that the model cannot predict raises an error that names it."""
    with pytest.raises(ConfigError, match="expected a model with classes happy, fear, found one without fear"):
        select_classes(np.ones((1, 2), dtype=np.float32), ("happy", "sad"), ("happy", "fear"))
