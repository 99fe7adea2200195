"""`vgg16`: the VGG16 of `keras.applications`, for transfer learning.

14.7 M parameters and 705 M multiply-adds. Faces stay at 48 x 48, of which five poolings leave one position; twice the
side would take four times as long. Start it from given weights: it has no batch normalization, and its authors found
that a bad initialization stalls learning. Net and preprocessing: Simonyan and Zisserman 2014, arXiv 1409.1556.
"""

import keras

from train.pretrained import pretrained_net

BLUE, GREEN, RED = 103.939, 116.779, 123.68
"""Means of ImageNet's channels, to subtract from 0 ... 255 in this order. Source: Caffe's VGG16."""


def build(classes: int, weights: str = "") -> keras.Model:
    """Build the net: (B, 48, 48, 1) float32 0 ... 1 -> (B, classes) probabilities."""
    return pretrained_net(
        classes,
        weights,
        application=keras.applications.VGG16,
        side=48,
        scale=255.0,
        offsets=(-BLUE, -GREEN, -RED),
        name="vgg16",
    )
