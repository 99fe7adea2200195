"""What is measured: the whole split, what was not trained on, and some of a model's classes."""

import numpy as np
import pytest

from edge.errors import ConfigError
from edge.labels import CLASS_SETS, EMOTIONS
from train.evaluation import choose_classes, evaluate
from train.faces import FaceData, FaceSet


def answers_of(codes):
    """Certain answers."""
    return np.eye(7, dtype=np.float32)[codes]


def with_leak(face_data):
    """The data set with its first seven validation faces in training as well."""
    copied = face_data.validation.where(np.arange(len(face_data.validation)) < 7)
    training = FaceSet(
        np.concatenate([face_data.training.pixels, copied.pixels]),
        np.concatenate([face_data.training.targets, copied.targets]),
    )
    return FaceData("leaky", EMOTIONS, training, face_data.validation, face_data.test)


def test_faces_known_from_training_are_left_out_of_the_second_figure(face_data):
    """A model that knows only the leaked faces has a third of the split right, and nothing of the unseen."""
    data = with_leak(face_data)
    codes = data.validation.codes
    evaluation = evaluate(answers_of(np.where(np.arange(21) < 7, codes, (codes + 1) % 7)), data, split="validation")
    assert evaluation.official.faces == 21
    assert evaluation.official.accuracy == pytest.approx(1 / 3)
    assert evaluation.unseen is not None
    assert evaluation.unseen.faces == 14
    assert evaluation.unseen.accuracy == 0.0


def test_a_split_that_is_all_known_has_no_second_figure(face_data):
    """Nothing unseen is no figure rather than a nought."""
    data = FaceData("known", EMOTIONS, face_data.training, face_data.training, face_data.test)
    evaluation = evaluate(answers_of(data.validation.codes), data, split="validation")
    assert evaluation.unseen is None


def test_the_split_asked_for_is_measured(face_data):
    """Test answers are compared with the test faces, under the name the data's makers use."""
    few = face_data.test.where(np.arange(len(face_data.test)) < 7)
    data = FaceData("small", EMOTIONS, face_data.training, face_data.validation, few)
    evaluation = evaluate(answers_of(few.codes), data, split="test")
    assert evaluation.split == "test"
    assert evaluation.official.faces == 7
    assert evaluation.official.accuracy == 1.0


def test_some_classes_of_a_model_are_its_answers_scaled_to_sum_to_one():
    """A face that is 0.4 disgust, 0.3 happy and 0.3 sad is half happy, half sad for who asks for five classes."""
    answers = np.zeros((2, 7), dtype=np.float32)
    answers[0, [EMOTIONS.index(name) for name in ("disgust", "happy", "sad")]] = 0.4, 0.3, 0.3
    answers[1, EMOTIONS.index("fear")] = 1.0
    chosen = choose_classes(answers, EMOTIONS, CLASS_SETS[5])
    assert chosen[0] == pytest.approx([0.0, 0.5, 0.5, 0.0, 0.0])
    assert chosen[1] == pytest.approx([0.2] * 5)


def test_classes_follow_their_names_in_any_order():
    """A model with the same labels in another order gives the same answers."""
    assert choose_classes(np.array([[0.7, 0.3]], dtype=np.float32), ("sad", "happy"), ("happy", "sad"))[0] == (
        pytest.approx([0.3, 0.7])
    )


def test_a_class_that_the_model_does_not_know_is_refused():
    """It could never be answered, and every such face would count as wrong."""
    with pytest.raises(ConfigError, match="expected a model that knows happy, fear, found one without fear"):
        choose_classes(np.ones((1, 2), dtype=np.float32), ("happy", "sad"), ("happy", "fear"))
