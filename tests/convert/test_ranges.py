"""The ranges of a calibration: their measurement, their file, and the check that they belong to a checkpoint."""

import keras
import msgspec
import numpy as np
import pytest

from convert.activations import list_activations
from convert.quantize import quantize
from convert.ranges import check_belongs, measure_ranges, ranges_bytes, ranges_path, read_ranges
from convert.tensorflow_converter import export, weights_sha256
from edge.errors import ModelError
from edge.model.interpreter import open_interpreter

pytestmark = pytest.mark.slow


def test_ranges_are_the_extremes_that_keras_finds(trained, ranges, calibration):
    """An activation's range is exactly that of the layer's output in Keras: not clipped, not smoothed."""
    found = {measured.op: (measured.low, measured.high) for measured in ranges.ranges}
    layers = trained.model.layers
    for op, layer in (("CONV_2D", layers[2]), ("SOFTMAX", layers[-1])):
        outputs = keras.Model(trained.model.inputs, layer.output).predict(calibration.faces, verbose=0)
        assert found[op] == pytest.approx((outputs.min(), outputs.max()), rel=1e-4, abs=1e-6)
    assert found["INPUT"] == (0.0, 1.0)


def test_ranges_from_their_file_give_the_same_model(float_model, ranges, int8_content, tmp_path):
    """Ranges that were written to a file and read again give the same int8 model, byte for byte."""
    path = tmp_path / "net.ranges.json"
    path.write_bytes(ranges_bytes(ranges))
    assert read_ranges(path) == ranges
    assert quantize(float_model, read_ranges(path)) == int8_content


def test_the_file_names_its_origin_and_holds_no_image(ranges, trained):
    """The file records data set, split, faces, seed and classes, and two numbers for each activation."""
    assert ranges.description == "42 faces of FER2013 Training, balanced over classes, seed 0"
    assert ranges.counts == dict.fromkeys(trained.data.labels, 6)
    assert (ranges.temperature, ranges.equalised) == (1.0, False)
    record = msgspec.json.decode(ranges_bytes(ranges))
    assert {key for measured in record["ranges"] for key in measured} == {"name", "op", "low", "high"}


def test_the_range_decides_the_scale(float_model, ranges):
    """Twice the range of the input gives an int8 model with twice the input scale."""
    wider = msgspec.structs.replace(ranges.ranges[0], high=2.0)
    doubled = msgspec.structs.replace(ranges, ranges=(wider, *ranges.ranges[1:]))
    interpreter, _ = open_interpreter(quantize(float_model, doubled))
    assert interpreter.get_input_details()[0]["quantization"] == (pytest.approx(2 / 255), -128)


def test_another_checkpoints_ranges_are_refused(trained, float_model, ranges):
    """Ranges are refused once the checkpoint's weights have changed, and accepted for their own checkpoint."""
    other = keras.models.clone_model(trained.model)
    other.set_weights([weights + np.float32(1e-6) for weights in trained.model.get_weights()])
    with pytest.raises(ModelError, match=r"ranges: expected those of the weights \w+…, found those of \w+…: calibrate"):
        quantize(export(other), ranges)
    check_belongs(ranges, float_model)


def test_ranges_of_another_graph_are_refused(float_model, ranges):
    """Ranges are refused if the converter makes other operations from the same weights."""
    shorter = msgspec.structs.replace(ranges, ranges=ranges.ranges[:-1])
    with pytest.raises(ModelError, match=r"found 4 of another graph: calibrate again"):
        quantize(float_model, shorter)
    assert len(list_activations(float_model.content)) == 5


def test_the_hash_is_of_the_weights_alone(trained, tmp_path):
    """A net read from a file has the original's hash; a kernel of the same numbers in another shape has another."""
    trained.model.save(tmp_path / "copy.keras")
    assert weights_sha256(keras.models.load_model(tmp_path / "copy.keras")) == weights_sha256(trained.model)
    wide, tall = (keras.Sequential([keras.Input(shape), keras.layers.Dense(n)]) for shape, n in (((2,), 3), ((3,), 2)))
    for net in (wide, tall):
        net.set_weights([np.zeros_like(weights) for weights in net.get_weights()])
    assert weights_sha256(wide) != weights_sha256(tall)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "expected the ranges of a calibration here, found nothing"), (b"{", "found: Input data was truncated")],
)
def test_an_unreadable_file_is_refused_in_one_line(tmp_path, content, message):
    """A missing or truncated ranges file is refused in one line with its path."""
    path = tmp_path / "net.ranges.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=message) as caught:
        read_ranges(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("key", "value"), [("schema_version", 9), ("weights_sha256", "x"), ("misspelt", 1)])
def test_a_file_of_another_schema_is_refused(ranges, tmp_path, key, value):
    """A ranges file with a later version, a malformed hash or an unknown key is refused."""
    record = msgspec.json.decode(ranges_bytes(ranges)) | {key: value}
    path = tmp_path / "net.ranges.json"
    path.write_bytes(msgspec.json.encode(record))
    with pytest.raises(ModelError, match="expected ranges of schema 1"):
        read_ranges(path)


def test_the_ranges_file_is_beside_the_checkpoint(tmp_path):
    """The ranges of edge_small.keras are in edge_small.ranges.json, in the same folder."""
    assert ranges_path(tmp_path / "edge_small.keras") == tmp_path / "edge_small.ranges.json"


def test_temperature_and_equalisation_are_recorded(float_model, calibration):
    """The ranges record temperature and equalisation, which a rebuild must apply to the checkpoint first."""
    ranges = measure_ranges(float_model, calibration, temperature=1.3, equalised=True)
    assert (ranges.temperature, ranges.equalised) == (1.3, True)
