"""`edge_accurate`: a residual net of 1.09 M parameters and 92 M multiply-adds, for the Pi 4 and 5.

See `train.models.residual` for its blocks and their origin.
"""

import keras

from train.models.residual import residual_net

CHANNELS = (40, 80, 160)


def build(classes: int) -> keras.Model:
    """Build the net: (B, 48, 48, 1) float32 0 ... 1 -> (B, classes) probabilities."""
    return residual_net(classes, channels=CHANNELS, name="edge_accurate")
