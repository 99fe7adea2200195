"""Train: what augmentation costs, and what it leaves of training's speed."""

import time

import numpy as np
import pytest

from train.augment import Augmentation, augment
from train.faces import FaceSet

BATCH = 128
BATCHES = 4
ROUNDS = 7
LEAST_SHARE = 0.9
"""Of the speed on faces as they are, that training has to keep with augmentation."""


def _faces() -> FaceSet:
    """Noise, of which everything takes as long as of faces."""
    rng = np.random.default_rng(0)
    count = BATCH * BATCHES
    return FaceSet(
        rng.integers(0, 256, (count, 48, 48), dtype=np.uint8), np.eye(7, dtype=np.float32)[rng.integers(0, 7, count)]
    )


def test_augment_a_batch(benchmark):
    """128 faces, every change at its default."""
    faces = _faces()
    rng = np.random.default_rng(0)
    benchmark.extra_info["faces"] = BATCH
    benchmark(augment, faces.pixels[:BATCH], faces.targets[:BATCH], Augmentation(), rng)


@pytest.mark.benchmark(timer=time.perf_counter)
def test_train_without_and_with(benchmark):
    """The net that ships, on this machine's device: four batches as they are, then augmented; wall time.

    The shortest time of each counts: whatever else runs on the machine only lengthens it.
    """
    from train.batches import Batches  # noqa: PLC0415  # loads TensorFlow: not into the process of the steps before
    from train.models import build_model  # noqa: PLC0415  # likewise

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
    assert share >= LEAST_SHARE, f"augmentation leaves {share:.2f} of the speed"
