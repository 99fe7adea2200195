"""`vgg16`: the VGG16 of `keras.applications`, for transfer learning.

14.7 M parameters and 705 M multiply-adds. The faces stay at 48 x 48, of which its five poolings leave one place; twice
the side would cost four times the time. Made to start from given weights: it has no batch normalization, and its
authors found that a bad start stalls it. Shape and preprocessing: Simonyan and Zisserman 2014, arXiv 1409.1556.
"""

import keras

from train.pretrained import pretrained_net

BLUE, GREEN, RED = 103.939, 116.779, 123.68
"""Means of ImageNet's channels, which the net wants taken from 0 ... 255, in this order. Source: Caffe's VGG16."""


def build(classes: int, weights: str = "") -> keras.Model:
    """(B, 48, 48, 1) float32 0 ... 1 -> (B, classes) probabilities."""
    return pretrained_net(
        classes,
        weights,
        application=keras.applications.VGG16,
        side=48,
        scale=255.0,
        offsets=(-BLUE, -GREEN, -RED),
        name="vgg16",
    )
