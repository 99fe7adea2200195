"""`count_macs`, against counts by hand."""

import keras
import pytest
from keras import layers

from train.models.macs import count_macs


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.Conv2D(8, 3, padding="same"), 10 * 10 * 3 * 3 * 4 * 8),
        (layers.Conv2D(8, 3, 2), 4 * 4 * 3 * 3 * 4 * 8),
        (layers.Conv2D(8, 3, groups=2), 8 * 8 * 3 * 3 * 2 * 8),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), 8 * 8 * 3 * 3 * 4 * 2),
        (layers.SeparableConv2D(8, 3), 8 * 8 * (3 * 3 * 4 + 4 * 8)),
        (layers.Dense(6), 10 * 10 * 4 * 6),
        (layers.BatchNormalization(), 0),
        (layers.MaxPooling2D(), 0),
    ],
)
def test_layer_counts_its_kernel_at_each_position(layer, expected):
    """For an input of (10, 10, 4), a layer counts its kernel once per output position, and none without a kernel."""
    assert count_macs(keras.Sequential([keras.Input((10, 10, 4)), layer])) == expected


def test_nested_model_is_counted():
    """A model inside a model, like a pretrained base, is counted together with the layers around it."""
    base = keras.Sequential([keras.Input((10, 10, 4)), layers.Conv2D(8, 3)])
    entry = keras.Input((10, 10, 1))
    tensor = layers.GlobalAveragePooling2D()(base(layers.Conv2D(4, 1)(entry)))
    model = keras.Model(entry, layers.Dense(7)(tensor))
    assert count_macs(model) == 10 * 10 * 4 + 8 * 8 * 3 * 3 * 4 * 8 + 8 * 7
