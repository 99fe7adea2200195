"""Puts a net of `keras.applications` between our grey faces and our emotions."""

import contextlib
import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
from keras import layers

from edge.errors import ConfigError
from train.faces import FACE_PX

log = logging.getLogger(__name__)

BASE = "base"
"""Name of the layer that holds the published net: frozen first, then fine-tuned."""

IMAGENET = "imagenet"
DROPOUT = 0.5

SILENCE_S = 30.0
"""A server that says nothing for so many seconds is taken for gone. Keras itself would wait for ever."""

MESSAGE_LENGTH = 160
"""Characters of Keras' own words that are shown; all of them go to the log at level DEBUG."""


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
    """(B, 48, 48, 1) float32 0 ... 1 -> (B, classes) probabilities; the base's preprocessing is part of the net.

    With given weights the base's batch normalization keeps the statistics that came with them. From scratch it learns
    its own.

    Args:
        classes: how many emotions.
        weights: "" (random), "imagenet" (downloaded by Keras, once) or the path of a file, `.h5` or `.weights.h5`.
        application: a function of `keras.applications`.
        side: the faces are enlarged to this many pixels, a multiple of 48; the base wants at least 32.
        scale: the base wants 0 ... 1 times this, plus `offsets`.
        offsets: one for each of its three channels.
        name: of the model.

    Raises:
        ConfigError: the weights cannot be had, or do not fit the base.
    """
    base = _base(application, weights, side=side, model=name)
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
    """Let training leave the base as it is; what is around it learns."""
    model.get_layer(BASE).trainable = False


def thaw_base(model: keras.Model) -> None:
    """Let training go on in the base, but for its batch normalization: a few faces would spoil what millions taught.

    Keras 3 cannot be told so by `training=False` where the base is called: `fit` overrules it.
    """
    base = model.get_layer(BASE)
    base.trainable = True
    _keep_statistics(base)


def _keep_statistics(base: keras.Model) -> None:
    for layer in base.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False


def _preprocess(scale: float, offsets: Sequence[float]) -> keras.Layer:
    """Grey to three channels, scaled and shifted, as a convolution that does not learn.

    Copies, multiplied and added to, are the same in float; in int8 they are three operations that each round.
    """
    layer = layers.Conv2D(len(offsets), 1, trainable=False, name="preprocess")
    layer.build((None, None, None, 1))
    layer.set_weights([np.full((1, 1, 1, len(offsets)), scale), np.array(offsets)])
    return layer


def _base(application: Callable[..., keras.Model], weights: str, *, side: int, model: str) -> keras.Model:
    def make(source: str | None) -> keras.Model:
        return application(include_top=False, weights=source, input_shape=(side, side, 3), name=BASE)

    if weights == IMAGENET:
        try:
            with _impatient():
                return make(IMAGENET)
        except Exception as error:  # Keras wraps what went wrong in a plain Exception
            raise ConfigError(
                f"{model}: expected to download ImageNet's weights, found {_words(error)}: give a file with --weights"
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
        base.load_weights(path)
    except Exception as error:  # Keras and h5py raise whatever the file's content leads to
        raise ConfigError(
            f"--weights {path}: expected weights of {model} without its top ({base.count_params():,} numbers, .h5 or"
            f" .weights.h5), found {_words(error)}: give the file that belongs to this model"
        ) from error


def _words(error: Exception) -> str:
    log.debug("Keras says: %s", error)
    return " ".join(str(error).split())[:MESSAGE_LENGTH]


@contextlib.contextmanager
def _impatient() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
