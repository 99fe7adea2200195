"""`cnn`: the textbook net (convolution, pooling, dropout, dense), to learn from and to compare with.

0.88 M parameters and 86 M multiply-adds. Three blocks of two 3x3 convolutions with batch normalization and ReLU, each
followed by max pooling, then one dense layer: a small VGG (Simonyan and Zisserman 2014, arXiv 1409.1556).
"""

import keras
from keras import layers

CHANNELS = (32, 64, 128)


def build(classes: int) -> keras.Model:
    """Build the net: (B, 48, 48, 1) float32 0 ... 1 -> (B, classes) probabilities."""
    model = keras.Sequential([keras.Input((48, 48, 1), name="face")], name="cnn")
    for channels in CHANNELS:
        for _ in range(2):
            model.add(layers.Conv2D(channels, 3, padding="same", use_bias=False))
            model.add(layers.BatchNormalization())
            model.add(layers.ReLU())
        model.add(layers.MaxPooling2D())
        model.add(layers.Dropout(0.25))
    model.add(layers.Flatten())
    model.add(layers.Dense(128, activation="relu"))
    model.add(layers.Dropout(0.5))
    model.add(layers.Dense(classes, activation="softmax", dtype="float32", name="probabilities"))
    return model
