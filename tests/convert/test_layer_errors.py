"""The measurement of what int8 costs at each operation."""

import keras
import numpy as np
import pytest

from convert.layer_errors import LayerError, layer_table, measure_layer_errors
from convert.quantize import quantize
from convert.ranges import measure_ranges
from convert.tensorflow_converter import export

pytestmark = pytest.mark.slow


def errors_of(model, calibration):
    """Return the layer errors of a Keras model in int8."""
    float_model = export(model)
    ranges = measure_ranges(float_model, calibration)
    return measure_layer_errors(float_model, ranges, quantize(float_model, ranges), calibration.faces[:14])


def test_every_operation_of_a_sound_net_has_a_small_error(float_model, ranges, int8_content, calibration):
    """Each operation of a sound net is listed once, the costliest first, and none costs a percent."""
    errors = measure_layer_errors(float_model, ranges, int8_content, calibration.faces[:14])
    assert sorted(error.op for error in errors) == ["CONV_2D", "FULLY_CONNECTED", "RESHAPE", "SOFTMAX"]
    changes = [error.change for error in errors]
    assert changes == sorted(changes, reverse=True)
    assert min(changes) > 0
    assert max(changes) < 0.01
    assert all(0 <= error.noise < 0.1 for error in errors)


def test_the_layer_that_ruins_a_net_comes_first(fragile, calibration):
    """The convolution with a channel 100,000 times larger, or an operation that reads it, has the largest error.

    Reshape and dense layer read the same tensor in int8, so they cost as much.
    """
    first, *others = errors_of(keras.models.load_model(fragile), calibration)
    assert first.op in ("CONV_2D", "RESHAPE", "FULLY_CONNECTED")
    assert first.change > 0.05
    assert {error.op: error.change for error in (first, *others)}["SOFTMAX"] < 0.01


@pytest.mark.parametrize(("operation", "op"), [(keras.ops.sin, "SIN"), (keras.layers.ELU(), "ELU")])
def test_an_operation_without_int8_has_no_error_of_its_own(net_with, calibration, operation, op):
    """An operation that the converter leaves in float32 has no change, comes last, and does not disturb the others."""
    errors = errors_of(net_with(operation), calibration)
    assert (errors[-1].op, errors[-1].change) == (op, None)
    assert all(0 < error.change < 0.01 for error in errors[:-1])
    assert op in layer_table(errors).splitlines()[-1]


def test_the_table_has_a_line_for_each_layer():
    """The table has names, operations and figures in columns."""
    table = layer_table([LayerError("a/long/name", "CONV_2D", 0.25, 0.5), LayerError("b", "SIN", None, 0.125)])
    assert table.splitlines() == [
        "layer        operation             change alone  noise in all",
        "a/long/name  CONV_2D                    0.25000         0.500",
        "b            SIN                              -         0.125",
    ]


def test_a_model_has_no_noise_against_itself(float_model, ranges, calibration):
    """The noise of a float32 model that stands in for the int8 model is zero at every operation."""
    errors = measure_layer_errors(float_model, ranges, float_model.content, calibration.faces[:3])
    assert all(error.noise == pytest.approx(0) for error in errors)
    assert not any(np.isnan(error.noise) for error in errors)
