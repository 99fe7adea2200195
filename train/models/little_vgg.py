"""`little_vgg`: five blocks of two convolutions with ELU, batch normalization and max pooling, then two dense layers.

4.8 M parameters and 149 M multiply-adds. Channels double from 32 while the side shrinks from 48 to 24, 12, 6, 3 and 1;
each block and each dense layer ends with dropout. A small VGG (Simonyan and Zisserman 2014, arXiv 1409.1556) with the
exponential linear unit of Clevert et al. 2015, arXiv 1511.07289. Batch normalization comes before ELU, where the
conversion can fold it; ELU itself becomes a table of 256 values in int8.
"""

import keras
from keras import layers

CHANNELS = (32, 64, 128, 256, 512)
DENSE = (64, 64)


def build(classes: int) -> keras.Model:
    """Build the net: (B, 48, 48, 1) float32 0 ... 1 -> (B, classes) probabilities."""
    model = keras.Sequential([keras.Input((48, 48, 1), name="face")], name="little_vgg")
    for channels in CHANNELS:
        for _ in range(2):
            model.add(layers.Conv2D(channels, 3, padding="same", use_bias=False, kernel_initializer="he_normal"))
            model.add(layers.BatchNormalization())
            model.add(layers.ELU())
        model.add(layers.MaxPooling2D())
        model.add(layers.Dropout(0.2))
    model.add(layers.Flatten())
    for units in DENSE:
        model.add(layers.Dense(units, use_bias=False, kernel_initializer="he_normal"))
        model.add(layers.BatchNormalization())
        model.add(layers.ELU())
        model.add(layers.Dropout(0.5))
    model.add(layers.Dense(classes, activation="softmax", dtype="float32", name="probabilities"))
    return model
