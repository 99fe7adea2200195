"""Drives litert-quantizer, which works on a finished float32 TFLite graph; the only file that knows it."""

import logging
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from convert.activations import list_activations
from convert.quiet import quiet
from edge.errors import ConfigError, ModelError

log = logging.getLogger(__name__)

REASON_LENGTH = 160
"""Characters of the quantizer's error that are shown; the whole of it goes to the log at level DEBUG."""

EVERYTHING = ".*"
"""As the pattern of an operation's name."""


def quantize(
    content: bytes,
    ranges: Sequence[tuple[float, float]],
    *,
    precision: Literal["int8", "int8-float-io", "dynamic", "float16"],
) -> bytes:
    """Return a float32 `.tflite` in another precision; weights in int8 have a scale for each channel.

    Operations that the quantizer has no int8 form of stay float32. It does not raise the operations' version numbers:
    an interpreter too old for one does not refuse the file, it answers wrongly.

    Args:
        content: the float32 graph.
        ranges: smallest and largest value of each activation, in the order of `list_activations`; not used by
            dynamic and float16.
        precision: see `convert.quantize`.

    Raises:
        ConfigError: litert-quantizer is missing.
        ModelError: it refuses the graph.
    """
    try:
        from litert_quantizer.quantizer import Quantizer  # noqa: PLC0415  # takes a second
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"litert-quantizer cannot be imported ({error}): pip install 'edge-emotion[convert]'"
        ) from error
    try:
        with quiet():
            result = Quantizer(content, _recipe(precision)).quantize(
                _statistics(content, ranges), enable_progress_bar=False, enable_progress_report=False
            )
    except Exception as error:  # the quantizer's own errors have no public base
        log.debug("litert-quantizer says: %s", error)
        reason = str(error).strip().partition("\n")[0][:REASON_LENGTH]
        raise ModelError(
            f"expected a net that litert-quantizer takes, found: {reason}: convert it with the TensorFlow back-end"
        ) from error
    return bytes(result.quantized_model)


def _recipe(precision: Literal["int8", "int8-float-io", "dynamic", "float16"]) -> list[dict[str, Any]]:
    """Return the quantizer's settings; a later line overrules an earlier one."""
    from litert_quantizer import qtyping, recipe  # noqa: PLC0415
    from litert_quantizer.quantizer import AlgorithmName  # noqa: PLC0415
    from litert_quantizer.recipe_manager import RecipeManager  # noqa: PLC0415

    if precision == "dynamic":
        return list(recipe.dynamic_legacy_wi8_afp32())
    operations = qtyping.TFLOperationName
    lines = RecipeManager()
    if precision == "float16":
        half = qtyping.OpQuantizationConfig(
            weight_tensor_config=qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT),
            compute_precision=qtyping.ComputePrecision.FLOAT,
            explicit_dequantize=True,
        )
        for operation in (operations.FULLY_CONNECTED, operations.CONV_2D, operations.DEPTHWISE_CONV_2D):
            lines.add_quantization_config(EVERYTHING, operation, half, AlgorithmName.FLOAT_CASTING)
        return list(lines.get_quantization_recipe())
    lines.add_static_config(EVERYTHING, operations.ALL_SUPPORTED, activation_num_bits=8, weight_num_bits=8)
    if precision == "int8-float-io":
        for end in (operations.INPUT, operations.OUTPUT):
            lines.add_quantization_config(EVERYTHING, end, algorithm_key=AlgorithmName.NO_QUANTIZE)
    return list(lines.get_quantization_recipe())


def _statistics(content: bytes, ranges: Sequence[tuple[float, float]]) -> dict[str, dict[str, Any]] | None:
    """Return the ranges as the quantizer's own calibration would: by the tensors' names."""
    if not ranges:
        return None
    return {
        activation.name: {"min": np.array([[low]], np.float32), "max": np.array([[high]], np.float32)}
        for activation, (low, high) in zip(list_activations(content), ranges, strict=True)
    }
