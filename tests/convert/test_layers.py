"""Which layers lose most in int8."""

import keras
import numpy as np
import pytest

from convert.export import export
from convert.layers import LayerError, layer_errors, layer_table
from convert.quantize import quantize
from convert.ranges import measure_ranges


def errors_of(model, calibration):
    """The layers' errors of a net in int8."""
    float_model = export(model)
    ranges = measure_ranges(float_model, calibration)
    return layer_errors(float_model, ranges, quantize(float_model, ranges), calibration.faces[:14])


def test_every_operation_of_a_sound_net_strays_little(float_model, ranges, int8_content, calibration):
    """Each of the graph's operations stands in the list once, the costliest first, and none costs a percent."""
    errors = layer_errors(float_model, ranges, int8_content, calibration.faces[:14])
    assert sorted(error.op for error in errors) == ["CONV_2D", "FULLY_CONNECTED", "RESHAPE", "SOFTMAX"]
    changes = [error.change for error in errors]
    assert changes == sorted(changes, reverse=True)
    assert max(changes) < 0.01
    assert all(0 <= error.noise < 0.1 for error in errors)


def test_the_layer_that_ruins_a_net_comes_first(fragile, calibration):
    """One channel of the convolution is 100,000 times larger: its output in int8 is what costs the answers.

    The reshaping beside it passes on the same tensor, and costs as much.
    """
    first, *others = errors_of(keras.models.load_model(fragile), calibration)
    assert first.op in ("CONV_2D", "RESHAPE", "FULLY_CONNECTED")
    assert first.change > 0.05
    assert {error.op: error.change for error in (first, *others)}["SOFTMAX"] < 0.01


def test_an_operation_without_int8_is_told_apart(net_with, calibration):
    """The sine stays in float32: it has no error of its own, and comes last."""
    errors = errors_of(net_with(keras.ops.sin), calibration)
    assert (errors[-1].op, errors[-1].change) == ("SIN", None)
    assert "SIN" in layer_table(errors).splitlines()[-1]


def test_the_table_has_a_line_for_each_layer():
    """Names, operations and figures stand in columns."""
    table = layer_table([LayerError("a/long/name", "CONV_2D", 0.25, 0.5), LayerError("b", "SIN", None, 0.125)])
    assert table.splitlines() == [
        "layer        operation             change alone  noise in all",
        "a/long/name  CONV_2D                    0.25000         0.500",
        "b            SIN                              -         0.125",
    ]


def test_the_figures_are_what_they_say(float_model, ranges, calibration):
    """A model compared with itself has no noise at all."""
    errors = layer_errors(float_model, ranges, float_model.content, calibration.faces[:3])
    assert all(error.noise == pytest.approx(0) for error in errors)
    assert not any(np.isnan(error.noise) for error in errors)
