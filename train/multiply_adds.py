"""Counts the multiply-adds that a Keras model needs for one face."""

import math

import keras
from keras import layers


def multiply_adds(model: keras.Model) -> int:
    """Return the multiplications (each with its addition) of the model's convolutions and dense layers.

    A kernel is applied once at each place of the output, so the count is the kernel's size times the places. Layers
    without a kernel do not count (batch normalization is folded into the convolutions, pooling and activations are
    small beside them), nor do recurrent and attention layers, which none of our nets has.

    Args:
        model: built, of fixed height and width; nested models are counted too.
    """
    return sum(_count(layer) for layer in model.layers)


def _count(layer: keras.Layer) -> int:
    match layer:
        case keras.Model():
            return multiply_adds(layer)
        case layers.SeparableConv2D():
            kernels = [layer.depthwise_kernel, layer.pointwise_kernel]
        case layers.Conv2D() | layers.DepthwiseConv2D() | layers.Dense():
            kernels = [layer.kernel]
        case _:
            return 0
    places: int = math.prod(layer.output.shape[1:-1])
    return places * sum(int(math.prod(kernel.shape)) for kernel in kernels)
