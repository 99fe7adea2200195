"""Counts the multiply-accumulate operations (MACs) that a Keras model needs for one face."""

import math

import keras
from keras import layers


def count_macs(model: keras.Model) -> int:
    """Return the multiplications (each with its addition) of the model's convolutions and dense layers.

    A kernel is applied once at each position of the output, so its count is the kernel's size times the positions.
    Layers without a kernel are ignored (batch normalization is folded into convolutions; pooling and activations cost
    little), and so are recurrent and attention layers, which no architecture here has.

    Args:
        model: built, with a fixed height and width; nested models are counted too.
    """
    return sum(_count(layer) for layer in model.layers)


def _count(layer: keras.Layer) -> int:
    match layer:
        case keras.Model():
            return count_macs(layer)
        case layers.SeparableConv2D():
            kernels = [layer.depthwise_kernel, layer.pointwise_kernel]
        case layers.Conv2D() | layers.DepthwiseConv2D() | layers.Dense():
            kernels = [layer.kernel]
        case _:
            return 0
    positions: int = math.prod(layer.output.shape[1:-1])
    return positions * sum(int(math.prod(kernel.shape)) for kernel in kernels)
