"""Teachers' answers, kept in a file: whose they are is checked, and a net learns what they say."""

import keras
import numpy as np
import pytest

from edge.errors import ConfigError, MediaError, ModelError, SinkError
from train.answers import ask, read_answers, save_answers, with_answers
from train.faces import FaceData, FaceSet
from train.fit import fit


def answers_of(data, *, turn=0):
    """What a teacher that is sure says: the labels, `turn` classes further."""
    return np.roll(data.training.targets, turn, axis=1)


def test_kept_answers_come_back(face_data, tmp_path):
    """As they were, but for half precision."""
    sure = 0.9 * answers_of(face_data) + 0.1 / 7
    save_answers(tmp_path / "kept" / "answers.npz", sure, face_data)
    np.testing.assert_allclose(read_answers(tmp_path / "kept" / "answers.npz", face_data), sure, atol=1e-3)


def test_the_share_is_theirs(face_data, tmp_path):
    """Targets are the answers by the share, the data's own by the rest; held-out faces stay as they are."""
    save_answers(tmp_path / "a.npz", answers_of(face_data, turn=1), face_data)
    taught = with_answers(face_data, tmp_path / "a.npz", share=0.7)
    expected = 0.3 * face_data.training.targets + 0.7 * answers_of(face_data, turn=1)
    np.testing.assert_allclose(taught.training.targets, expected, atol=1e-3)
    assert taught.validation is face_data.validation


@pytest.mark.usefixtures("tiny_build")
def test_a_net_learns_kept_answers(face_data, tmp_path, new_state):
    """The labels are wrong and the answers right: the net is right."""
    right = FaceData(
        "wrong", face_data.labels, FaceSet(face_data.training.pixels, answers_of(face_data, turn=1)),
        face_data.validation, face_data.test,
    )  # fmt: skip
    save_answers(tmp_path / "a.npz", answers_of(face_data), right)
    state = new_state(optimizer="adam", learning_rate=0.02, epochs=6, augmentation=None)
    state = fit(with_answers(right, tmp_path / "a.npz", share=1.0), tmp_path / "run", state)
    assert state.history[-1]["val_accuracy"] > 0.8


def test_answers_of_other_faces_are_refused(face_data, tmp_path):
    """One pixel further it would teach each face another's expression."""
    save_answers(tmp_path / "a.npz", answers_of(face_data), face_data)
    pixels = face_data.training.pixels.copy()
    pixels[0, 3, 3] ^= 1
    other = FaceData(
        "other", face_data.labels, FaceSet(pixels, face_data.training.targets), face_data.validation, face_data.test
    )
    with pytest.raises(ConfigError, match=r"expected answers for the faces of other, found others'"):
        read_answers(tmp_path / "a.npz", other)


def test_answers_with_other_labels_are_refused(face_data, tmp_path):
    """Their order says what they mean."""
    turned = FaceData("turned", face_data.labels[::-1], face_data.training, face_data.validation, face_data.test)
    save_answers(tmp_path / "a.npz", answers_of(face_data), turned)
    with pytest.raises(ConfigError, match=r"expected answers for angry, .* found neutral,"):
        read_answers(tmp_path / "a.npz", face_data)


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_what_is_no_such_file_is_refused(face_data, tmp_path, content):
    """One line with the path."""
    if content is not None:
        (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(MediaError, match=r"a\.npz: expected teachers' answers"):
        read_answers(tmp_path / "a.npz", face_data)


def test_logits_are_refused(face_data, tmp_path):
    """Only probabilities can be mixed with targets."""
    save_answers(tmp_path / "a.npz", 7 * answers_of(face_data), face_data)
    with pytest.raises(MediaError, match="expected probabilities that sum to 1"):
        read_answers(tmp_path / "a.npz", face_data)


def test_a_place_that_cannot_be_written_is_told(face_data, tmp_path):
    """A file where the folder should be."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(SinkError, match="expected a file that can be written"):
        save_answers(tmp_path / "taken" / "a.npz", answers_of(face_data), face_data)


def constant(path, probabilities):
    """A net that says the same of every face."""
    net = keras.Sequential(
        [keras.Input((48, 48, 1)), keras.layers.Flatten(), keras.layers.Dense(7, "softmax", kernel_initializer="zeros")]
    )
    net.layers[-1].bias.assign(np.log(probabilities))
    net.save(path)
    return path


def test_the_teachers_are_averaged(face_data, tmp_path):
    """Two that contradict each other leave a half for each."""
    low = 0.01
    first = np.full(7, low), np.full(7, low)
    first[0][0] = first[1][3] = 1 - 6 * low
    paths = [constant(tmp_path / f"{number}.keras", row) for number, row in enumerate(first)]
    answers = ask(paths, face_data)
    np.testing.assert_allclose(answers[0], [0.475, low, low, 0.475, low, low, low], atol=1e-3)
    assert answers.shape == face_data.training.targets.shape


def test_a_missing_teacher_is_told(face_data, tmp_path):
    """Before anything is written."""
    with pytest.raises(ModelError):
        ask([tmp_path / "none.keras"], face_data)
