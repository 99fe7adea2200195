"""The architectures, one a file: a module here with `build(classes)` is a model that can be chosen by its name.

A net that can start from published weights has `build(classes, weights)`, and holds what they belong to as one layer
named "base" (see `train.pretrained`).
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ConfigError, EdgeError
from train.faces import FACE_PX

if TYPE_CHECKING:
    import keras


def model_names() -> list[str]:
    """Return the names that `build_model` knows."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def build_model(name: str, *, classes: int, weights: str = "") -> "keras.Model":
    """Build the model `name`: (B, 48, 48, 1) float32 0 ... 1 in, (B, classes) float32 probabilities out.

    Args:
        name: one of `model_names()`.
        classes: how many emotions.
        weights: what the net's base starts from: "" (random), "imagenet" (Keras downloads them once) or the path of a
            file of weights as `keras.applications` publishes them without their top. For a net without a base: the
            checkpoint (`.keras`) of another run of it.

    Raises:
        ConfigError: there is no such model, its file is broken, or the weights cannot be had or do not fit.
    """
    if name not in model_names():
        raise ConfigError(f"unknown model {name!r}: expected one of {', '.join(model_names())}")
    file = f"train/models/{name}.py"
    build = _find_build(name, file)
    takes_weights = "weights" in inspect.signature(build).parameters
    try:
        model = build(classes, weights) if takes_weights else build(classes)
    except EdgeError:
        raise
    except Exception as error:  # whatever a user's file may do
        raise _broken(file, "a build() that returns a keras.Model", error) from error
    _check(model, file, classes)
    if weights and not takes_weights:
        from train.inherit import inherit  # noqa: PLC0415  # as below

        inherit(model, Path(weights))
    return model


def _find_build(name: str, file: str) -> "Callable[..., keras.Model]":
    try:
        module = importlib.import_module(f"{__name__}.{name}")
    except Exception as error:  # whatever a user's file may do
        raise _broken(file, "a file that can be imported", error) from error
    build: Callable[..., keras.Model] | None = getattr(module, "build", None)
    if not callable(build):
        raise ConfigError(f"{file}: expected a function build(classes), found none: see train/models/cnn.py")
    return build


def _broken(file: str, expected: str, error: Exception) -> ConfigError:
    first, _, _ = str(error).strip().partition("\n")
    return ConfigError(f"{file}: expected {expected}, found {type(error).__name__} ({first}): --debug shows where")


def _check(model: object, file: str, classes: int) -> None:
    import keras  # noqa: PLC0415  # takes seconds: a command's --help lists the names and does not wait

    if not isinstance(model, keras.Model):
        found = type(model).__name__
        raise ConfigError(f"{file}: expected build() to return a keras.Model, found {found}: see train/models/cnn.py")
    for end, expected in (("input", (None, FACE_PX, FACE_PX, 1)), ("output", (None, classes))):
        shape = getattr(model, f"{end}_shape", None)  # a subclassed model has none before its first call
        if shape != expected:
            raise ConfigError(f"{file}: expected an {end} of shape {expected}, found {shape}: change build()")
