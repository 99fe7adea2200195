"""`edge_small`: a residual net of 0.39 M parameters and 33 M multiply-adds, for the smallest boards.

Plain convolutions, batch normalization (folded away by the conversion) and ReLU: operations that lose next to nothing
in int8 and that XNNPACK runs as one delegated graph. Shape after He et al. 2015, arXiv 1512.03385.
"""

import keras
from keras import layers

STAGES = ((24, 1), (48, 2), (96, 2))
"""(channels, stride of the first block) of each stage; the stem has halved 48 x 48 to 24 x 24 by then."""

BLOCKS = 2
DROPOUT = 0.3


def build(classes: int) -> keras.Model:
    """(B, 48, 48, 1) -> (B, classes) probabilities."""
    face = keras.Input((48, 48, 1), name="face")
    tensor = _convolve(face, STAGES[0][0], stride=2)
    for channels, stride in STAGES:
        for block in range(BLOCKS):
            tensor = _residual(tensor, channels, stride=stride if block == 0 else 1)
    tensor = layers.GlobalAveragePooling2D()(tensor)
    tensor = layers.Dropout(DROPOUT)(tensor)
    probabilities = layers.Dense(classes, activation="softmax", dtype="float32", name="probabilities")(tensor)
    return keras.Model(face, probabilities, name="edge_small")


def _convolve(tensor: keras.KerasTensor, channels: int, *, stride: int = 1, size: int = 3) -> keras.KerasTensor:
    tensor = layers.Conv2D(channels, size, stride, padding="same", use_bias=False)(tensor)
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
