"""Saved teachers' predictions: they are checked against data and run, and a net learns from them."""

import keras
import numpy as np
import pytest

from edge.errors import ConfigError, MediaError, ModelError, SinkError
from train.augment import Augmentation
from train.batches import Batches
from train.data.faces import FaceData, FaceSet
from train.fit import fit
from train.teacher_predictions import ViewSettings, load_predictions, predict_views, render_view, save_predictions

VIEWS = ViewSettings(seed=5, batch_size=8)
PLAIN = ViewSettings(seed=3, batch_size=21, augmentation=None)


def confident_predictions(data, *, turn=0):
    """Return a confident teacher's predictions for one view: the labels, shifted by `turn` classes."""
    return np.roll(data.training.targets, turn, axis=1)[np.newaxis]


def test_predictions_round_trip(face_data, tmp_path):
    """Loaded predictions equal the saved ones, view by view, within half precision."""
    saved = np.concatenate([0.9 * confident_predictions(face_data, turn=turn) + 0.1 / 7 for turn in (0, 1, 2)])
    save_predictions(tmp_path / "new" / "a.npz", saved, face_data, VIEWS)
    np.testing.assert_allclose(load_predictions(tmp_path / "new" / "a.npz", face_data, VIEWS), saved, atol=1e-3)


def test_epochs_repeat_the_views_with_their_predictions(face_data):
    """Epochs show the views in turn: the faces that the teachers saw, with their predictions mixed into the targets."""
    predictions = np.concatenate([confident_predictions(face_data, turn=turn) for turn in (1, 2)])
    run = {"batch_size": VIEWS.batch_size, "seed": VIEWS.seed, "augmentation": VIEWS.augmentation}
    batches = Batches(face_data.training, predictions=predictions, share=0.7, **run)
    for epoch, view in ((0, 0), (1, 1), (2, 0), (5, 1)):
        batches.start_epoch(epoch)
        seen = render_view(face_data, VIEWS, view)
        for batch in (0, len(batches) - 1):
            rows = batches.rows(batch)
            faces, targets = batches[batch]
            np.testing.assert_array_equal(np.rint(faces[..., 0] * 255), seen[rows])
            own = 0.3 * face_data.training.targets[rows]
            np.testing.assert_allclose(targets, own + 0.7 * predictions[view, rows], atol=1e-6)


def test_faces_outside_the_batches_are_unchanged(face_data):
    """A view shows the faces of the last, smaller batch, which training leaves out, without augmentation."""
    views = ViewSettings(seed=5, batch_size=len(face_data.training) - 3)
    seen = render_view(face_data, views, 0)
    same = (seen == face_data.training.pixels).all(axis=(1, 2))
    assert same.sum() == 3


@pytest.mark.usefixtures("tiny_build", "eager")
def test_net_learns_saved_predictions(face_data, tmp_path, new_state):
    """With wrong labels and correct predictions at a share of 1, the net learns the correct classes."""
    mislabelled = FaceData(
        "wrong", face_data.labels, FaceSet(face_data.training.pixels, confident_predictions(face_data, turn=1)[0]),
        face_data.validation, face_data.test,
    )  # fmt: skip
    save_predictions(tmp_path / "a.npz", confident_predictions(face_data), mislabelled, PLAIN)
    taught = {"answers": str(tmp_path / "a.npz"), "answers_share": 1.0}
    state = new_state(optimizer="adam", learning_rate=0.03, epochs=3, augmentation=None, **taught)
    state = fit(mislabelled, tmp_path / "run", state)
    assert state.history[-1]["val_accuracy"] > 0.8


def test_predictions_for_other_faces_are_refused(face_data, tmp_path):
    """Predictions for data that differ in one pixel raise an error."""
    save_predictions(tmp_path / "a.npz", confident_predictions(face_data), face_data, VIEWS)
    pixels = face_data.training.pixels.copy()
    pixels[0, 3, 3] ^= 1
    other = FaceData(
        "other", face_data.labels, FaceSet(pixels, face_data.training.targets), face_data.validation, face_data.test
    )
    with pytest.raises(ConfigError, match=r"expected predictions for the faces of other, found others"):
        load_predictions(tmp_path / "a.npz", other, VIEWS)


def test_predictions_with_other_labels_are_refused(face_data, tmp_path):
    """Predictions with the labels in another order raise an error."""
    turned = FaceData("turned", face_data.labels[::-1], face_data.training, face_data.validation, face_data.test)
    save_predictions(tmp_path / "a.npz", confident_predictions(face_data), turned, VIEWS)
    with pytest.raises(ConfigError, match=r"expected predictions of angry, .* found neutral,"):
        load_predictions(tmp_path / "a.npz", face_data, VIEWS)


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_damaged_or_missing_file_is_refused(face_data, tmp_path, content):
    """A missing file, or one of another kind, raises an error with its path."""
    if content is not None:
        (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(MediaError, match=r"a\.npz: expected teachers' predictions"):
        load_predictions(tmp_path / "a.npz", face_data, VIEWS)


def test_logits_are_refused(face_data, tmp_path):
    """Saved outputs that are no probabilities raise an error."""
    save_predictions(tmp_path / "a.npz", 7 * confident_predictions(face_data), face_data, VIEWS)
    with pytest.raises(MediaError, match="expected probabilities that sum to 1"):
        load_predictions(tmp_path / "a.npz", face_data, VIEWS)


def test_unwritable_path_is_reported(face_data, tmp_path):
    """A file in the place of the folder raises an error."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(SinkError, match="expected a writable file"):
        save_predictions(tmp_path / "taken" / "a.npz", confident_predictions(face_data), face_data, VIEWS)


def constant_net(path, probabilities):
    """Save a net that predicts the same for every face; return its path."""
    net = keras.Sequential(
        [keras.Input((48, 48, 1)), keras.layers.Flatten(), keras.layers.Dense(7, "softmax", kernel_initializer="zeros")]
    )
    net.layers[-1].bias.assign(np.log(probabilities))
    net.save(path)
    return path


def test_teachers_are_averaged(face_data, tmp_path):
    """Two teachers that contradict each other give each of their classes about a half."""
    low = 0.01
    first = np.full(7, low), np.full(7, low)
    first[0][0] = first[1][3] = 1 - 6 * low
    paths = [constant_net(tmp_path / f"{number}.keras", row) for number, row in enumerate(first)]
    predictions = predict_views(paths, face_data, VIEWS, count=2)
    np.testing.assert_allclose(predictions[1, 0], [0.475, low, low, 0.475, low, low, low], atol=1e-3)
    assert predictions.shape == (2, *face_data.training.targets.shape)


def test_missing_teacher_is_reported(face_data, tmp_path):
    """A path without a teacher raises an error."""
    with pytest.raises(ModelError):
        predict_views([tmp_path / "none.keras"], face_data, VIEWS, count=1)


def test_mixup_is_refused(face_data, tmp_path):
    """Views with mixup raise an error, because a teacher cannot classify a blend of two faces."""
    with pytest.raises(ConfigError, match="--mixup: expected 0"):
        predict_views([tmp_path / "none.keras"], face_data, ViewSettings(augmentation=Augmentation(mixup=0.2)), count=1)


@pytest.mark.parametrize(
    ("views", "message"),
    [
        (ViewSettings(seed=6, batch_size=8), "--seed: expected 5 as in .*, found 6"),
        (ViewSettings(seed=5, batch_size=9), "--batch-size: expected 8 as in .*, found 9"),
        (
            ViewSettings(seed=5, batch_size=8, augmentation=Augmentation()),
            "--mixup: expected 0.0 as in .*, found 0.1",
        ),
        (ViewSettings(seed=5, batch_size=8, augmentation=None), "--flip: expected 0.5 as in .*, found none"),
    ],
)
def test_predictions_for_other_views_are_refused(face_data, tmp_path, views, message):
    """Predictions saved for another seed, batch size or augmentation raise an error that names the option."""
    save_predictions(tmp_path / "a.npz", confident_predictions(face_data), face_data, VIEWS)
    with pytest.raises(ConfigError, match=message):
        load_predictions(tmp_path / "a.npz", face_data, views)


def test_teacher_of_other_emotions_is_refused(face_data, tmp_path):
    """A teacher with other classes than the data raises an error."""
    layers = [keras.Input((48, 48, 1)), keras.layers.Flatten(), keras.layers.Dense(6, "softmax")]
    keras.Sequential(layers).save(tmp_path / "six.keras")
    with pytest.raises(ConfigError, match=r"six\.keras: expected a net that predicts angry, disgust"):
        predict_views([tmp_path / "six.keras"], face_data, VIEWS, count=1)


def test_run_with_other_views_is_refused(face_data, tmp_path, new_state):
    """A run whose views differ from those of the predictions fails before its folder is created."""
    save_predictions(tmp_path / "a.npz", confident_predictions(face_data), face_data, PLAIN)
    state = new_state(answers=str(tmp_path / "a.npz"))
    with pytest.raises(ConfigError, match=r"expected none as in .*a\.npz, found"):
        fit(face_data, tmp_path / "run", state)
    assert not (tmp_path / "run").exists()


def test_file_without_a_view_is_refused(face_data, tmp_path):
    """A file with zero views raises an error."""
    save_predictions(tmp_path / "a.npz", confident_predictions(face_data)[:0], face_data, VIEWS)
    with pytest.raises(ConfigError, match="expected predictions for the faces of synthetic"):
        load_predictions(tmp_path / "a.npz", face_data, VIEWS)
