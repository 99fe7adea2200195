"""The check of a converted model's tensors, which names a tensor it refuses, and the count of delegated operations."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from convert.tensorflow_converter import export
from convert.tensors import TYPES, check_tensors, count_delegated
from edge.errors import ModelError
from edge.labels import CLASS_SETS, EMOTIONS
from edge.model.manifest import InputSpec, TensorSpec

pytestmark = pytest.mark.slow

OWN_INPUT = InputSpec()
FLOAT = TensorSpec("float32", 0.0, 0)


def check(content, labels=EMOTIONS, precision="int8", input_spec=OWN_INPUT):
    """Check a model that should be ours in int8."""
    return check_tensors(content, labels, precision=precision, input_spec=input_spec)


@pytest.fixture
def usual_conversion(trained, tmp_path, calibration):
    """The trained model by the converter's documented way: quantized with a representative data set, float ends."""
    import tensorflow as tf  # noqa: PLC0415  # only this fixture needs it

    trained.model.export(tmp_path / "saved", verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved"))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([face[None]] for face in calibration.faces)
    return converter.convert()


def test_an_int8_model_passes(int8_content):
    """The check of an int8 model returns input and output as the manifest needs them."""
    model_io = check(int8_content)
    assert model_io.input == TensorSpec("int8", pytest.approx(1 / 255, rel=1e-5), -128)
    assert model_io.output == TensorSpec("int8", 1 / 256, -128)


@pytest.mark.parametrize("precision", ["int8-float-io", "dynamic", "float16", "float32"])
def test_each_precision_passes_as_itself_alone(content_of, precision):
    """A model passes the check of its own precision and of no other."""
    content = content_of(precision)
    model_io = check(content, precision=precision)
    assert (model_io.input, model_io.output) == (FLOAT, FLOAT)
    for other in TYPES.keys() - {precision}:
        with pytest.raises(ModelError, match="expected"):
            check(content, precision=other)


def test_the_usual_conversion_is_refused(usual_conversion):
    """A model with int8 inside but float ends and a free batch size, the converter's default, is refused."""
    with pytest.raises(ModelError, match="input: expected"):
        check(usual_conversion)


def test_an_int8_model_with_float_ends_is_refused_as_int8(content_of):
    """A model with a batch of one but float ends is refused because of the input's type."""
    with pytest.raises(ModelError, match="input: expected int8, found float32: quantize the whole net"):
        check(content_of("int8-float-io"))


def test_a_float_operation_inside_is_refused(float_inside):
    """A model with int8 ends and one float operation inside is refused, and the message names the tensor."""
    with pytest.raises(ModelError, match=r"tensor \S+: expected int8 .* found float32"):
        check(float_inside)


def test_random_bytes_are_refused():
    """Bytes that are no TFLite model are refused."""
    with pytest.raises(ModelError, match="expected a TFLite model"):
        check(np.random.default_rng(0).bytes(4000))


def test_labels_must_fit_the_output(int8_content):
    """Five labels for a model of seven classes are refused."""
    with pytest.raises(ModelError, match=r"output: expected the shape \(1, 5\), found \(1, 7\)"):
        check(int8_content, CLASS_SETS[5])


def test_the_side_must_fit_the_input(int8_content):
    """A model of 48 pixels is refused where 64 are expected."""
    with pytest.raises(ModelError, match=r"input: expected the shape \(1, 64, 64, 1\), found \(1, 48, 48, 1\)"):
        check(int8_content, input_spec=InputSpec(size=64))


def test_a_calibration_short_of_white_is_refused(trained, calibration, to_int8):
    """A model calibrated without white is refused: its input scale would break the runtime's bit flip."""
    dim = replace(calibration, faces=calibration.faces * np.float32(0.8))
    with pytest.raises(ModelError, match=r"input: expected scale 0\.00392157 with zero point -128"):
        check(to_int8(trained.model, dim))


@pytest.mark.parametrize("value_range", [(-1.0, 1.0), (0.0, 255.0)])
def test_other_value_ranges_fill_int8_as_well(trained, calibration, to_int8, value_range):
    """Whatever numbers a net takes for black and white, the int8 model stores them as -128 and 127."""
    black, white = value_range
    scaled = replace(calibration, faces=calibration.faces * np.float32(white - black) + np.float32(black))
    content = to_int8(trained.model, scaled)
    found = check(content, input_spec=InputSpec(value_range=value_range))
    assert found.input.scale == pytest.approx((white - black) / 255)
    with pytest.raises(ModelError, match="calibrate with faces that reach from black to white"):
        check(content)


def test_a_net_without_softmax_is_refused(to_int8):
    """A net whose outputs are not probabilities is refused."""
    net = keras.Sequential([keras.Input((48, 48, 1)), keras.layers.AveragePooling2D(8), keras.layers.Flatten()])
    net.add(keras.layers.Dense(7))
    with pytest.raises(ModelError, match="end the net with a softmax"):
        check(to_int8(net))


def test_two_outputs_are_refused():
    """A net with two outputs is refused, since either could be the probabilities."""
    face = keras.Input((48, 48, 1))
    flat = keras.layers.Flatten()(keras.layers.AveragePooling2D(8)(face))
    net = keras.Model(face, [keras.layers.Dense(7, activation="softmax")(flat) for _ in range(2)])
    with pytest.raises(ModelError, match="expected one input and one output, found 1 and 2"):
        check(export(net).content, precision="float32")


def test_xnnpack_runs_all_operations_but_the_softmax(int8_content):
    """The count ends where the delegate ends: XNNPACK has no int8 softmax."""
    assert count_delegated(int8_content) == (4, 3)


def test_an_operation_between_two_delegates_is_not_counted(float_inside):
    """XNNPACK has no sine, so the operations before and after it count as delegated, and the sine does not."""
    operations, delegated = count_delegated(float_inside)
    assert 0 < delegated < operations - 1
