"""Equalises the channels between two layers, so that one int8 scale fits them all.

Making a channel s times smaller before a ReLU, and the weights that read it s times larger, changes no prediction. But
it changes the loss in int8: all channels of an activation share one scale, and next to a channel that is a thousand
times larger the others round to zero.

Source: Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", arXiv 1906.04721.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import TypeAlias

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

log = logging.getLogger(__name__)

PASSES = 20
"""Largest number of passes over all pairs: a change at one pair can make another one at the next."""

SPREAD = 3.0
"""Deviations that count as the reach of a batch normalization, whose outputs have mean beta and deviation gamma.

Source: Nagel et al. 2019, section 4.2.1.
"""

Producer: TypeAlias = layers.BatchNormalization | layers.Conv2D | layers.DepthwiseConv2D | layers.Dense
Consumer: TypeAlias = layers.Conv2D | layers.DepthwiseConv2D | layers.SeparableConv2D | layers.Dense

EQUIVARIANT = (
    layers.MaxPooling2D,
    layers.AveragePooling2D,
    layers.GlobalMaxPooling2D,
    layers.GlobalAveragePooling2D,
    layers.ZeroPadding2D,
    layers.Dropout,
    layers.Flatten,
)
"""Layers that treat each channel alone and scale with it: f(s x) = s f(x)."""

HOMOGENEOUS = (keras.activations.relu, keras.activations.leaky_relu, keras.activations.linear)
"""Activations that scale with their input: f(s x) = s f(x) for s > 0."""


def equalise(model: keras.Model) -> keras.Model:
    """Return a copy of `model` with equalised channels and exactly the same predictions.

    The factors are powers of two, so that no float32 is rounded. A pair is a convolution (with or without batch
    normalization) or dense layer, and the one convolution or dense layer that reads its output. An output that is
    added to another tensor, or that two layers read, is left as it is.
    """
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    pairs = list(_pairs(copy))
    changed = [False] * len(pairs)
    for _ in range(PASSES):
        now = [_balance(producer, consumer) for producer, consumer in pairs]
        changed = [before or after for before, after in zip(changed, now, strict=True)]
        if not any(now):
            break
    log.info("equalised: %d of %d pairs of layers", sum(changed), len(pairs))
    return copy


def _balance(producer: Producer, consumer: Consumer) -> bool:
    """Make each channel's reach and the largest weight that reads it equal; return False if nothing changed."""
    reach = _reach(producer)
    variable = consumer.depthwise_kernel if isinstance(consumer, layers.SeparableConv2D) else consumer.kernel
    kernel = np.asarray(variable)
    # Rows of a dense layer after Flatten are (place, channel); those of a convolution are (height, width, channel).
    by_channel = kernel.reshape(-1, len(reach), kernel.shape[-1])
    weights = np.abs(by_channel).max(axis=(0, 2))
    alive = (reach > 0) & (weights > 0)
    if not alive.any():
        return False
    logarithms = np.log2(np.where(alive, reach, 1.0) / np.where(alive, weights, 1.0)) / 2
    logarithms -= logarithms[alive].mean()
    factors = np.where(alive, np.exp2(np.rint(logarithms)), 1.0).astype(np.float32)
    if (factors == 1).all():
        return False
    variable.assign((by_channel * factors[:, np.newaxis]).reshape(kernel.shape))
    _divide(producer, factors)
    return True


def _reach(producer: Producer) -> NDArray[np.float64]:
    """Return the (C,) largest values of each channel, up to a factor common to all."""
    if isinstance(producer, layers.BatchNormalization):
        return np.abs(_float64(producer.beta)) + SPREAD * np.abs(_float64(producer.gamma))
    kernel = np.abs(_float64(producer.kernel))
    outgoing = 2 if isinstance(producer, layers.DepthwiseConv2D) else kernel.ndim - 1
    reach: NDArray[np.float64] = kernel.max(axis=tuple(axis for axis in range(kernel.ndim) if axis != outgoing))
    return reach


def _divide(producer: Producer, factors: NDArray[np.float32]) -> None:
    """Divide each output channel of `producer` by its factor."""
    if isinstance(producer, layers.BatchNormalization):
        scaled = [producer.gamma, producer.beta]
    else:
        depthwise = isinstance(producer, layers.DepthwiseConv2D)
        producer.kernel.assign(np.asarray(producer.kernel) / (factors[:, np.newaxis] if depthwise else factors))
        scaled = [producer.bias] if producer.use_bias else []
    for variable in scaled:
        variable.assign(np.asarray(variable) / factors)


def _pairs(model: keras.Model) -> Iterator[tuple[Producer, Consumer]]:
    """Yield the pairs of layers with only equivariant layers and homogeneous activations between them."""
    readers = _readers(model)
    for operation in readers:
        if isinstance(operation, keras.Model):
            yield from _pairs(operation)
        elif _is_producer(operation):
            consumer = _find_consumer(operation, readers)
            if consumer is not None:
                yield operation, consumer


def _readers(model: keras.Model) -> dict[keras.Operation, list[keras.Operation]]:
    """Return, for each operation of `model`, those that read its output; the model itself stands for its caller."""
    if isinstance(model, keras.Sequential):
        return {layer: [reader] for layer, reader in pairwise([*model.layers, model])}
    readers_of = defaultdict(list)
    for operation in model.operations:
        for tensor in keras.tree.flatten(operation.input):
            readers_of[id(tensor)].append(operation)
    for tensor in model.outputs:
        readers_of[id(tensor)].append(model)
    return {
        operation: [reader for tensor in keras.tree.flatten(operation.output) for reader in readers_of[id(tensor)]]
        for operation in model.operations
    }


def _find_consumer(producer: Producer, readers: dict[keras.Operation, list[keras.Operation]]) -> Consumer | None:
    """Return the layer that reads the output of `producer`; None if it is not the only one, or cannot be scaled."""
    layer = producer
    while len(readers.get(layer, ())) == 1:
        (layer,) = readers[layer]
        if _is_consumer(layer):
            return layer
        if not _lets_through(layer):
            break
    return None


def _is_producer(layer: keras.Operation) -> bool:
    match layer:
        case layers.BatchNormalization():
            return bool(layer.scale and layer.center and layer.axis in (-1, len(layer.output.shape) - 1))
        case layers.DepthwiseConv2D() if layer.depth_multiplier > 1:
            return False
        case layers.Conv2D() | layers.DepthwiseConv2D() | layers.Dense():
            return layer.activation in HOMOGENEOUS
    return False


def _is_consumer(layer: keras.Operation) -> bool:
    if isinstance(layer, layers.Conv2D):
        return bool(layer.groups == 1)
    return isinstance(layer, layers.DepthwiseConv2D | layers.SeparableConv2D | layers.Dense)


def _lets_through(layer: keras.Operation) -> bool:
    if isinstance(layer, layers.ReLU):
        return layer.max_value is None and not layer.threshold
    if isinstance(layer, layers.Activation):
        return layer.activation in HOMOGENEOUS
    return isinstance(layer, (*EQUIVARIANT, layers.LeakyReLU))


def _float64(variable: keras.Variable) -> NDArray[np.float64]:
    return np.asarray(variable.numpy(), dtype=np.float64)
