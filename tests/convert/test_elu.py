"""ELU in int8, where the quantizers leave it in float32."""

import keras
import numpy as np
import pytest
from keras import layers

from convert import with_litert, with_tensorflow
from convert.elu import elu_in_int8
from convert.export import export
from convert.quantize import quantize
from convert.ranges import measure_ranges
from edge.vision.interpreter import open_interpreter


def net(*, branches):
    """Two ELUs; `branches`: what goes into one, and what comes out of it, is also used by others."""
    keras.utils.set_random_seed(0)
    face = keras.Input((48, 48, 1), name="face")
    tensor = layers.Conv2D(4, 8, 8)(face)
    active = layers.ELU()(tensor)
    if branches:
        active = layers.Add()([layers.Conv2D(4, 3, padding="same")(active), active, tensor])
    active = layers.ELU()(layers.Conv2D(4, 3)(active))
    return keras.Model(face, layers.Dense(7, activation="softmax")(layers.Flatten()(active)))


@pytest.fixture(scope="module", params=[False, True], ids=["row", "branches"])
def exported(request, calibration):
    """A net with ELU in float32, and the ranges of its activations."""
    float_model = export(net(branches=request.param))
    return float_model, measure_ranges(float_model, calibration)


def quantized(float_model, ranges, backend):
    """What a back-end alone makes of it."""
    limits = [(measured.low, measured.high) for measured in ranges.ranges]
    if backend == "litert":
        return with_litert.quantize(float_model.content, limits, precision="int8")
    return with_tensorflow.quantize_int8(float_model.content, limits, float_ends=False)


@pytest.fixture(params=["tensorflow", "litert"])
def left_in_float(request, exported):
    """A net with ELU as a quantizer leaves it."""
    return quantized(*exported, request.param)


def operations(content):
    """Names in order, without the delegate's."""
    interpreter, _ = open_interpreter(content)
    return [operation["op_name"] for operation in interpreter._get_ops_details() if operation["op_name"] != "DELEGATE"]


def types(content):
    """Of all tensors."""
    interpreter, _ = open_interpreter(content)
    return {np.dtype(tensor["dtype"]).name for tensor in interpreter.get_tensor_details()}


def stored_answers(content, faces):
    """(N, 7) int8, as they come out."""
    interpreter, _ = open_interpreter(content)
    entry, end = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    rows = []
    for face in faces:
        interpreter.set_tensor(entry, np.rint(face[None] * 255 - 128).astype(np.int8))
        interpreter.invoke()
        rows.append(interpreter.get_tensor(end)[0].astype(int))
    return np.array(rows)


def test_elu_runs_in_int8_with_the_same_answers(left_in_float, calibration):
    """The conversions around it are gone, no float32 is left, and no answer moves by more than a step."""
    joined = elu_in_int8(left_in_float)
    assert "float32" in types(left_in_float)
    assert types(joined) == {"int8", "int32"}
    kept = [name for name in operations(left_in_float) if name not in {"QUANTIZE", "DEQUANTIZE"}]
    assert operations(joined) == kept
    difference = stored_answers(joined, calibration.faces) - stored_answers(left_in_float, calibration.faces)
    assert np.abs(difference).max() <= 1
    assert len(np.unique(stored_answers(joined, calibration.faces), axis=0)) > 1


def test_the_joined_model_still_says_which_its_input_is(left_in_float, calibration):
    """Its signature names the tensors by their new places."""
    interpreter, _ = open_interpreter(elu_in_int8(left_in_float))
    run = interpreter.get_signature_runner()
    answer = run(face=np.rint(calibration.faces[:1] * 255 - 128).astype(np.int8))
    assert [values.shape for values in answer.values()] == [(1, 7)]


def test_a_model_without_elu_is_left_as_it_is(int8_content, float_model):
    """Byte for byte: what is published stays the same file."""
    assert elu_in_int8(int8_content) is int8_content
    assert elu_in_int8(float_model.content) is float_model.content


def test_elu_among_float32_operations_stays(exported):
    """There is nothing to join in a float32 model."""
    assert elu_in_int8(exported[0].content) is exported[0].content


@pytest.mark.parametrize("backend", ["tensorflow", "litert"])
def test_the_conversion_does_it(exported, backend):
    """By either back-end."""
    assert types(quantize(*exported, backend=backend)) == {"int8", "int32"}


@pytest.mark.parametrize("backend", ["tensorflow", "litert"])
@pytest.mark.parametrize(
    ("neighbour", "left"), [("before", {"DEQUANTIZE": 1, "QUANTIZE": 1}), ("after", {"DEQUANTIZE": 1, "QUANTIZE": 2})]
)
def test_a_float32_neighbour_keeps_what_it_needs(neighbour, left, backend, calibration):
    """A sine, which has no int8, of the same tensor: its conversions stay; a sine of ELU's answer: so does ELU."""
    keras.utils.set_random_seed(0)
    face = keras.Input((48, 48, 1), name="face")
    tensor = layers.Conv2D(4, 8, 8)(face)
    active = layers.ELU()(tensor)
    total = layers.Add()([active, keras.ops.sin(tensor if neighbour == "before" else active)])
    float_model = export(keras.Model(face, layers.Dense(7, activation="softmax")(layers.Flatten()(total))))
    content = quantized(float_model, measure_ranges(float_model, calibration), backend)
    joined = elu_in_int8(content)
    assert {name: operations(joined).count(name) for name in left} == left
    assert np.abs(stored_answers(joined, calibration.faces) - stored_answers(content, calibration.faces)).max() <= 1
