"""Lets a net begin with what another of the same shape has learnt."""

from pathlib import Path

import keras

from edge.errors import ConfigError, ModelError
from train.checkpoint import load_checkpoint

CHECKPOINT = ".keras"


def inherit(model: keras.Model, path: Path) -> None:
    """Give `model` the weights of the checkpoint at `path`, a `.keras` file.

    Raises:
        ConfigError: it is missing, none, or of another shape.
    """
    if path.suffix != CHECKPOINT:
        raise ConfigError(
            f"--weights: expected a checkpoint ({CHECKPOINT}) of {model.name}, since nobody publishes weights of it,"
            f" found {path}: name one, or drop --weights"
        )
    try:
        weights = load_checkpoint(path).get_weights()
    except ModelError as error:
        raise ConfigError(f"--weights {path}: {error}") from error
    shapes, expected = [weight.shape for weight in weights], [weight.shape for weight in model.get_weights()]
    if shapes != expected:
        raise ConfigError(
            f"--weights {path}: expected a checkpoint of {model.name} with {model.output_shape[1]} classes, found"
            " another net's: name one of the same model and classes"
        )
    model.set_weights(weights)
