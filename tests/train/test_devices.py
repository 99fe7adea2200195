"""Training on several devices at once, and on JAX at all."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.errors import ConfigError
from train.devices import on_devices

REPOSITORY = Path(__file__).resolve().parents[2]

SCRIPT = """
import json, shutil, sys
from pathlib import Path
import jax, keras, numpy as np
from keras import layers
from edge.labels import EMOTIONS
import train.fit
from train.callbacks import Checkpoints
from train.checkpoint import load_checkpoint
from train.faces import FaceData, FaceSet
from train.settings import RunSettings
from train.state import BEST, LAST, RunState, read_state

def faces(each, seed):
    rng = np.random.default_rng(seed)
    codes = np.arange(7).repeat(each)
    pixels = rng.integers(0, 120, (len(codes), 48, 48)).astype(np.uint8) + codes.astype(np.uint8)[:, None, None] * 19
    return FaceSet(pixels, np.eye(7, dtype=np.float32)[codes])

def net(_name, *, classes, weights):
    return keras.Sequential([
        keras.Input((48, 48, 1)), layers.Conv2D(4, 8, 8), layers.BatchNormalization(), layers.ReLU(), layers.Flatten(),
        layers.Dropout(0.3), layers.Dense(classes, "softmax"),
    ])

root = Path(sys.argv[1])
data = FaceData("grey", EMOTIONS, faces(6, 0), faces(3, 1), faces(3, 2))
settings = RunSettings(
    labels=EMOTIONS, data="x", epochs=2, batch_size=14, learning_rate=0.05, ema=0.9, seed=3
)
train.fit.build_model, train.fit.draw_curves = net, lambda *_: None
used = {}
for devices in (1, 2):
    run, save = root / str(devices), Checkpoints.on_epoch_end
    def save_and_copy(self, epoch, logs=None):
        used[devices] = len(self._net.trainable_variables[0].value.sharding.device_set)
        save(self, epoch, logs)
        if epoch == 0:
            shutil.copytree(run, root / f"{devices}-stopped")
    Checkpoints.on_epoch_end = save_and_copy
    train.fit.fit(data, run, RunState(settings=settings), devices=devices)
    Checkpoints.on_epoch_end = save
train.fit.fit(data, root / "1-stopped", read_state(root / "1-stopped"))

def difference(ours, theirs, name):
    both = [load_checkpoint(root / run / name).get_weights() for run in (ours, theirs)]
    return max(float(np.abs(a - b).max()) for a, b in zip(*both))

print(json.dumps({
    "backend": keras.backend.backend(),
    "used": used,
    "resumed": [difference("1", "1-stopped", name) for name in (LAST, BEST)],
    "devices": difference("1", "2", LAST),
}))
"""

TOLERANCE = 1e-5
"""Sums over a batch come in another order on two devices than on one."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What a process with two devices says of a run on one, on both, and on one with a stop."""
    pytest.importorskip("jax", reason="the backend jax is not installed")
    settings = {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(  # noqa: S603  # our own script
        [sys.executable, "-c", SCRIPT, str(tmp_path_factory.mktemp("devices"))],
        env={**os.environ, **settings},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_run_on_two_devices_uses_both(trained):
    """The weights lie on one device, and then on two."""
    assert trained["backend"] == "jax"
    assert trained["used"] == {"1": 1, "2": 2}


def test_two_devices_give_the_result_of_one(trained):
    """Each has half of every batch; what they learn together is the same."""
    assert trained["devices"] < TOLERANCE


def test_a_run_on_jax_is_gone_on_with_to_the_same_result(trained):
    """Averaged weights included."""
    assert max(trained["resumed"]) < TOLERANCE


def test_several_devices_need_jax():
    """Another backend cannot: one line with what to install and to set."""
    with (
        pytest.raises(ConfigError, match="--devices 2: expected the backend jax, found tensorflow: pip install"),
        on_devices(2, batch_size=8),
    ):
        pass


def test_one_device_is_any_backends_affair():
    """Nothing is asked of it."""
    with on_devices(1, batch_size=7):
        pass


@pytest.mark.parametrize(
    ("count", "batch_size", "message"),
    [
        (3, 9, "--devices: expected at most 2, found 3"),
        (2, 9, "--batch-size: expected a multiple of 2 devices, found 9"),
    ],
)
def test_devices_that_are_not_there_are_refused(monkeypatch, count, batch_size, message):
    """As are batches that cannot be shared out."""
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    monkeypatch.setattr("keras.distribution.list_devices", lambda: ["cpu:0", "cpu:1"])
    with pytest.raises(ConfigError, match=message), on_devices(count, batch_size=batch_size):
        pass
