"""Mixup: faces and targets are blended by the same share."""

import numpy as np
import pytest

from train.augment import Augmentation
from train.batches import Batches
from train.mixup import mix_up

COUNT = 64


def blended(alpha):
    """A batch in which a face's only light says who it is, and its target too."""
    own = np.eye(COUNT, dtype=np.float32)
    return mix_up(own.reshape(COUNT, 8, 8, 1), own, alpha=alpha, rng=np.random.default_rng(0))


@pytest.mark.parametrize("alpha", [0.1, 1.0])
def test_pixels_and_targets_get_the_same_share(alpha):
    """Whoever shows in a face by a share is in its target by that share; shares sum to 1."""
    faces, targets = blended(alpha)
    assert faces.dtype == targets.dtype == np.float32
    assert faces.shape == (COUNT, 8, 8, 1)
    assert np.array_equal(faces.reshape(COUNT, -1), targets)
    assert np.allclose(targets.sum(axis=1), 1.0)


def test_a_face_keeps_the_larger_part_and_gets_one_other():
    """So a batch still shows each of its faces, and none is a blend of three."""
    _, targets = blended(1.0)
    assert np.array_equal(targets.argmax(axis=1), np.arange(COUNT))
    others = (targets > 0).sum(axis=1)
    assert others.max() == 2
    assert (others == 2).mean() > 0.9


def test_alpha_says_how_much_is_blended():
    """0 is nothing, 0.1 little, 1 a quarter in the mean."""
    lost = {alpha: 1 - blended(alpha)[1].max(axis=1).mean() for alpha in (0.0, 0.1, 1.0)}
    assert lost[0.0] == 0.0
    assert 0.02 < lost[0.1] < 0.12
    assert 0.18 < lost[1.0] < 0.32


def test_the_setting_reaches_the_batches(face_data):
    """With mixup most targets are of two classes, without none is."""
    shares = [
        ((Batches(face_data.training, batch_size=84, seed=0, augmentation=made)[0][1] > 0).sum(axis=1) == 2).mean()
        for made in (Augmentation(mixup=1.0), Augmentation(mixup=0.0))
    ]
    assert shares[0] > 0.5
    assert shares[1] == 0.0
