"""Training: the cost of augmentation, and the speed of training with it."""

import time

import numpy as np
import pytest

from train.augment import Augmentation, augment
from train.data.faces import FaceSet

BATCH = 128
BATCHES = 4
ROUNDS = 7
MIN_SPEED_SHARE = 0.9
"""Smallest speed of training with augmentation, as a share of the speed without."""


def _faces() -> FaceSet:
    """Return noise, which takes as long as faces do."""
    rng = np.random.default_rng(0)
    count = BATCH * BATCHES
    return FaceSet(
        rng.integers(0, 256, (count, 48, 48), dtype=np.uint8), np.eye(7, dtype=np.float32)[rng.integers(0, 7, count)]
    )


def test_augment_a_batch(benchmark):
    """Augment 128 faces with the default settings."""
    faces = _faces()
    rng = np.random.default_rng(0)
    benchmark.extra_info["faces"] = BATCH
    benchmark(augment, faces.pixels[:BATCH], faces.targets[:BATCH], Augmentation(), rng)


@pytest.mark.benchmark(timer=time.perf_counter)
def test_train_without_and_with(benchmark):
    """Train the bundled net on four batches without and with augmentation, in wall time.

    The shortest time of each counts, since other load only lengthens it.
    """
    from train.batches import Batches  # noqa: PLC0415  # loads TensorFlow, which the other benchmarks must not pay for
    from train.models import build_model  # noqa: PLC0415  # imports Keras

    net = build_model("edge_small", classes=7)
    net.compile(optimizer="sgd", loss="categorical_crossentropy")
    settings = {"without": None, "with": Augmentation()}
    feeds = {name: Batches(_faces(), batch_size=BATCH, seed=0, augmentation=made) for name, made in settings.items()}
    seconds: dict[str, list[float]] = {name: [] for name in settings}

    def train() -> None:
        for name, batches in feeds.items():
            started = time.perf_counter()
            net.fit(batches, shuffle=False, verbose=0)
            seconds[name].append(time.perf_counter() - started)

    benchmark.pedantic(train, rounds=ROUNDS, warmup_rounds=1)
    rates = {name: BATCH * BATCHES / min(spent) for name, spent in seconds.items()}
    share = rates["with"] / rates["without"]
    benchmark.extra_info["faces_per_s"] = {name: round(rate) for name, rate in rates.items()}
    benchmark.extra_info["share_kept"] = round(share, 3)
    assert share >= MIN_SPEED_SHARE, f"augmentation leaves {share:.2f} of the speed"
