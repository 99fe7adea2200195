"""Augmented batches: reproducible from seed and epoch, and different in every epoch."""

import threading

import numpy as np
import pytest

from train.augment import Augmentation
from train.batches import Batches, draw_by_weight
from train.data.faces import FaceData, FaceSet

BATCH = 8


def batches(face_data, *, epoch=0, seed=5):
    """Return batches of the synthetic data at the start of `epoch`."""
    made = Batches(face_data.training, batch_size=BATCH, seed=seed, augmentation=Augmentation())
    made.start_epoch(epoch)
    return made


def test_batch_repeats_exactly_for_seed_and_epoch(face_data):
    """Batches of the same seed and epoch are equal, in whatever order they are requested."""
    first, second = batches(face_data, epoch=3), batches(face_data, epoch=3)
    backwards = {number: second[number] for number in reversed(range(len(second)))}
    for number in range(len(first)):
        for ours, theirs in zip(first[number], backwards[number], strict=True):
            assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("other", [{"epoch": 4}, {"seed": 6}])
def test_another_epoch_or_seed_changes_order_and_faces(face_data, other):
    """Another epoch or seed gives another order of the faces and other pixels."""
    first, second = batches(face_data, epoch=3), batches(face_data, **{"epoch": 3, **other})
    assert not np.array_equal(first.rows(0), second.rows(0))
    assert not np.array_equal(first[0][0], second[0][0])


@pytest.mark.parametrize("other", [{"epoch": 4}, {"seed": 6}])
def test_another_epoch_or_seed_changes_the_augmentation(face_data, other):
    """A batch of a hundred copies of one face differs between epochs, seeds and batches: the augmentation differs."""
    one = face_data.training.where(np.arange(len(face_data.training)) < 1)
    same = FaceSet(np.repeat(one.pixels, 100, axis=0), np.repeat(one.targets, 100, axis=0))
    alike = FaceData("one", face_data.labels, same, face_data.validation, face_data.test)
    first, second = batches(alike, epoch=3), batches(alike, **{"epoch": 3, **other})
    assert not np.array_equal(first[0][0], second[0][0])
    assert not np.array_equal(first[0][0], first[1][0]), "and so do two batches of an epoch"


def test_shapes_types_and_range(face_data):
    """A batch is (B, 48, 48, 1) float32 0 ... 1 with (B, K) float32; the smaller last batch is left out."""
    made = batches(face_data)
    faces, targets = made[0]
    assert faces.shape == (BATCH, 48, 48, 1)
    assert faces.dtype == targets.dtype == np.float32
    assert faces.min() >= 0.0
    assert faces.max() <= 1.0
    assert len(made) == len(face_data.training) // BATCH


def test_without_augmentation_an_epoch_has_every_face_once(face_data):
    """Without augmentation an epoch contains each face once and unchanged."""
    made = Batches(face_data.training, batch_size=12, seed=0, augmentation=None)
    seen = np.concatenate([made[number][0] for number in range(len(made))])[..., 0]
    assert len(seen) == len(face_data.training)
    wanted = sorted(face.tobytes() for face in face_data.training.pixels)
    assert sorted(np.rint(face * 255).astype(np.uint8).tobytes() for face in seen) == wanted


def test_set_smaller_than_a_batch_is_one_batch(face_data):
    """With fewer faces than the batch size an epoch is one batch of all faces."""
    few = face_data.training.where(np.arange(len(face_data.training)) < 5)
    made = Batches(few, batch_size=128, seed=0, augmentation=None)
    assert len(made) == 1
    assert len(made[0][0]) == 5


def test_rows_identify_the_faces_of_a_batch(face_data):
    """`rows` returns the indices of a batch's faces, in every epoch."""
    made = Batches(face_data.training, batch_size=BATCH, seed=0, augmentation=None)
    for epoch in (0, 1):
        made.start_epoch(epoch)
        faces, targets = made[2]
        rows = made.rows(2)
        assert np.array_equal(np.rint(faces[..., 0] * 255).astype(np.uint8), face_data.training.pixels[rows])
        assert np.array_equal(targets, face_data.training.targets[rows])


def test_next_batch_is_prepared_in_advance(face_data):
    """After a batch was requested, the next one is prepared without a request."""

    class Watched:
        """Pixels that count their accesses."""

        taken = threading.Semaphore(0)

        def __getitem__(self, rows):
            self.taken.release()
            return face_data.training.pixels[rows]

        def __len__(self):
            return len(face_data.training.pixels)

    watched = Watched()
    made = Batches(FaceSet(watched, face_data.training.targets), batch_size=BATCH, seed=0, augmentation=None)
    made[0]
    assert watched.taken.acquire(timeout=60)
    assert watched.taken.acquire(timeout=60), "the second batch is prepared"


def test_batch_prepared_in_advance_does_not_reach_another_epoch(face_data):
    """A batch that was prepared before `start_epoch` is not delivered after it."""
    made, fresh = batches(face_data, epoch=0), batches(face_data, epoch=1)
    made[0]
    made[len(made) - 1]  # on the same thread, after the second one, which is therefore ready
    made.start_epoch(1)
    assert np.array_equal(made[1][0], fresh[1][0])


def test_weights_say_how_often_an_epoch_shows_each_face(face_data):
    """A face of weight 2.5 comes two or three times an epoch, one of weight 0 never, in an order that varies."""
    weights = np.ones(20)
    weights[:4] = (2.5, 2.5, 0.0, 0.0)
    weights[4:] = 15 / 16
    shown = [
        draw_by_weight(weights, np.random.default_rng(s).permutation(20), np.random.default_rng(s)) for s in range(50)
    ]
    counts = np.array([np.bincount(order, minlength=20) for order in shown])
    assert (counts.sum(axis=1) == 20).all()
    assert set(counts[:, :2].ravel()) == {2, 3}
    assert not counts[:, 2:4].any()
    assert counts[:, 4:].max() == 1
    assert not np.array_equal(shown[0], np.sort(shown[0]))
    faces = FaceSet(face_data.training.pixels[:20], face_data.training.targets[:20], weights)
    made = Batches(faces, batch_size=20, seed=3, augmentation=None)
    assert set(np.bincount(made.rows(0), minlength=20)[:2]) <= {2, 3}


def test_margin_is_cut_off(face_data):
    """A face set with a margin gives faces of 48x48, with augmentation and without."""
    wide = FaceSet(np.pad(face_data.training.pixels, ((0, 0), (6, 6), (6, 6))), face_data.training.targets)
    plain = Batches(wide, batch_size=8, seed=0, augmentation=None)
    assert np.array_equal(np.rint(plain[0][0][..., 0] * 255), face_data.training.pixels[plain.rows(0)])
    varied = Batches(wide, batch_size=8, seed=0, augmentation=Augmentation())
    assert varied[0][0].shape == (8, 48, 48, 1)
