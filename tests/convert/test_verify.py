"""The checks that stand between a converted model and its publication."""

import math
from dataclasses import replace

import numpy as np
import pytest

from convert.export import export
from convert.quantize import quantize
from convert.ranges import measure_ranges
from convert.verify import check_loss, check_tensors, compare
from edge.errors import ModelError
from edge.labels import CLASS_SETS, EMOTIONS
from edge.manifest import TensorSpec
from train.faces import FaceData


def int8_of(model, calibration):
    """A net's int8 form."""
    float_model = export(model)
    return quantize(float_model, measure_ranges(float_model, calibration))


def test_a_full_int8_model_passes(int8_content):
    """Both ends come back as the manifest needs them."""
    ends = check_tensors(int8_content, EMOTIONS)
    assert ends.input == TensorSpec("int8", pytest.approx(1 / 255, rel=1e-5), -128)
    assert ends.output == TensorSpec("int8", 1 / 256, -128)


def test_a_float_model_is_refused_by_tensor(float_content):
    """Not quantized at all: the first float tensor is named."""
    with pytest.raises(ModelError, match=r"tensor \S+: expected int8 .* found float32"):
        check_tensors(float_content(optimize=False), EMOTIONS)


def test_a_model_with_float_ends_is_refused(float_content, calibration):
    """The classic: int8 inside, and quietly float at both ends."""
    with pytest.raises(ModelError, match="found float32"):
        check_tensors(float_content(optimize=True, calibration=calibration.faces), EMOTIONS)


def test_a_float_step_inside_is_refused(float_inside):
    """Both ends are int8 and the converter was content, but one operation runs in float: its tensor is named."""
    with pytest.raises(ModelError, match=r"tensor \S+: expected int8 .* found float32"):
        check_tensors(float_inside, EMOTIONS)


def test_other_bytes_are_refused():
    """Random bytes are no model."""
    with pytest.raises(ModelError, match="expected a TFLite model"):
        check_tensors(np.random.default_rng(0).bytes(4000), EMOTIONS)


def test_labels_must_fit_the_output(int8_content):
    """Five names for seven answers."""
    with pytest.raises(ModelError, match=r"output: expected the shape \(1, 5\), found \(1, 7\)"):
        check_tensors(int8_content, CLASS_SETS[5])


def test_a_calibration_short_of_white_is_refused(trained, calibration):
    """With another input scale the runtime's cheap path would be wrong."""
    with pytest.raises(ModelError, match="input: expected scale 1/255 with zero point -128"):
        check_tensors(int8_of(trained.model, replace(calibration, faces=calibration.faces * np.float32(0.8))), EMOTIONS)


def test_a_net_without_softmax_is_refused(calibration):
    """Its answers are no probabilities."""
    import keras  # noqa: PLC0415

    net = keras.Sequential([keras.Input((48, 48, 1)), keras.layers.AveragePooling2D(8), keras.layers.Flatten()])
    net.add(keras.layers.Dense(7))
    with pytest.raises(ModelError, match="end the net with a softmax"):
        check_tensors(int8_of(net, calibration), EMOTIONS)


@pytest.mark.parametrize(("before", "after"), [(0.68, 0.68), (0.68, 0.675), (0.5, 0.49), (0.6, 0.7)])
def test_a_small_loss_or_a_gain_passes(before, after):
    """Up to and including the limit."""
    check_loss(float_accuracy=before, int8_accuracy=after, max_loss=0.0100001)


@pytest.mark.parametrize(("before", "after", "limit"), [(0.68, 0.66, 0.01), (0.7, 0.699, 0.0), (0.7, 0.7, math.nan)])
def test_a_larger_loss_is_refused(before, after, limit):
    """Both accuracies stand in the message; a limit that is no number lets nothing pass."""
    with pytest.raises(ModelError, match=f"{before:.4f} to {after:.4f}"):
        check_loss(float_accuracy=before, int8_accuracy=after, max_loss=limit)


def test_a_comparison_counts_by_hand(trained):
    """28 faces, int8 wrong on 7 of them: agreement 3/4, and the largest difference is the one put in."""
    data: FaceData = trained.data
    right = np.eye(7, dtype=np.float32)[data.validation.codes] * np.float32(0.9) + np.float32(0.1 / 7)
    wrong = right.copy()
    wrong[:7] = np.roll(wrong[:7], 1, axis=1)
    comparison = compare(right, wrong, data, split="validation")
    assert comparison.agreement == 0.75
    assert comparison.checkpoint.official.accuracy == 1.0
    assert comparison.int8.official.accuracy == 0.75
    assert comparison.largest_difference == pytest.approx(0.9)
    assert comparison.agreement_unseen == 0.75
