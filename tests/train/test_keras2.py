"""Nets that Keras 1 and 2 saved as `.h5` open in Keras 3 and predict the same."""

import json
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from edge.errors import ModelError
from train.checkpoint import load_checkpoint
from train.keras2 import readable_h5

FACES = np.random.default_rng(0).random((4, 48, 48, 1), dtype=np.float32)


def sequential() -> keras.Sequential:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((48, 48, 1)),
            keras.layers.Conv2D(4, 3, activation="relu", name="c1"),
            keras.layers.BatchNormalization(name="b1"),
            keras.layers.DepthwiseConv2D(3, name="d1"),
            keras.layers.GlobalAveragePooling2D(name="p1"),
            keras.layers.Dense(7, activation="softmax", name="e1"),
        ]
    )


def functional() -> keras.Model:
    face = keras.Input((48, 48, 1), name="face")
    return keras.Model(face, sequential()(face))


def as_keras2(layer: dict[str, Any]) -> dict[str, Any]:
    """Return a layer's configuration as Keras 2 would have written it."""
    kind, config = layer["class_name"], dict(layer["config"])
    config.pop("dtype", None)
    if kind == "DepthwiseConv2D":
        config |= {"groups": 1}
    if kind == "InputLayer":
        config["batch_input_shape"] = config.pop("batch_shape")
    if "layers" in config:
        inner = config["layers"]
        if kind == "Sequential":
            shape = inner[0]["config"]["batch_shape"]
            inner = inner[1:]
            inner[0]["config"]["batch_input_shape"] = shape
        config["layers"] = [as_keras2(one) for one in inner]
    return {**layer, "class_name": "Model" if kind == "Functional" else kind, "config": config}


def save_as_keras2(net: keras.Model, path: Path, *, as_list: bool = False) -> keras.Model:
    """Save a net, with its configuration in the form of Keras 2, or with its layers as a list, as up to 2.2.2."""
    net.save(path)
    with h5py.File(path, "r+") as file:
        config = as_keras2(json.loads(file.attrs["model_config"]))
        if as_list:
            config["config"] = config["config"]["layers"]
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.2.4"
    return net


@pytest.mark.parametrize("name", ["net.h5", "net.HDF5", "caf\udce9: net.h5"])
def test_a_sequential_net_predicts_the_same(tmp_path: Path, name: str) -> None:
    """The input's shape is taken from the first layer, whatever the file is called."""
    net = save_as_keras2(sequential(), tmp_path / "net.h5")
    path = (tmp_path / "net.h5").rename(tmp_path / name)
    before = path.read_bytes()
    loaded = load_checkpoint(path, classes=7)
    np.testing.assert_allclose(loaded.predict_on_batch(FACES), net.predict_on_batch(FACES), atol=1e-6)
    assert path.read_bytes() == before


def test_a_list_of_layers_is_a_sequential_net(tmp_path: Path) -> None:
    net = save_as_keras2(sequential(), tmp_path / "net.h5", as_list=True)
    loaded = load_checkpoint(tmp_path / "net.h5")
    np.testing.assert_allclose(loaded.predict_on_batch(FACES), net.predict_on_batch(FACES), atol=1e-6)


def test_a_sequential_net_inside_another_predicts_the_same(tmp_path: Path) -> None:
    """A functional net that contains a sequential one, as transfer learning makes them."""
    net = save_as_keras2(functional(), tmp_path / "net.h5")
    loaded = load_checkpoint(tmp_path / "net.h5")
    np.testing.assert_allclose(loaded.predict_on_batch(FACES), net.predict_on_batch(FACES), atol=1e-6)


def test_a_file_of_keras_3_is_not_copied(tmp_path: Path) -> None:
    sequential().save(tmp_path / "net.h5")
    with readable_h5(tmp_path / "net.h5") as path:
        assert path == tmp_path / "net.h5"


@pytest.mark.parametrize(
    "config", ["{", "[]", "null", '{"class_name": "Sequential", "config": {"layers": [{}]}}', "\xff"]
)
def test_a_damaged_configuration_is_an_error(tmp_path: Path, config: str) -> None:
    sequential().save(tmp_path / "net.h5")
    with h5py.File(tmp_path / "net.h5", "r+") as file:
        file.attrs["model_config"] = config
    with pytest.raises(ModelError, match=r"expected a \.keras or \.h5 checkpoint, found"):
        load_checkpoint(tmp_path / "net.h5")


def test_a_file_that_is_no_hdf5_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "net.h5").write_bytes(b"no HDF5" * 100)
    with pytest.raises(ModelError, match=r"expected a \.keras or \.h5 checkpoint, found"):
        load_checkpoint(tmp_path / "net.h5")
