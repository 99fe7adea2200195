"""The residual net of which `edge_small` and `edge_accurate` are two sizes.

It uses plain convolutions, batch normalization (which the conversion folds) and ReLU: operations that lose almost no
accuracy in int8, and that XNNPACK runs as one delegated graph. Architecture after He et al. 2015, arXiv 1512.03385.
"""

import keras
from keras import layers

BLOCKS = 2
"""Residual blocks per stage; the first block of each stage after the first halves height and width."""

DROPOUT = 0.3


def residual_net(classes: int, *, channels: tuple[int, ...], name: str) -> keras.Model:
    """Build the net: (B, 48, 48, 1) float32 0 ... 1 -> (B, classes) probabilities.

    Args:
        classes: number of emotions.
        channels: of each stage. The first works on 24 x 24 (the stem halves 48 x 48), each later one on half the size.
        name: of the model.
    """
    face = keras.Input((48, 48, 1), name="face")
    tensor = _convolve(face, channels[0], stride=2)
    for stage, width in enumerate(channels):
        for block in range(BLOCKS):
            tensor = _residual(tensor, width, stride=2 if stage > 0 and block == 0 else 1)
    tensor = layers.GlobalAveragePooling2D()(tensor)
    tensor = layers.Dropout(DROPOUT)(tensor)
    probabilities = layers.Dense(classes, activation="softmax", dtype="float32", name="probabilities")(tensor)
    return keras.Model(face, probabilities, name=name)


def _convolve(tensor: keras.KerasTensor, channels: int, *, stride: int = 1) -> keras.KerasTensor:
    tensor = layers.Conv2D(channels, 3, stride, padding="same", use_bias=False)(tensor)
    return layers.ReLU()(layers.BatchNormalization()(tensor))


def _residual(tensor: keras.KerasTensor, channels: int, *, stride: int) -> keras.KerasTensor:
    shortcut = tensor
    if stride != 1 or tensor.shape[-1] != channels:
        shortcut = layers.Conv2D(channels, 1, stride, use_bias=False)(shortcut)
        shortcut = layers.BatchNormalization()(shortcut)
    tensor = _convolve(tensor, channels, stride=stride)
    tensor = layers.Conv2D(channels, 3, padding="same", use_bias=False)(tensor)
    tensor = layers.BatchNormalization()(tensor)
    return layers.ReLU()(layers.Add()([shortcut, tensor]))
