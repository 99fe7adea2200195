"""The ranges of a calibration: measured, kept, and given only to the checkpoint they were measured on."""

import msgspec
import numpy as np
import pytest

from convert.activations import list_activations
from convert.export import export, weights_sha256
from convert.quantize import quantize
from convert.ranges import check_belongs, measure_ranges, ranges_bytes, ranges_path, read_ranges
from edge.errors import ModelError


def test_ranges_are_the_extremes_that_keras_finds(trained, ranges, calibration):
    """Every activation's range against the layer's own output in Keras: nothing is clipped, smoothed or left out."""
    import keras  # noqa: PLC0415

    found = {measured.op: (measured.low, measured.high) for measured in ranges.ranges}
    layers = trained.model.layers
    for op, layer in (("CONV_2D", layers[2]), ("SOFTMAX", layers[-1])):
        outputs = keras.Model(trained.model.inputs, layer.output).predict(calibration.faces, verbose=0)
        assert found[op] == pytest.approx((outputs.min(), outputs.max()), rel=1e-4, abs=1e-6)
    assert found["INPUT"] == (0.0, 1.0)


def test_a_kept_calibration_rebuilds_the_same_bytes(float_model, ranges, tmp_path):
    """What a clean clone does: read the numbers beside the checkpoint, and get the file that was published."""
    path = tmp_path / "net.ranges.json"
    path.write_bytes(ranges_bytes(ranges))
    assert read_ranges(path) == ranges
    for backend in ("tensorflow", "litert"):
        assert quantize(float_model, read_ranges(path), backend=backend) == quantize(
            float_model, ranges, backend=backend
        )


def test_the_file_says_where_it_comes_from_and_holds_no_picture(ranges, trained):
    """Data set, split, faces, seed and classes; two numbers for each activation and no more."""
    assert ranges.description == "42 faces of FER2013 Training, balanced over classes, seed 0"
    assert ranges.counts == dict.fromkeys(trained.data.labels, 6)
    assert (ranges.temperature, ranges.equalised) == (1.0, False)
    record = msgspec.json.decode(ranges_bytes(ranges))
    assert {key for measured in record["ranges"] for key in measured} == {"name", "op", "low", "high"}


def test_the_range_decides_the_scale(float_model, ranges):
    """Both back-ends take the numbers that they are given: twice the range, twice the step."""
    from edge.vision.interpreter import open_interpreter  # noqa: PLC0415

    wider = msgspec.structs.replace(ranges.ranges[0], high=2.0)
    doubled = msgspec.structs.replace(ranges, ranges=(wider, *ranges.ranges[1:]))
    for backend in ("tensorflow", "litert"):
        interpreter, _ = open_interpreter(quantize(float_model, doubled, backend=backend))
        assert interpreter.get_input_details()[0]["quantization"] == (pytest.approx(2 / 255), -128)


def test_another_checkpoints_ranges_are_refused(trained, float_model, ranges):
    """Trained on by one step, and the old ranges are no longer its own."""
    import keras  # noqa: PLC0415

    other = keras.models.clone_model(trained.model)
    other.set_weights([weights + np.float32(1e-6) for weights in trained.model.get_weights()])
    with pytest.raises(ModelError, match=r"ranges: expected those of the weights \w+…, found those of \w+…: calibrate"):
        quantize(export(other), ranges)
    check_belongs(ranges, float_model)


def test_ranges_of_another_graph_are_refused(float_model, ranges):
    """The weights are the same, but this converter makes other operations of them."""
    shorter = msgspec.structs.replace(ranges, ranges=ranges.ranges[:-1])
    with pytest.raises(ModelError, match=r"found 4 of another graph: calibrate anew"):
        quantize(float_model, shorter)
    assert len(list_activations(float_model.content)) == 5


def test_the_hash_is_of_the_weights_alone(trained, tmp_path):
    """The same net from a file has it too; a reshaped kernel of the same numbers has not."""
    import keras  # noqa: PLC0415

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
def test_a_file_that_is_none_is_told_in_one_line(tmp_path, content, message):
    """Missing or cut off."""
    path = tmp_path / "net.ranges.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=message) as caught:
        read_ranges(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("key", "value"), [("schema_version", 9), ("weights_sha256", "x"), ("misspelt", 1)])
def test_a_file_of_another_schema_is_refused(ranges, tmp_path, key, value):
    """A later version, a hash that is none, an unknown key."""
    record = msgspec.json.decode(ranges_bytes(ranges)) | {key: value}
    path = tmp_path / "net.ranges.json"
    path.write_bytes(msgspec.json.encode(record))
    with pytest.raises(ModelError, match="expected ranges of schema 1"):
        read_ranges(path)


def test_the_ranges_stand_beside_the_checkpoint(tmp_path):
    """edge_small.keras and edge_small.ranges.json."""
    assert ranges_path(tmp_path / "edge_small.keras") == tmp_path / "edge_small.ranges.json"


def test_what_was_done_to_the_checkpoint_is_kept(float_model, calibration):
    """A clean clone has to divide the logits by the same number, and to equalise or not, before it exports."""
    ranges = measure_ranges(float_model, calibration, temperature=1.3, equalised=True)
    assert (ranges.temperature, ranges.equalised) == (1.3, True)
