"""Lets Keras 3 open `.h5` files of Keras 1 and 2, whose configurations it reads only in part."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Config = dict[str, Any]

SUFFIXES = (".h5", ".hdf5")
"""Suffixes of HDF5 files, in lower case."""

_MODELS = ("Sequential", "Functional", "Model")
"""Classes whose configuration contains layers."""

_SEPARABLE = ("DepthwiseConv2D", "SeparableConv2D")
"""Layers that TensorFlow 2 saved with `groups`, which Keras 3 does not know for them."""


@contextmanager
def readable_h5(path: Path) -> Iterator[Path]:
    """Yield a file that Keras 3 can open: `path`, or a copy with a rewritten configuration, for the block.

    The weights stay as they are. A file that is no HDF5, or has no configuration, is left to Keras.

    Raises:
        OSError: the file cannot be read, or there is no room for the copy.
        ValueError: its configuration is no JSON.
    """
    config = _read_config(path) if path.suffix.lower() in SUFFIXES else None
    if config is None or (rewritten := _rewrite(config)) == config:
        yield path
        return
    import h5py  # noqa: PLC0415  # installed with Keras, and only needed here

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "net.h5")
        shutil.copyfile(path, copy)
        with h5py.File(copy, "r+") as file:
            file.attrs["model_config"] = json.dumps(rewritten)
        yield copy


def _read_config(path: Path) -> Config | None:
    """Return a net's configuration; None if the file has none."""
    import h5py  # noqa: PLC0415  # as above

    with h5py.File(path, "r") as file:
        content = file.attrs.get("model_config")
    config = None if content is None else json.loads(content)
    return config if isinstance(config, dict) else None


def _rewrite(layer: Config) -> Config:
    """Return the configuration of a layer or net as Keras 3 expects it."""
    kind, config = layer.get("class_name"), layer.get("config")
    if kind == "Sequential" and isinstance(config, list):  # Keras up to 2.2.2
        config = {"name": "sequential", "layers": config}
    if not isinstance(config, dict):
        return layer
    config = dict(config)
    if kind in _SEPARABLE and config.get("groups") == 1:
        del config["groups"]
    if kind in _MODELS and isinstance(config.get("layers"), list):
        config["layers"] = [_rewrite(inner) for inner in config["layers"]]
        if kind == "Sequential":
            config["layers"] = _with_input(config["layers"])
    return {**layer, "class_name": "Functional" if kind == "Model" else kind, "config": config}


def _with_input(layers: list[Config]) -> list[Config]:
    """Return a sequence of layers that begins with its input; Keras 2 wrote its shape into the first layer."""
    if not layers or layers[0].get("class_name") in {"InputLayer", *_MODELS}:
        return layers
    first = dict(layers[0].get("config") or {})
    shape = first.pop("batch_input_shape", None)
    if shape is None:
        return layers
    given = {"name": f"{first.get('name', 'net')}_input", "batch_shape": shape, "dtype": first.get("dtype", "float32")}
    return [{"class_name": "InputLayer", "config": given}, {**layers[0], "config": first}, *layers[1:]]
