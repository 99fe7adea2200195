"""`mini_xception`: four residual blocks of separable convolutions, with global pooling instead of dense layers.

0.058 M parameters and 5.5 M multiply-adds: the smallest of all. After Arriaga et al. 2017, arXiv 1710.07557.
"""

import keras
from keras import layers

STEM = (8, 8)
CHANNELS = (16, 32, 64, 128)


def build(classes: int) -> keras.Model:
    """Build the net: (B, 48, 48, 1) float32 0 ... 1 -> (B, classes) probabilities."""
    face = keras.Input((48, 48, 1), name="face")
    tensor = face
    for channels in STEM:
        tensor = layers.Conv2D(channels, 3, use_bias=False)(tensor)
        tensor = layers.ReLU()(layers.BatchNormalization()(tensor))
    for channels in CHANNELS:
        tensor = _residual(tensor, channels)
    tensor = layers.Conv2D(classes, 3, padding="same")(tensor)
    tensor = layers.GlobalAveragePooling2D(dtype="float32")(tensor)
    probabilities = layers.Softmax(dtype="float32", name="probabilities")(tensor)
    return keras.Model(face, probabilities, name="mini_xception")


def _residual(tensor: keras.KerasTensor, channels: int) -> keras.KerasTensor:
    shortcut = layers.Conv2D(channels, 1, 2, use_bias=False)(tensor)
    shortcut = layers.BatchNormalization()(shortcut)
    tensor = layers.SeparableConv2D(channels, 3, padding="same", use_bias=False)(tensor)
    tensor = layers.ReLU()(layers.BatchNormalization()(tensor))
    tensor = layers.SeparableConv2D(channels, 3, padding="same", use_bias=False)(tensor)
    tensor = layers.BatchNormalization()(tensor)
    tensor = layers.MaxPooling2D(3, 2, padding="same")(tensor)
    return layers.Add()([shortcut, tensor])
