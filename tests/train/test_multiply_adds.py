"""The count of multiply-adds, against counts by hand."""

import keras
import pytest
from keras import layers

from train.multiply_adds import multiply_adds


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
def test_a_layer_counts_its_kernel_once_at_each_place(layer, expected):
    """(10, 10, 4) goes in."""
    assert multiply_adds(keras.Sequential([keras.Input((10, 10, 4)), layer])) == expected


def test_a_nested_model_is_counted_with_what_is_around_it():
    """As the pretrained nets hold their base."""
    base = keras.Sequential([keras.Input((10, 10, 4)), layers.Conv2D(8, 3)])
    entry = keras.Input((10, 10, 1))
    tensor = layers.GlobalAveragePooling2D()(base(layers.Conv2D(4, 1)(entry)))
    model = keras.Model(entry, layers.Dense(7)(tensor))
    assert multiply_adds(model) == 10 * 10 * 4 + 8 * 8 * 3 * 3 * 4 * 8 + 8 * 7
