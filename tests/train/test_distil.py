"""A net taught by others: what it learns is what they say."""

import keras
import numpy as np
import pytest

from edge.errors import ConfigError, ModelError
from edge.vision.crop import to_unit
from train.checkpoint import load_checkpoint
from train.distil import Pupil
from train.faces import FaceData, FaceSet
from train.fit import fit
from train.state import LAST


def expert(path, *, turn=0, sharpness=20.0):
    """A net that knows the synthetic faces: the class is where the bright square is, `turn` places further."""
    net = keras.Sequential(
        [
            keras.Input((48, 48, 1)),
            keras.layers.AveragePooling2D(16),
            keras.layers.Flatten(),
            keras.layers.Dense(7, "softmax"),
        ]
    )
    net.set_weights([np.roll(sharpness * np.eye(9, 7, dtype=np.float32), turn, axis=1), np.zeros(7, np.float32)])
    net.save(path)
    return path


@pytest.fixture
def mislabelled(face_data):
    """The faces to train on with wrong labels, those to choose by with the right ones."""
    wrong = np.roll(face_data.training.targets, 1, axis=1)
    return FaceData(
        "wrong", face_data.labels, FaceSet(face_data.training.pixels, wrong), face_data.validation, face_data.test
    )


@pytest.mark.usefixtures("tiny_build")
@pytest.mark.parametrize(("mix", "lowest", "highest"), [(1.0, 0.8, 1.0), (0.0, 0.0, 0.1)])
def test_a_taught_net_learns_what_its_teacher_says(mislabelled, tmp_path, new_state, mix, lowest, highest):
    """All labels are wrong and the teacher is right: with a mix of 1 the net is right, with 0 it is wrong."""
    teacher = str(expert(tmp_path / "expert.keras"))
    state = fit(
        mislabelled,
        tmp_path / "run",
        new_state(
            teachers=[teacher], distil_mix=mix, optimizer="adam", learning_rate=0.02, epochs=6, augmentation=None
        ),
    )
    assert lowest <= state.history[-1]["val_accuracy"] <= highest


@pytest.mark.usefixtures("tiny_build")
def test_the_teacher_is_no_part_of_the_checkpoint(face_data, tmp_path, new_state):
    """last.keras is the plain net with its optimizer, and the teacher's weights stay as they were."""
    teacher = expert(tmp_path / "expert.keras")
    fit(face_data, tmp_path / "run", new_state(epochs=1, teachers=[str(teacher)]))
    assert len(load_checkpoint(tmp_path / "run" / LAST, with_optimizer=True).get_weights()) == 7


def softened(probabilities, temperature):
    """softmax(logits / T), by hand."""
    powers = probabilities ** (1 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("mix", [0.0, 0.3, 1.0])
def test_the_loss_is_the_mixture_that_it_says(face_data, tmp_path, temperature, mix):
    """Two teachers of different opinion: the loss is worked out here with numpy, from their averaged answers.

    Validation hears no teacher.
    """
    teachers = [load_checkpoint(expert(tmp_path / f"{turn}.keras", turn=turn, sharpness=3.0)) for turn in (0, 2)]
    net = load_checkpoint(expert(tmp_path / "net.keras", turn=1, sharpness=2.0))
    pupil = Pupil(net, teachers, mix=mix, temperature=temperature)
    pupil.compile(loss="categorical_crossentropy")
    faces, targets = to_unit(face_data.test.pixels)[..., np.newaxis], face_data.test.targets
    answers = net.predict_on_batch(faces)
    hard = -np.log((answers * targets).sum(axis=1)).mean()
    taught = np.mean([softened(net.predict_on_batch(faces), temperature) for net in teachers], axis=0)
    mine = softened(answers, temperature)
    soft = temperature**2 * (taught * np.log(taught / mine)).sum(axis=1).mean()
    found = pupil.compute_loss(faces, targets, keras.ops.convert_to_tensor(answers), training=True)
    assert float(found) == pytest.approx((1 - mix) * hard + mix * soft, rel=1e-4)
    found = pupil.compute_loss(faces, targets, keras.ops.convert_to_tensor(answers), training=False)
    assert float(found) == pytest.approx(hard, rel=1e-4)


@pytest.mark.usefixtures("tiny_build")
def test_a_teacher_that_answers_otherwise_is_refused(face_data, tmp_path, new_state):
    """Its answers would be taken for other emotions."""
    labels = face_data.labels[::-1]
    turned = FaceData("turned", labels, face_data.training, face_data.validation, face_data.test)
    teacher = fit(turned, tmp_path / "teacher", new_state(labels=labels, epochs=1))
    assert teacher.epochs_done == 1
    with pytest.raises(ConfigError, match=r"--teachers: expected .*teacher to answer angry, .* found neutral, "):
        fit(face_data, tmp_path / "run", new_state(teachers=[str(tmp_path / "teacher")]))


@pytest.mark.usefixtures("tiny_build")
def test_a_missing_teacher_is_named(face_data, tmp_path, new_state):
    """One line, before anything is trained."""
    with pytest.raises(ModelError, match=r"nowhere\.keras"):
        fit(face_data, tmp_path / "run", new_state(teachers=["nowhere.keras"]))
