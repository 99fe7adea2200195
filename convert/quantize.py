"""Makes a TFLite model of the wanted precision."""

from importlib.metadata import version
from typing import Literal

import numpy as np

from convert import with_litert, with_tensorflow
from convert.elu import elu_in_int8
from convert.export import FloatModel
from convert.ranges import CalibrationRanges, check_belongs
from edge.errors import ConfigError
from edge.manifest import Precision

CALIBRATED = ("int8", "int8-float-io")
"""The precisions that need ranges."""

Backend = Literal["tensorflow", "litert"]
"""tensorflow: the second half of TensorFlow's converter; litert: litert-quantizer, which its makers say replaces it.

Both take the same ranges. `edge_small` is as good in either (FER2013 PublicTest, mean of 6 calibrations with 500 faces:
66.68 and 66.61 % of 66.68 %, 98.0 and 98.1 % equal answers), as large (427,080 and 427,264 bytes) and as fast.
TensorFlow's is the default for what it does besides: of 43 kinds of layers tried it left 5 in float32,
litert-quantizer 0.11 left 16, leaky ReLU, ReLU6, global maximum and upsampling among them; and it marks each operation
with the version that it needs, so that an old interpreter refuses a file that it cannot run. litert-quantizer does not,
and tflite-runtime 2.14 ran a dynamic model of its making with 17 % accuracy instead of 67 %, and no error.
"""

DEFAULT_BACKEND: Backend = "tensorflow"


def quantize(
    model: FloatModel,
    ranges: CalibrationRanges | None,
    *,
    precision: Precision = "int8",
    backend: Backend = DEFAULT_BACKEND,
) -> bytes:
    """Return `model` as a `.tflite` for one face at a time; the same arguments give the same bytes.

    int8 has a scale for each channel of weights. An operation that has no int8 form stays float32.

    Args:
        model: what `convert.export.export` made of a checkpoint.
        ranges: measured on this checkpoint; None where the precision needs none.
        precision: of weights, activations, input and output.
        backend: who quantizes.

    Raises:
        ConfigError: there are no ranges for an int8 model, or the back-end is not installed.
        ModelError: the ranges are another checkpoint's, or the back-end refuses the net.
    """
    if precision == "float32":
        return model.content
    if precision in CALIBRATED:
        if ranges is None:
            raise ConfigError(f"{precision}: expected ranges of activations, found none: calibrate with --data")
        check_belongs(ranges, model)
        limits = [(measured.low, measured.high) for measured in ranges.ranges]
    else:
        limits = []
    if backend == "litert":
        content = with_litert.quantize(model.content, limits, precision=precision)
    elif precision in ("dynamic", "float16"):
        content = with_tensorflow.convert_keras(model.keras, precision=precision)
    else:
        content = with_tensorflow.quantize_int8(model.content, limits, float_ends=precision == "int8-float-io")
    return elu_in_int8(content)


def versions(*, backend: Backend = DEFAULT_BACKEND) -> dict[str, str]:
    """Return the versions that a converted model depends on: package to version."""
    import keras  # noqa: PLC0415  # takes seconds
    import tensorflow as tf  # noqa: PLC0415

    found = {"tensorflow": tf.__version__, "keras": keras.__version__, "numpy": np.__version__}
    for package in ("ai-edge-litert", *(["litert-quantizer"] if backend == "litert" else [])):
        found[package] = version(package)
    return found
