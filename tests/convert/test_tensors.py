"""A converted model stores what its precision says, or is refused by the tensor's name."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from convert.export import export
from convert.quantize import quantize
from convert.ranges import measure_ranges
from convert.tensors import check_tensors
from edge.errors import ModelError
from edge.labels import CLASS_SETS, EMOTIONS
from edge.manifest import InputSpec, TensorSpec

OURS = InputSpec()
FLOAT = TensorSpec("float32", 0.0, 0)


def int8_of(model, calibration):
    """A net's int8 form."""
    float_model = export(model)
    return quantize(float_model, measure_ranges(float_model, calibration))


def check(content, labels=EMOTIONS, precision="int8", entry=OURS):
    return check_tensors(content, labels, precision=precision, entry=entry)


def test_a_full_int8_model_passes(int8_content):
    """Both ends come back as the manifest needs them."""
    ends = check(int8_content)
    assert ends.input == TensorSpec("int8", pytest.approx(1 / 255, rel=1e-5), -128)
    assert ends.output == TensorSpec("int8", 1 / 256, -128)


@pytest.mark.parametrize("precision", ["int8-float-io", "dynamic", "float16", "float32"])
def test_each_precision_passes_as_itself_alone(float_model, ranges, precision):
    """What was asked for is what came out: every other expectation refuses it."""
    content = quantize(float_model, ranges, precision=precision)
    ends = check(content, precision=precision)
    assert (ends.input, ends.output) == (FLOAT, FLOAT)
    for other in {"int8", "int8-float-io", "dynamic", "float16", "float32"} - {precision}:
        with pytest.raises(ModelError, match="expected"):
            check(content, precision=other)


def test_a_model_with_float_ends_is_refused(float_content, calibration):
    """The classic: int8 inside, and quietly float at both ends, for any number of faces."""
    with pytest.raises(ModelError, match="input: expected"):
        check(float_content(optimize=True, calibration=calibration.faces))


def test_an_int8_model_with_float_ends_is_refused_as_int8(float_model, ranges):
    """One face at a time, and still the type is wrong."""
    with pytest.raises(ModelError, match="input: expected int8, found float32: quantize the whole net"):
        check(quantize(float_model, ranges, precision="int8-float-io"))


def test_a_float_step_inside_is_refused(float_inside):
    """Both ends are int8 and the converter was content, but one operation runs in float: its tensor is named."""
    with pytest.raises(ModelError, match=r"tensor \S+: expected int8 .* found float32"):
        check(float_inside)


def test_other_bytes_are_refused():
    """Random bytes are no model."""
    with pytest.raises(ModelError, match="expected a TFLite model"):
        check(np.random.default_rng(0).bytes(4000))


def test_labels_must_fit_the_output(int8_content):
    """Five names for seven answers."""
    with pytest.raises(ModelError, match=r"output: expected the shape \(1, 5\), found \(1, 7\)"):
        check(int8_content, CLASS_SETS[5])


def test_the_side_must_fit_the_input(int8_content):
    """The checkpoint took 64 pixels, the file takes 48."""
    with pytest.raises(ModelError, match=r"input: expected the shape \(1, 64, 64, 1\), found \(1, 48, 48, 1\)"):
        check(int8_content, entry=InputSpec(size=64))


def test_a_calibration_short_of_white_is_refused(trained, calibration):
    """With another input scale the runtime's cheap path would be wrong."""
    dim = replace(calibration, faces=calibration.faces * np.float32(0.8))
    with pytest.raises(ModelError, match=r"input: expected scale 0\.00392157 with zero point -128"):
        check(int8_of(trained.model, dim))


@pytest.mark.parametrize("value_range", [(-1.0, 1.0), (0.0, 255.0)])
def test_other_value_ranges_fill_the_int8_too(trained, calibration, value_range):
    """Black is stored as -128 and white as 127, whatever the net calls them."""
    black, white = value_range
    scaled = replace(calibration, faces=calibration.faces * np.float32(white - black) + np.float32(black))
    content = int8_of(trained.model, scaled)
    assert check(content, entry=InputSpec(value_range=value_range)).input.scale == pytest.approx((white - black) / 255)
    with pytest.raises(ModelError, match="calibrate with faces that reach from black to white"):
        check(content)


def test_a_net_without_softmax_is_refused(calibration):
    """Its answers are no probabilities."""
    net = keras.Sequential([keras.Input((48, 48, 1)), keras.layers.AveragePooling2D(8), keras.layers.Flatten()])
    net.add(keras.layers.Dense(7))
    with pytest.raises(ModelError, match="end the net with a softmax"):
        check(int8_of(net, calibration))


def test_two_answers_are_refused():
    """Which of them would be meant, nobody could tell."""
    face = keras.Input((48, 48, 1))
    flat = keras.layers.Flatten()(keras.layers.AveragePooling2D(8)(face))
    net = keras.Model(face, [keras.layers.Dense(7, activation="softmax")(flat) for _ in range(2)])
    with pytest.raises(ModelError, match="expected one input and one output, found 1 and 2"):
        check(export(net).content, precision="float32")
