"""Training on several devices with JAX."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.errors import ConfigError
from train.fit import on_devices

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]

SCRIPT = """
import json, shutil, sys
from pathlib import Path
sys.modules["tensorflow"] = None  # Keras would import it, if it is installed, but does not need it for JAX
import jax, keras, numpy as np
from keras import layers
from edge.labels import EMOTIONS
import train.fit
from train.callbacks import Checkpoints
from train.checkpoint import load_checkpoint
from train.data.faces import FaceData, FaceSet
from train.settings import RunSettings
from train.run_folder import BEST, LAST, TrainingState, read_state

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
data = FaceData("gray", EMOTIONS, faces(6, 0), faces(3, 1), faces(3, 2))
settings = RunSettings(
    labels=EMOTIONS, data="x", epochs=2, batch_size=14, learning_rate=0.05, ema=0.9, seed=3
)
train.fit.build_model, train.fit.draw_history_curves = net, lambda *_: None
used = {}
for devices in (1, 2):
    run, save = root / str(devices), Checkpoints.on_epoch_end
    def save_and_copy(self, epoch, logs=None):
        used[devices] = len(self._net.trainable_variables[0].value.sharding.device_set)
        save(self, epoch, logs)
        if epoch == 0:
            shutil.copytree(run, root / f"{devices}-stopped")
    Checkpoints.on_epoch_end = save_and_copy
    train.fit.fit(data, run, TrainingState(settings=settings), devices=devices)
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
"""Two devices add up a batch in another order than one."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Results of a process with two JAX devices: runs on one, on both, and on one with an interruption."""
    pytest.importorskip("jax", reason="the backend jax is not installed")
    settings = {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # compiles faster
    }
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


def test_run_on_two_devices_uses_both(trained):
    """With `devices=2` the weights are on two JAX devices, by default on one."""
    assert trained["backend"] == "jax"
    assert trained["used"] == {"1": 1, "2": 2}


def test_two_devices_give_the_result_of_one(trained):
    """A run on two devices, with half of each batch on each, ends with the weights of a run on one."""
    assert trained["devices"] < TOLERANCE


def test_resumed_run_on_jax_has_the_same_result(trained):
    """On JAX a resumed run ends with the weights of an uninterrupted one, averaged weights included."""
    assert max(trained["resumed"]) < TOLERANCE


def test_several_devices_need_jax():
    """Several devices on another backend raise an error that says what to install and set."""
    with (
        pytest.raises(ConfigError, match=r"--devices 2: expected the backend jax, found tensorflow: .*pip install"),
        on_devices(2, batch_size=8),
    ):
        pass


def test_one_device_works_on_any_backend():
    """With one device `on_devices` requires neither JAX nor an even batch."""
    with on_devices(1, batch_size=7):
        pass


@pytest.mark.parametrize(
    ("count", "batch_size", "message"),
    [
        (3, 9, "--devices: expected at most 2, the devices that JAX finds, found 3"),
        (2, 9, "--batch-size: expected a multiple of 2 devices, found 9"),
    ],
)
def test_missing_devices_and_uneven_batches_are_refused(monkeypatch, count, batch_size, message):
    """More devices than JAX finds, or a batch that does not divide evenly, raise an error."""
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    monkeypatch.setattr("keras.distribution.list_devices", lambda: ["cpu:0", "cpu:1"])
    with pytest.raises(ConfigError, match=message), on_devices(count, batch_size=batch_size):
        pass
