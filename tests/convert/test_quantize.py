"""What stands behind `quantize`: int8 throughout, for one face at a time, by either back-end."""

import sys
from typing import get_args

import keras
import numpy as np
import pytest

from convert.export import export
from convert.quantize import CALIBRATED, Backend, quantize, versions
from convert.ranges import measure_ranges
from edge.errors import ConfigError, ModelError
from edge.manifest import Precision
from edge.vision.interpreter import open_interpreter

BACKENDS = get_args(Backend)
PRECISIONS = get_args(Precision)


@pytest.fixture(params=BACKENDS)
def int8_model(request, float_model, ranges):
    """The trained model in int8, by each back-end."""
    return quantize(float_model, ranges, backend=request.param)


@pytest.fixture(scope="module")
def exported_again(trained):
    """The trained model, exported a second time in the same process."""
    return export(trained.model)


def answers(content, faces):
    """(N, K) real answers of a `.tflite` to (N, 48, 48, 1) faces from 0 to 1."""
    interpreter, _ = open_interpreter(content)
    entry, end = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    rows = []
    for face in faces:
        stored = face[None]
        if entry["dtype"] == np.int8:
            stored = np.rint(stored * 255 - 128).astype(np.int8)
        interpreter.set_tensor(entry["index"], stored)
        interpreter.invoke()
        row = interpreter.get_tensor(end["index"])[0]
        rows.append((row.astype(np.float32) + 128) / 256 if end["dtype"] == np.int8 else row)
    return np.array(rows)


def test_every_tensor_is_int8_and_biases_int32(int8_model):
    """Counted here with the interpreter alone, independently of our own check."""
    interpreter, _ = open_interpreter(int8_model, package="ai-edge-litert")
    types = {np.dtype(tensor["dtype"]).name for tensor in interpreter.get_tensor_details()}
    assert types == {"int8", "int32"}
    for end in (interpreter.get_input_details(), interpreter.get_output_details()):
        assert [tensor["dtype"] for tensor in end] == [np.int8]


def test_the_input_is_a_crop_with_one_bit_flipped(int8_model):
    """Scale 1/255 and zero point -128: `crop ^ 0x80` is the quantized crop for every luma; softmax ends in 1/256."""
    interpreter, _ = open_interpreter(int8_model)
    scale, zero_point = interpreter.get_input_details()[0]["quantization"]
    luma = np.arange(256, dtype=np.uint8)
    stored = np.rint(luma / 255 / scale + zero_point).astype(np.int8)
    assert np.array_equal(stored, (luma ^ 0x80).view(np.int8))
    assert interpreter.get_output_details()[0]["quantization"] == (1 / 256, -128)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_precision_answers_as_the_checkpoint_one_face_at_a_time(
    trained, float_model, ranges, calibration, backend, precision
):
    """Five precisions by two back-ends: the batch is exactly 1, the ends are as named, the answers are the net's."""
    content = quantize(float_model, ranges if precision in CALIBRATED else None, precision=precision, backend=backend)
    interpreter, _ = open_interpreter(content)
    entry, end = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    assert entry["shape_signature"].tolist() == [1, 48, 48, 1]
    assert end["shape_signature"].tolist() == [1, 7]
    assert {np.dtype(tensor["dtype"]).name for tensor in (entry, end)} == {"int8" if precision == "int8" else "float32"}
    wanted = trained.model.predict(calibration.faces, verbose=0)
    assert np.abs(answers(content, calibration.faces) - wanted).max() < 0.05


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_same_checkpoint_gives_the_same_bytes(exported_again, float_model, ranges, backend, precision):
    """Exported twice, and converted twice: what ships can be rebuilt and compared."""
    first = quantize(float_model, ranges, precision=precision, backend=backend)
    assert quantize(exported_again, ranges, precision=precision, backend=backend) == first


def test_less_precise_files_are_smaller(float_model, ranges):
    """float32, float16 and int8 weights take 4, 2 and 1 bytes."""
    sizes = [len(quantize(float_model, ranges, precision=precision)) for precision in ("float32", "float16", "int8")]
    assert sizes[0] > sizes[1] > sizes[2]


def test_batch_normalization_is_folded_and_weights_have_a_scale_for_each_channel(int8_model):
    """No multiplication or addition is left of it, and no channel's weights pay for another's."""
    interpreter, _ = open_interpreter(int8_model)
    names = [operation["op_name"] for operation in interpreter._get_ops_details()]  # no public way
    assert not {"MUL", "ADD", "SUB", "DEQUANTIZE", "QUANTIZE"} & set(names)
    kernels = [tensor for tensor in interpreter.get_tensor_details() if tensor["shape"].tolist() == [8, 8, 8, 1]]
    assert [len(kernel["quantization_parameters"]["scales"]) for kernel in kernels] == [8]


def test_the_models_own_state_is_left_alone(trained, calibration):
    """Conversion reads the model: it answers as before."""
    before = trained.model.get_weights()
    float_model = export(trained.model)
    quantize(float_model, measure_ranges(float_model, calibration))
    assert all(np.array_equal(old, new) for old, new in zip(before, trained.model.get_weights(), strict=True))


@pytest.mark.parametrize("precision", CALIBRATED)
def test_int8_without_ranges_is_refused(float_model, precision):
    """Without a calibration the converter would guess or crash."""
    with pytest.raises(ConfigError, match=rf"{precision}: expected ranges of activations, found none"):
        quantize(float_model, None, precision=precision)


def test_an_operation_that_only_tensorflow_has_is_refused(net_with):
    """A model that needs TensorFlow beside it on the device is not made; one clear line names the operation."""
    with pytest.raises(ModelError, match=r"operations that TFLite has, found tf\.Erf: change the net") as caught:
        export(net_with(keras.ops.erf))
    assert "\n" not in str(caught.value)


def test_what_a_back_end_refuses_is_one_line(float_model, ranges, monkeypatch):
    """litert-quantizer's own refusal, here of a recipe it has not, comes without its traceback."""
    monkeypatch.setattr("convert.with_litert._recipe", lambda _precision: [])
    with pytest.raises(ModelError, match=r"a net that litert-quantizer takes, found: .*recipe") as caught:
        quantize(float_model, ranges, backend="litert")
    assert "\n" not in str(caught.value)


def test_keras_on_another_backend_is_refused(trained, monkeypatch):
    """TensorFlow's converter cannot read a model that runs on something else."""
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(ConfigError, match="expected Keras on TensorFlow, found it on torch"):
        export(trained.model)


@pytest.mark.parametrize(("package", "backend"), [("tensorflow", "tensorflow"), ("litert_quantizer", "litert")])
def test_a_missing_package_names_the_extra(trained, float_model, ranges, monkeypatch, package, backend):
    """Who installed only the runtime is told what to install."""
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"{package}.quantizer", raising=False)
    with pytest.raises(ConfigError, match=r"pip install 'edge-emotion\[convert\]'"):
        quantize(float_model if backend == "litert" else export(trained.model), ranges, backend=backend)


def test_the_converters_chatter_stays_off_the_screen(trained, calibration, capfd):
    """Their C++ code writes past Python to standard error; none of it reaches the user."""
    capfd.readouterr()
    float_model = export(trained.model)
    ranges = measure_ranges(float_model, calibration)
    for backend in BACKENDS:
        quantize(float_model, ranges, backend=backend)
    out, error = capfd.readouterr()
    assert out == ""
    assert error == ""


def test_the_versions_name_who_quantized():
    """Only the back-end that was used stands in the manifest."""
    assert {"tensorflow", "keras", "ai-edge-litert"} <= versions(backend="tensorflow").keys()
    assert "litert-quantizer" not in versions(backend="tensorflow")
    assert "litert-quantizer" in versions(backend="litert")
