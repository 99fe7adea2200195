"""`resnet50v2`: the ResNet50V2 of `keras.applications`, for transfer learning.

23.6 M parameters and 639 M multiply-adds. Faces are enlarged to 96 x 96: the net divides the side by 32, which would
leave only 2 x 2 positions of 48, and its first filters expect long edges. He et al. 2016, arXiv 1603.05027.
"""

import keras

from train.pretrained import pretrained_net


def build(classes: int, weights: str = "") -> keras.Model:
    """Build the net: (B, 48, 48, 1) float32 0 ... 1 -> (B, classes) probabilities."""
    return pretrained_net(
        classes,
        weights,
        application=keras.applications.ResNet50V2,
        side=96,
        scale=2.0,
        offsets=(-1.0, -1.0, -1.0),
        name="resnet50v2",
    )
