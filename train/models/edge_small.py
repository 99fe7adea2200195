"""`edge_small`: a residual net of 0.39 M parameters and 33 M multiply-adds, for the smallest boards.

See `train.models.residual` for its blocks and their origin.
"""

import keras

from train.models.residual import residual_net

CHANNELS = (24, 48, 96)


def build(classes: int) -> keras.Model:
    """Build the net: (B, 48, 48, 1) float32 0 ... 1 -> (B, classes) probabilities."""
    return residual_net(classes, channels=CHANNELS, name="edge_small")
