"""The architectures, one a file: a module here with `build(classes)` is a model that can be chosen by its name."""

import importlib
import pkgutil

import keras

from edge.errors import ConfigError


def model_names() -> list[str]:
    """Return the names that `build_model` knows."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def build_model(name: str, *, classes: int) -> keras.Model:
    """Build the untrained model `name`: (B, 48, 48, 1) float32 0 ... 1 in, (B, classes) probabilities out.

    Raises:
        ConfigError: there is no such model.
    """
    if name not in model_names():
        raise ConfigError(f"unknown model {name!r}: expected one of {', '.join(model_names())}")
    model = importlib.import_module(f"{__name__}.{name}").build(classes)
    if not isinstance(model, keras.Model):
        found = type(model).__name__
        raise ConfigError(f"train/models/{name}.py: expected build() to return a keras.Model, found {found}")
    return model
