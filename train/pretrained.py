"""Transfer learning: nets on a base of `keras.applications`, and starting from another run's checkpoint."""

import contextlib
import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
from keras import layers

from edge.errors import ConfigError, ModelError
from train.checkpoint import load_checkpoint
from train.data.faces import FACE_PX
from train.keras_file import limited_loading

log = logging.getLogger(__name__)

BASE = "base"
"""Name of the layer that contains the pretrained net, which is first frozen, then fine-tuned."""

IMAGENET = "imagenet"
DROPOUT = 0.5

DOWNLOAD_TIMEOUT_S = 30.0
"""Seconds without data after which a download fails; Keras itself has no timeout."""

MAX_MESSAGE_LENGTH = 160
"""Longest part of Keras' message in an error; the whole message goes to the log at level DEBUG."""


def pretrained_net(
    classes: int,
    weights: str,
    *,
    application: Callable[..., keras.Model],
    side: int,
    scale: float,
    offsets: Sequence[float],
    name: str,
) -> keras.Model:
    """Build a net on a pretrained base: (B, 48, 48, 1) float32 0 ... 1 -> (B, classes) probabilities.

    The base's preprocessing is part of the net. With given weights, the base's batch normalization keeps their
    statistics; from scratch it learns its own.

    Args:
        classes: number of emotions.
        weights: "" (random), "imagenet" (downloaded once by Keras) or the path of a `.h5` or `.weights.h5` file.
        application: a function of `keras.applications`.
        side: size to which faces are enlarged, px; a multiple of 48. The bases need at least 32.
        scale: the base takes 0 ... 1 times this, plus `offsets`.
        offsets: one for each of its three channels.
        name: of the model.

    Raises:
        ConfigError: the weights cannot be loaded or downloaded.
    """
    base = _build_base(application, weights, side=side, model=name)
    if weights:
        _keep_statistics(base)
    face = keras.Input((FACE_PX, FACE_PX, 1), name="face")
    tensor = face
    if side != FACE_PX:
        tensor = layers.UpSampling2D(side // FACE_PX, interpolation="bilinear")(tensor)
    tensor = base(_preprocess(scale, offsets)(tensor))
    tensor = layers.GlobalAveragePooling2D()(tensor)
    tensor = layers.Dropout(DROPOUT)(tensor)
    probabilities = layers.Dense(classes, activation="softmax", dtype="float32", name="probabilities")(tensor)
    return keras.Model(face, probabilities, name=name)


def freeze_base(model: keras.Model) -> None:
    """Exclude the base from training; the layers around it learn."""
    model.get_layer(BASE).trainable = False


def thaw_base(model: keras.Model) -> None:
    """Include the base in training, except its batch normalization, whose statistics few faces would ruin.

    Calling the base with `training=False` would not do: Keras 3's `fit` overrides it.
    """
    base = model.get_layer(BASE)
    base.trainable = True
    _keep_statistics(base)


def _keep_statistics(base: keras.Model) -> None:
    for layer in base.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False


def _preprocess(scale: float, offsets: Sequence[float]) -> keras.Layer:
    """Return a fixed convolution that turns gray into three channels, scaled and shifted.

    Separate copy, multiply and add operations would compute the same in float, but in int8 each of them rounds.
    """
    layer = layers.Conv2D(len(offsets), 1, trainable=False, name="preprocess")
    layer.build((None, None, None, 1))
    layer.set_weights([np.full((1, 1, 1, len(offsets)), scale), np.array(offsets)])
    return layer


def _build_base(application: Callable[..., keras.Model], weights: str, *, side: int, model: str) -> keras.Model:
    def make(source: str | None) -> keras.Model:
        return application(include_top=False, weights=source, input_shape=(side, side, 3), name=BASE)

    if weights == IMAGENET:
        try:
            with _download_timeout():
                return make(IMAGENET)
        except Exception as error:  # Keras wraps every failure in a plain Exception
            raise ConfigError(
                f"{model}: expected to download ImageNet's weights, found {_shorten(error)}: give a file with --weights"
                " PATH, or train from scratch without --weights"
            ) from error
    base = make(None)
    if weights:
        _load(base, Path(weights), model)
    return base


def _load(base: keras.Model, path: Path, model: str) -> None:
    if not path.is_file():
        raise ConfigError(f"--weights {path}: expected a file of weights (or {IMAGENET}), found none: check the path")
    try:
        with limited_loading(path):
            base.load_weights(path)
    except Exception as error:  # Keras and h5py raise many kinds for a wrong file
        raise ConfigError(
            f"--weights {path}: expected weights of {model} without its top ({base.count_params():,} numbers, .h5 or"
            f" .weights.h5), found {_shorten(error)}: give the file of this model"
        ) from error


def _shorten(error: Exception) -> str:
    log.debug("error of Keras: %s", error)
    return " ".join(str(error).split())[:MAX_MESSAGE_LENGTH]


@contextlib.contextmanager
def _download_timeout() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


CHECKPOINT_SUFFIX = ".keras"


def load_own_weights(model: keras.Model, path: Path) -> None:
    """Load the weights of another run's checkpoint of the same net into `model`.

    Raises:
        ConfigError: `path` is no `.keras` checkpoint, or one of another net.
    """
    if path.suffix != CHECKPOINT_SUFFIX:
        raise ConfigError(
            f"--weights: expected a checkpoint ({CHECKPOINT_SUFFIX}) of {model.name}, which has no published weights,"
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
            " another net: name one of the same model and classes"
        )
    model.set_weights(weights)
