"""What stands behind `quantize`: int8 throughout, for one face at a time."""

import sys

import keras
import numpy as np
import pytest

from convert.quantize import quantize
from edge.errors import ConfigError, ModelError
from edge.vision.interpreter import open_interpreter


def test_every_tensor_is_int8_and_biases_int32(int8_content):
    """Counted here with the interpreter alone, independently of our own check."""
    interpreter, _ = open_interpreter(int8_content, package="ai-edge-litert")
    types = {np.dtype(tensor["dtype"]).name for tensor in interpreter.get_tensor_details()}
    assert types == {"int8", "int32"}
    for end in (interpreter.get_input_details(), interpreter.get_output_details()):
        assert [tensor["dtype"] for tensor in end] == [np.int8]


def test_the_input_is_a_crop_with_one_bit_flipped(int8_content):
    """Scale 1/255 and zero point -128: `crop ^ 0x80` is the quantized crop for every luma."""
    interpreter, _ = open_interpreter(int8_content)
    scale, zero_point = interpreter.get_input_details()[0]["quantization"]
    luma = np.arange(256, dtype=np.uint8)
    stored = np.rint(luma / 255 / scale + zero_point).astype(np.int8)
    assert np.array_equal(stored, (luma ^ 0x80).view(np.int8))


def test_one_face_at_a_time(int8_content):
    """The batch is exactly 1 in the signature, not free."""
    interpreter, _ = open_interpreter(int8_content)
    assert interpreter.get_input_details()[0]["shape_signature"].tolist() == [1, 48, 48, 1]
    assert interpreter.get_output_details()[0]["shape_signature"].tolist() == [1, 7]


def test_batch_normalization_is_folded_and_weights_have_a_scale_for_each_channel(int8_content):
    """No multiplication or addition is left of it, and no channel's weights pay for another's."""
    interpreter, _ = open_interpreter(int8_content)
    names = [operation["op_name"] for operation in interpreter._get_ops_details()]  # no public way
    assert not {"MUL", "ADD", "SUB", "DEQUANTIZE", "QUANTIZE"} & set(names)
    kernels = [tensor for tensor in interpreter.get_tensor_details() if tensor["shape"].tolist() == [8, 8, 8, 1]]
    assert [len(kernel["quantization_parameters"]["scales"]) for kernel in kernels] == [8]


def test_the_models_own_state_is_left_alone(trained, calibration):
    """Conversion reads the model: it answers as before."""
    before = trained.model.get_weights()
    quantize(trained.model, calibration[:7])
    assert all(np.array_equal(old, new) for old, new in zip(before, trained.model.get_weights(), strict=True))


def test_an_operation_without_int8_is_refused(net_with, calibration):
    """The converter's refusal is one clear line that names the operation, not its traceback."""
    with pytest.raises(ModelError, match=r"operations that int8 has, found tf\.Erf: change the net") as caught:
        quantize(net_with(keras.ops.erf), calibration[:7])
    assert "\n" not in str(caught.value)


def test_another_backend_is_refused(trained, calibration, monkeypatch):
    """TensorFlow's converter cannot read a model that runs on something else."""
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(ConfigError, match="expected Keras on TensorFlow, found it on torch"):
        quantize(trained.model, calibration)


def test_missing_tensorflow_names_the_extra(trained, calibration, monkeypatch):
    """Who installed only the runtime is told what to install."""
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ConfigError, match=r"pip install 'edge-emotion\[convert\]'"):
        quantize(trained.model, calibration)


def test_the_converters_chatter_stays_off_the_screen(trained, calibration, capfd):
    """Its C++ code writes past Python to standard error; none of it reaches the user."""
    capfd.readouterr()
    quantize(trained.model, calibration[:7])
    out, error = capfd.readouterr()
    assert out == ""
    assert error == ""
