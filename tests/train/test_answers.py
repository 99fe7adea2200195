"""Teachers' answers, kept in a file: whose they are is checked, and a net learns what they say."""

import keras
import numpy as np
import pytest

from edge.errors import ConfigError, MediaError, ModelError, SinkError
from train.answers import Shown, ask, read_answers, save_answers, shown_faces
from train.augment import Augmentation
from train.batches import Batches
from train.faces import FaceData, FaceSet
from train.fit import fit

SHOWN = Shown(seed=5, batch_size=8)
PLAIN = Shown(seed=3, batch_size=21, augmentation=None)


def answers_of(data, *, turn=0):
    """What a teacher that is sure says of one view: the labels, `turn` classes further."""
    return np.roll(data.training.targets, turn, axis=1)[np.newaxis]


def test_kept_answers_come_back(face_data, tmp_path):
    """As they were, view by view, but for half precision."""
    sure = np.concatenate([0.9 * answers_of(face_data, turn=turn) + 0.1 / 7 for turn in (0, 1, 2)])
    save_answers(tmp_path / "kept" / "answers.npz", sure, face_data, SHOWN)
    np.testing.assert_allclose(read_answers(tmp_path / "kept" / "answers.npz", face_data, SHOWN), sure, atol=1e-3)


def test_each_view_has_its_answers(face_data):
    """Epochs show the views in turn: the faces that the teachers saw, with their answers by the share."""
    answers = np.concatenate([answers_of(face_data, turn=turn) for turn in (1, 2)])
    given = {"batch_size": SHOWN.batch_size, "seed": SHOWN.seed, "augmentation": SHOWN.augmentation}
    taught = Batches(face_data.training, answers=answers, share=0.7, **given)
    for epoch, view in ((0, 0), (1, 1), (2, 0), (5, 1)):
        taught.start_epoch(epoch)
        seen = shown_faces(face_data, SHOWN, view)
        for batch in (0, len(taught) - 1):
            rows = taught.rows(batch)
            faces, targets = taught[batch]
            np.testing.assert_array_equal(np.rint(faces[..., 0] * 255), seen[rows])
            own = 0.3 * face_data.training.targets[rows]
            np.testing.assert_allclose(targets, own + 0.7 * answers[view, rows], atol=1e-6)


def test_faces_that_no_batch_holds_are_as_they_are(face_data):
    """The last, smaller batch of an epoch is left out: the teachers answer something whole there, too."""
    shown = Shown(seed=5, batch_size=len(face_data.training) - 3)
    seen = shown_faces(face_data, shown, 0)
    same = (seen == face_data.training.pixels).all(axis=(1, 2))
    assert same.sum() == 3


@pytest.mark.usefixtures("tiny_build")
def test_a_net_learns_kept_answers(face_data, tmp_path, new_state):
    """The labels are wrong and the answers right: the net is right."""
    right = FaceData(
        "wrong", face_data.labels, FaceSet(face_data.training.pixels, answers_of(face_data, turn=1)[0]),
        face_data.validation, face_data.test,
    )  # fmt: skip
    save_answers(tmp_path / "a.npz", answers_of(face_data), right, PLAIN)
    taught = {"answers": str(tmp_path / "a.npz"), "answers_share": 1.0}
    state = new_state(optimizer="adam", learning_rate=0.02, epochs=6, augmentation=None, **taught)
    state = fit(right, tmp_path / "run", state)
    assert state.history[-1]["val_accuracy"] > 0.8


def test_answers_of_other_faces_are_refused(face_data, tmp_path):
    """One pixel further it would teach each face another's expression."""
    save_answers(tmp_path / "a.npz", answers_of(face_data), face_data, SHOWN)
    pixels = face_data.training.pixels.copy()
    pixels[0, 3, 3] ^= 1
    other = FaceData(
        "other", face_data.labels, FaceSet(pixels, face_data.training.targets), face_data.validation, face_data.test
    )
    with pytest.raises(ConfigError, match=r"expected answers for the faces of other, found others'"):
        read_answers(tmp_path / "a.npz", other, SHOWN)


def test_answers_with_other_labels_are_refused(face_data, tmp_path):
    """Their order says what they mean."""
    turned = FaceData("turned", face_data.labels[::-1], face_data.training, face_data.validation, face_data.test)
    save_answers(tmp_path / "a.npz", answers_of(face_data), turned, SHOWN)
    with pytest.raises(ConfigError, match=r"expected answers for angry, .* found neutral,"):
        read_answers(tmp_path / "a.npz", face_data, SHOWN)


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_what_is_no_such_file_is_refused(face_data, tmp_path, content):
    """One line with the path."""
    if content is not None:
        (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(MediaError, match=r"a\.npz: expected teachers' answers"):
        read_answers(tmp_path / "a.npz", face_data, SHOWN)


def test_logits_are_refused(face_data, tmp_path):
    """Only probabilities can be mixed with targets."""
    save_answers(tmp_path / "a.npz", 7 * answers_of(face_data), face_data, SHOWN)
    with pytest.raises(MediaError, match="expected probabilities that sum to 1"):
        read_answers(tmp_path / "a.npz", face_data, SHOWN)


def test_a_place_that_cannot_be_written_is_told(face_data, tmp_path):
    """A file where the folder should be."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(SinkError, match="expected a file that can be written"):
        save_answers(tmp_path / "taken" / "a.npz", answers_of(face_data), face_data, SHOWN)


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
    answers = ask(paths, face_data, SHOWN, views=2)
    np.testing.assert_allclose(answers[1, 0], [0.475, low, low, 0.475, low, low, low], atol=1e-3)
    assert answers.shape == (2, *face_data.training.targets.shape)


def test_a_missing_teacher_is_told(face_data, tmp_path):
    """Before anything is written."""
    with pytest.raises(ModelError):
        ask([tmp_path / "none.keras"], face_data, SHOWN, views=1)


def test_blended_faces_are_not_asked_of(face_data, tmp_path):
    """What two faces at once show, nobody can say."""
    with pytest.raises(ConfigError, match="--mixup: expected 0"):
        ask([tmp_path / "none.keras"], face_data, Shown(augmentation=Augmentation(mixup=0.2)), views=1)


@pytest.mark.parametrize(
    ("ours", "told"),
    [
        (Shown(seed=6, batch_size=8), "--seed: expected 5, .* found 6"),
        (Shown(seed=5, batch_size=9), "--batch-size: expected 8, .* found 9"),
        (Shown(seed=5, batch_size=8, augmentation=Augmentation()), r"--mixup: expected 0\.0, .* found 0\.1"),
        (Shown(seed=5, batch_size=8, augmentation=None), r"--flip: expected 0\.5, .* found none"),
    ],
)
def test_faces_shown_otherwise_are_refused(face_data, tmp_path, ours, told):
    """The answers would be to other pictures than those that the net sees."""
    save_answers(tmp_path / "a.npz", answers_of(face_data), face_data, SHOWN)
    with pytest.raises(ConfigError, match=told):
        read_answers(tmp_path / "a.npz", face_data, ours)


def test_a_teacher_of_other_emotions_is_refused(face_data, tmp_path):
    """Its third answer is not ours."""
    layers = [keras.Input((48, 48, 1)), keras.layers.Flatten(), keras.layers.Dense(6, "softmax")]
    keras.Sequential(layers).save(tmp_path / "six.keras")
    with pytest.raises(ConfigError, match=r"six\.keras: expected a net that answers angry, disgust"):
        ask([tmp_path / "six.keras"], face_data, SHOWN, views=1)


def test_a_run_that_shows_the_faces_otherwise_is_refused(face_data, tmp_path, new_state):
    """Before its folder is made."""
    save_answers(tmp_path / "a.npz", answers_of(face_data), face_data, PLAIN)
    state = new_state(answers=str(tmp_path / "a.npz"))
    with pytest.raises(ConfigError, match=r"expected none, as .* has it"):
        fit(face_data, tmp_path / "run", state)
    assert not (tmp_path / "run").exists()


def test_a_file_without_a_view_is_refused(face_data, tmp_path):
    """There would be nothing to show."""
    save_answers(tmp_path / "a.npz", answers_of(face_data)[:0], face_data, SHOWN)
    with pytest.raises(ConfigError, match="expected answers for the faces of synthetic"):
        read_answers(tmp_path / "a.npz", face_data, SHOWN)
