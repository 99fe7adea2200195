"""The architectures, one per file: every module here with `build(classes)` can be chosen by its name.

A net that can start from published weights has `build(classes, weights)`, and contains the pretrained part as a layer
named "base" (see `train.pretrained`).
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ConfigError, EdgeError
from train.data.faces import FACE_PX

if TYPE_CHECKING:
    import keras


NOT_MODELS = frozenset({"macs", "residual"})
"""Modules of this package that are not architectures."""


def model_names() -> list[str]:
    """Return the names that `build_model` accepts."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in NOT_MODELS)


def build_model(name: str, *, classes: int, weights: str = "") -> "keras.Model":
    """Build the model `name`: (B, 48, 48, 1) float32 0 ... 1 in, (B, classes) float32 probabilities out.

    Args:
        name: one of `model_names()`.
        classes: number of emotions.
        weights: initial weights. For the base of a transfer model "" (random), "imagenet" (downloaded once by Keras) or
            the path of a file of weights as `keras.applications` publishes them without top; for another net the
            checkpoint (`.keras`) of another run of it.

    Raises:
        ConfigError: there is no such model, its file is broken, or the weights cannot be loaded.
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
    except Exception as error:  # a user's file may raise anything
        raise _broken(file, "a build() that returns a keras.Model", error) from error
    _check(model, file, classes)
    if weights and not takes_weights:
        from train.pretrained import load_own_weights  # noqa: PLC0415  # imports Keras, which takes seconds

        load_own_weights(model, Path(weights))
    return model


def _find_build(name: str, file: str) -> "Callable[..., keras.Model]":
    try:
        module = importlib.import_module(f"{__name__}.{name}")
    except Exception as error:  # a user's file may raise anything
        raise _broken(file, "a file that can be imported", error) from error
    build: Callable[..., keras.Model] | None = getattr(module, "build", None)
    if not callable(build):
        raise ConfigError(f"{file}: expected a function build(classes), found none: see train/models/cnn.py")
    return build


def _broken(file: str, expected: str, error: Exception) -> ConfigError:
    first, _, _ = str(error).strip().partition("\n")
    return ConfigError(f"{file}: expected {expected}, found {type(error).__name__} ({first}): --debug shows where")


def _check(model: object, file: str, classes: int) -> None:
    import keras  # noqa: PLC0415  # takes seconds to import, and --help needs only the names

    if not isinstance(model, keras.Model):
        found = type(model).__name__
        raise ConfigError(f"{file}: expected build() to return a keras.Model, found {found}: see train/models/cnn.py")
    for end, expected in (("input", (None, FACE_PX, FACE_PX, 1)), ("output", (None, classes))):
        shape = getattr(model, f"{end}_shape", None)  # a subclassed model has none before its first call
        if shape != expected:
            raise ConfigError(f"{file}: expected an {end} of shape {expected}, found {shape}: change build()")
