"""Augmented batches: repeatable, and never the same twice within a run."""

import threading

import numpy as np
import pytest

from train.augment import Augmentation
from train.batches import Batches
from train.faces import FaceData, FaceSet

BATCH = 8


def batches(face_data, *, epoch=0, seed=5):
    """Batches of the synthetic data, at the start of `epoch`."""
    made = Batches(face_data.training, batch_size=BATCH, seed=seed, augmentation=Augmentation())
    made.start_epoch(epoch)
    return made


def test_a_batch_repeats_exactly_for_seed_and_epoch(face_data):
    """Two feeds with the same seed and epoch give the same pixels and targets, in whatever order they are asked."""
    first, second = batches(face_data, epoch=3), batches(face_data, epoch=3)
    backwards = {number: second[number] for number in reversed(range(len(second)))}
    for number in range(len(first)):
        for ours, theirs in zip(first[number], backwards[number], strict=True):
            assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("other", [{"epoch": 4}, {"seed": 6}])
def test_another_epoch_or_seed_changes_order_and_faces(face_data, other):
    """Neither the order nor the augmentation comes back."""
    first, second = batches(face_data, epoch=3), batches(face_data, **{"epoch": 3, **other})
    assert not np.array_equal(first.rows(0), second.rows(0))
    assert not np.array_equal(first[0][0], second[0][0])


@pytest.mark.parametrize("other", [{"epoch": 4}, {"seed": 6}])
def test_another_epoch_or_seed_varies_the_same_face_otherwise(face_data, other):
    """With one face a hundred times the order says nothing: what differs is the augmentation."""
    one = face_data.training.where(np.arange(len(face_data.training)) < 1)
    same = FaceSet(np.repeat(one.pixels, 100, axis=0), np.repeat(one.targets, 100, axis=0))
    alike = FaceData("one", face_data.labels, same, face_data.validation, face_data.test)
    first, second = batches(alike, epoch=3), batches(alike, **{"epoch": 3, **other})
    assert not np.array_equal(first[0][0], second[0][0])
    assert not np.array_equal(first[0][0], first[1][0]), "nor is a batch like the one before"


def test_shapes_types_and_range(face_data):
    """What Keras is fed: (B, 48, 48, 1) float32 0 ... 1 with (B, K) float32; the smaller last batch is left out."""
    made = batches(face_data)
    faces, targets = made[0]
    assert faces.shape == (BATCH, 48, 48, 1)
    assert faces.dtype == targets.dtype == np.float32
    assert faces.min() >= 0.0
    assert faces.max() <= 1.0
    assert len(made) == len(face_data.training) // BATCH


def test_without_augmentation_an_epoch_holds_every_face_once(face_data):
    """The order is a permutation and the faces are untouched."""
    made = Batches(face_data.training, batch_size=12, seed=0, augmentation=None)
    seen = np.concatenate([made[number][0] for number in range(len(made))])[..., 0]
    assert len(seen) == len(face_data.training)
    wanted = sorted(face.tobytes() for face in face_data.training.pixels)
    assert sorted(np.rint(face * 255).astype(np.uint8).tobytes() for face in seen) == wanted


def test_a_set_smaller_than_a_batch_is_one_batch(face_data):
    """A data set of a few pictures still trains."""
    few = face_data.training.where(np.arange(len(face_data.training)) < 5)
    made = Batches(few, batch_size=128, seed=0, augmentation=None)
    assert len(made) == 1
    assert len(made[0][0]) == 5


def test_rows_say_which_faces_stand_in_a_batch(face_data):
    """What went wrong with a batch can be traced to its faces, in every epoch anew."""
    made = Batches(face_data.training, batch_size=BATCH, seed=0, augmentation=None)
    for epoch in (0, 1):
        made.start_epoch(epoch)
        faces, targets = made[2]
        rows = made.rows(2)
        assert np.array_equal(np.rint(faces[..., 0] * 255).astype(np.uint8), face_data.training.pixels[rows])
        assert np.array_equal(targets, face_data.training.targets[rows])


def test_the_following_batch_is_made_meanwhile(face_data):
    """So that a net, on a device of its own, does not wait for its faces."""

    class Watched:
        """Pixels that tell when they are taken out."""

        taken = threading.Semaphore(0)

        def __getitem__(self, rows):
            self.taken.release()
            return face_data.training.pixels[rows]

        def __len__(self):
            return len(face_data.training.pixels)

    watched = Watched()
    made = Batches(FaceSet(watched, face_data.training.targets), batch_size=BATCH, seed=0, augmentation=None)
    made[0]
    assert watched.taken.acquire(timeout=5)
    assert watched.taken.acquire(timeout=5), "the second batch is made without being asked for"


def test_what_was_made_ahead_does_not_reach_another_epoch(face_data):
    """An epoch that is broken off, or tried before the first, leaves nothing behind."""
    made, fresh = batches(face_data, epoch=0), batches(face_data, epoch=1)
    made[0]
    made[len(made) - 1]  # one thread makes them: now the second one, that nobody has asked for, is done too
    made.start_epoch(1)
    assert np.array_equal(made[1][0], fresh[1][0])
