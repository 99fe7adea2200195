"""Distillation: the loss, and that a net learns its teachers' predictions."""

import keras
import numpy as np
import pytest

from edge.errors import ConfigError, ModelError
from edge.vision.crop import to_unit
from train.checkpoint import load_checkpoint
from train.data.faces import FaceData, FaceSet
from train.distil import Student
from train.fit import fit
from train.run_folder import LAST

pytestmark = pytest.mark.slow


def expert(path, *, turn=0, sharpness=20.0):
    """Save a net that classifies the synthetic faces, with classes shifted by `turn`; return its path."""
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
    """The data set with wrong labels for training and correct ones for validation."""
    wrong = np.roll(face_data.training.targets, 1, axis=1)
    return FaceData(
        "wrong", face_data.labels, FaceSet(face_data.training.pixels, wrong), face_data.validation, face_data.test
    )


@pytest.mark.usefixtures("tiny_build", "eager")
@pytest.mark.parametrize(("mix", "lowest", "highest"), [(1.0, 0.8, 1.0), (0.0, 0.0, 0.1)])
def test_net_learns_from_its_teacher(mislabelled, tmp_path, new_state, mix, lowest, highest):
    """With wrong labels and a correct teacher, the net becomes correct with a mix of 1 and wrong with 0."""
    teacher = str(expert(tmp_path / "expert.keras"))
    state = fit(
        mislabelled,
        tmp_path / "run",
        new_state(
            teachers=[teacher], distil_mix=mix, optimizer="adam", learning_rate=0.03, epochs=3, augmentation=None
        ),
    )
    assert lowest <= state.history[-1]["val_accuracy"] <= highest


@pytest.mark.usefixtures("tiny_build")
def test_checkpoint_does_not_contain_the_teacher(face_data, tmp_path, new_state):
    """last.keras has the weights of the plain net only."""
    teacher = expert(tmp_path / "expert.keras")
    fit(face_data, tmp_path / "run", new_state(epochs=1, teachers=[str(teacher)]))
    assert len(load_checkpoint(tmp_path / "run" / LAST, with_optimizer=True).get_weights()) == 7


def softened(probabilities, temperature):
    """Return softmax(logits / T), computed with numpy."""
    powers = probabilities ** (1 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("mix", [0.0, 0.3, 1.0])
def test_loss_is_the_documented_mixture(face_data, tmp_path, temperature, mix):
    """The training loss equals that computed with numpy for two different teachers; validation uses no teacher."""
    teachers = [load_checkpoint(expert(tmp_path / f"{turn}.keras", turn=turn, sharpness=3.0)) for turn in (0, 2)]
    net = load_checkpoint(expert(tmp_path / "net.keras", turn=1, sharpness=2.0))
    student = Student(net, teachers, mix=mix, temperature=temperature)
    student.compile(loss="categorical_crossentropy")
    faces, targets = to_unit(face_data.test.pixels)[..., np.newaxis], face_data.test.targets
    predictions = net.predict_on_batch(faces)
    hard = -np.log((predictions * targets).sum(axis=1)).mean()
    soft_targets = np.mean([softened(net.predict_on_batch(faces), temperature) for net in teachers], axis=0)
    softened_predictions = softened(predictions, temperature)
    soft = temperature**2 * (soft_targets * np.log(soft_targets / softened_predictions)).sum(axis=1).mean()
    found = student.compute_loss(faces, targets, keras.ops.convert_to_tensor(predictions), training=True)
    assert float(found) == pytest.approx((1 - mix) * hard + mix * soft, rel=1e-4)
    found = student.compute_loss(faces, targets, keras.ops.convert_to_tensor(predictions), training=False)
    assert float(found) == pytest.approx(hard, rel=1e-4)


@pytest.mark.usefixtures("tiny_build", "eager")
def test_teacher_with_other_labels_is_refused(face_data, tmp_path, new_state):
    """A teacher with the labels in another order raises an error."""
    labels = face_data.labels[::-1]
    turned = FaceData("turned", labels, face_data.training, face_data.validation, face_data.test)
    teacher = fit(turned, tmp_path / "teacher", new_state(labels=labels, epochs=1))
    assert teacher.epochs_done == 1
    with pytest.raises(ConfigError, match=r"--teachers: expected .*teacher to predict angry, .* found neutral, "):
        fit(face_data, tmp_path / "run", new_state(teachers=[str(tmp_path / "teacher")]))


@pytest.mark.usefixtures("tiny_build", "eager")
def test_missing_teacher_is_reported(face_data, tmp_path, new_state):
    """A teacher that does not exist raises an error before training."""
    with pytest.raises(ModelError, match=r"nowhere\.keras"):
        fit(face_data, tmp_path / "run", new_state(teachers=["nowhere.keras"]))
