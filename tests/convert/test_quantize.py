"""Quantization: int8 throughout, for a batch of one face, with the checkpoint's predictions; and ELU in int8."""

import sys
from typing import get_args

import keras
import numpy as np
import pytest
from keras import layers
from tensorflow.lite.python import convert as converter

from convert.quantize import CALIBRATED, elu_in_int8, quantize, versions
from convert.ranges import measure_ranges
from convert.tensorflow_converter import export, quantize_int8
from edge.errors import ConfigError, ModelError
from edge.model.interpreter import open_interpreter
from edge.model.manifest import Precision

pytestmark = pytest.mark.slow

PRECISIONS = get_args(Precision)


@pytest.fixture(scope="module")
def exported_again(trained):
    """The trained model, exported a second time in the same process."""
    return export(trained.model)


def operations(content):
    """Return the names of a model's operations in order, without the delegate's."""
    interpreter, _ = open_interpreter(content)
    names = [operation["op_name"] for operation in interpreter._get_ops_details()]  # no public way
    return [name for name in names if name != "DELEGATE"]


def types(content):
    """Return the types of all tensors of a model."""
    interpreter, _ = open_interpreter(content, package="ai-edge-litert")
    return {np.dtype(tensor["dtype"]).name for tensor in interpreter.get_tensor_details()}


def test_every_tensor_is_int8_and_biases_int32(int8_content):
    """An int8 model has int8 and int32 tensors alone; this is counted by the interpreter, not by our own check."""
    assert types(int8_content) == {"int8", "int32"}
    interpreter, _ = open_interpreter(int8_content, package="ai-edge-litert")
    for end in (interpreter.get_input_details(), interpreter.get_output_details()):
        assert [tensor["dtype"] for tensor in end] == [np.int8]


def test_the_input_is_a_crop_with_one_bit_flipped(int8_content):
    """Input scale 1/255 and zero point -128 make `crop ^ 0x80` the quantized crop; the output's scale is 1/256."""
    interpreter, _ = open_interpreter(int8_content)
    scale, zero_point = interpreter.get_input_details()[0]["quantization"]
    luma = np.arange(256, dtype=np.uint8)
    stored = np.rint(luma / 255 / scale + zero_point).astype(np.int8)
    assert np.array_equal(stored, (luma ^ 0x80).view(np.int8))
    assert interpreter.get_output_details()[0]["quantization"] == (1 / 256, -128)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision_predicts_as_the_checkpoint(trained, content_of, calibration, probabilities_of, precision):
    """Each precision has a batch of exactly 1, ends of its type, and the checkpoint's probabilities."""
    content = content_of(precision)
    interpreter, _ = open_interpreter(content)
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    assert source["shape_signature"].tolist() == [1, 48, 48, 1]
    assert result["shape_signature"].tolist() == [1, 7]
    wanted = "int8" if precision == "int8" else "float32"
    assert {np.dtype(tensor["dtype"]).name for tensor in (source, result)} == {wanted}
    expected = trained.model.predict(calibration.faces, verbose=0)
    assert np.abs(probabilities_of(content, calibration.faces) - expected).max() < 0.05


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_same_checkpoint_gives_the_same_bytes(exported_again, content_of, ranges, precision):
    """A checkpoint exported twice and converted twice gives equal files, so that a published one can be rebuilt."""
    assert quantize(exported_again, ranges, precision=precision) == content_of(precision)


def test_less_precise_files_are_smaller(content_of):
    """Files shrink from float32 to float16 to int8, whose weights take 4, 2 and 1 bytes."""
    sizes = [len(content_of(precision)) for precision in ("float32", "float16", "int8")]
    assert sizes[0] > sizes[1] > sizes[2]


def test_batch_normalization_is_folded_and_weights_have_a_scale_for_each_channel(int8_content):
    """No multiplication or addition of the batch normalization is left, and each channel's weights have a scale."""
    interpreter, _ = open_interpreter(int8_content)
    assert not {"MUL", "ADD", "SUB", "DEQUANTIZE", "QUANTIZE"} & set(operations(int8_content))
    kernels = [tensor for tensor in interpreter.get_tensor_details() if tensor["shape"].tolist() == [8, 8, 8, 1]]
    assert [len(kernel["quantization_parameters"]["scales"]) for kernel in kernels] == [8]


def test_the_keras_model_is_not_changed(trained, calibration):
    """Export and quantization leave the weights of the Keras model as they were."""
    before = trained.model.get_weights()
    float_model = export(trained.model)
    quantize(float_model, measure_ranges(float_model, calibration))
    assert all(np.array_equal(old, new) for old, new in zip(before, trained.model.get_weights(), strict=True))


@pytest.mark.parametrize("precision", CALIBRATED)
def test_int8_without_ranges_is_refused(float_model, precision):
    """An int8 precision without ranges is refused, since the converter would guess or crash."""
    with pytest.raises(ConfigError, match=rf"{precision}: expected ranges of activations, found none"):
        quantize(float_model, None, precision=precision)


def test_an_operation_that_only_tensorflow_has_is_refused(net_with):
    """A net that would need TensorFlow on the device is refused in one line that names the operation."""
    with pytest.raises(ModelError, match=r"operations that TFLite has, found tf\.Erf: change the net") as caught:
        export(net_with(keras.ops.erf))
    assert "\n" not in str(caught.value)


def test_an_error_of_the_quantizer_is_one_line(float_model, ranges, monkeypatch):
    """An error of TensorFlow's quantizer, here a simulated one, becomes one line."""

    def fail(*_arguments, **_options):
        raise RuntimeError("the quantizer's reason\nand its traceback")

    monkeypatch.setattr(converter, "mlir_quantize", fail)
    with pytest.raises(
        ModelError, match="expected a net of operations that TFLite has, found the quantizer's reason: "
    ):
        quantize(float_model, ranges)


def test_keras_on_another_backend_is_refused(trained, monkeypatch):
    """A model on another Keras backend is refused, since TensorFlow's converter cannot read it."""
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(ConfigError, match="expected Keras on TensorFlow, found it on torch"):
        export(trained.model)


def test_a_missing_tensorflow_names_the_extra(trained, monkeypatch):
    """Without TensorFlow, the error names the extra to install."""
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(
        ConfigError,
        match="use make train, make evaluate or make convert, which install them",
    ):
        export(trained.model)


def test_the_converters_native_messages_stay_off_the_screen(trained, calibration, capfd):
    """The converter's C++ code writes past Python to standard error, and none of it reaches the user."""
    capfd.readouterr()
    float_model = export(trained.model)
    quantize(float_model, measure_ranges(float_model, calibration))
    out, error = capfd.readouterr()
    assert out == ""
    assert error == ""


def test_the_versions_name_what_a_model_depends_on():
    """The manifest's versions name the converter, Keras, numpy and the interpreter, and nothing else."""
    assert versions().keys() == {"tensorflow", "keras", "numpy", "ai-edge-litert"}


def elu_net(*, branches):
    """Return a net with two ELUs; with `branches`, other operations also read what goes into one and comes out."""
    keras.utils.set_random_seed(0)
    face = keras.Input((48, 48, 1), name="face")
    tensor = layers.Conv2D(4, 8, 8)(face)
    active = layers.ELU()(tensor)
    if branches:
        active = layers.Add()([layers.Conv2D(4, 3, padding="same")(active), active, tensor])
    active = layers.ELU()(layers.Conv2D(4, 3)(active))
    return keras.Model(face, layers.Dense(7, activation="softmax")(layers.Flatten()(active)))


def quantized_alone(float_model, ranges):
    """Return what TensorFlow's quantizer makes of a net, before ELU is put into int8."""
    limits = [(measured.low, measured.high) for measured in ranges.ranges]
    return quantize_int8(float_model.content, limits, float_io=False)


@pytest.fixture(scope="module", params=[False, True], ids=["row", "branches"])
def elu_exported(request, calibration):
    """A net with ELU in float32, and the ranges of its activations."""
    float_model = export(elu_net(branches=request.param))
    return float_model, measure_ranges(float_model, calibration)


def same_steps(first, second):
    """Return whether two arrays of probabilities differ by at most one step of int8."""
    return np.abs(first - second).max() <= 1 / 256


def test_elu_runs_in_int8_with_the_same_predictions(elu_exported, calibration, probabilities_of):
    """ELU loses the conversions around it, no float32 is left, and no probability moves by more than a step."""
    before = quantized_alone(*elu_exported)
    joined = elu_in_int8(before)
    assert "float32" in types(before)
    assert types(joined) == {"int8", "int32"}
    assert operations(joined) == [name for name in operations(before) if name not in {"QUANTIZE", "DEQUANTIZE"}]
    found = probabilities_of(joined, calibration.faces)
    assert same_steps(found, probabilities_of(before, calibration.faces))
    assert len(np.unique(found, axis=0)) > 1


def test_the_signature_names_the_tensors_by_their_new_numbers(elu_exported, calibration):
    """A model whose tensors were renumbered still runs by its signature."""
    interpreter, _ = open_interpreter(elu_in_int8(quantized_alone(*elu_exported)))
    run = interpreter.get_signature_runner()
    outputs = run(face=np.rint(calibration.faces[:1] * 255 - 128).astype(np.int8))
    assert [values.shape for values in outputs.values()] == [(1, 7)]


def test_a_model_without_elu_is_left_as_it_is(int8_content, float_model):
    """A model without ELU comes back as the same object, so a published file stays the same."""
    assert elu_in_int8(int8_content) is int8_content
    assert elu_in_int8(float_model.content) is float_model.content


def test_elu_among_float32_operations_stays(elu_exported):
    """A float32 model with ELU comes back as the same object, since it has no conversions to remove."""
    float_model, _ = elu_exported
    assert elu_in_int8(float_model.content) is float_model.content


def test_the_quantization_puts_elu_into_int8(elu_exported):
    """A net with ELU is int8 throughout after `quantize`."""
    assert types(quantize(*elu_exported)) == {"int8", "int32"}


@pytest.mark.parametrize(
    ("neighbour", "left"), [("before", {"DEQUANTIZE": 1, "QUANTIZE": 1}), ("after", {"DEQUANTIZE": 1, "QUANTIZE": 2})]
)
def test_a_float32_neighbour_keeps_its_conversions(neighbour, left, calibration, probabilities_of):
    """If a sine, which has no int8, reads ELU's input, its conversions stay; if it reads ELU's output, ELU stays."""
    keras.utils.set_random_seed(0)
    face = keras.Input((48, 48, 1), name="face")
    tensor = layers.Conv2D(4, 8, 8)(face)
    active = layers.ELU()(tensor)
    total = layers.Add()([active, keras.ops.sin(tensor if neighbour == "before" else active)])
    float_model = export(keras.Model(face, layers.Dense(7, activation="softmax")(layers.Flatten()(total))))
    content = quantized_alone(float_model, measure_ranges(float_model, calibration))
    joined = elu_in_int8(content)
    assert {name: operations(joined).count(name) for name in left} == left
    assert same_steps(probabilities_of(joined, calibration.faces), probabilities_of(content, calibration.faces))
