"""Drives litert-quantizer, which works on a finished float32 TFLite graph; the only file that knows it."""

import logging
import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from convert.activations import Activation, list_activations
from edge.errors import ConfigError, ModelError
from train.quiet import quiet

Recipe = list[dict[str, Any]]
"""The quantizer's settings; a later line overrules an earlier one."""

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
    return _run(content, ranges, lambda: _recipe(precision))


def quantize_alone(content: bytes, ranges: Sequence[tuple[float, float]], layer: Activation) -> bytes | None:
    """Return a float32 `.tflite` in which the operation that computes `layer` runs in int8, and no other.

    What goes in and what comes out is converted around it. None where the quantizer has no int8 form of it.

    Raises:
        ConfigError, ModelError: see `quantize`.
    """
    result = _run(content, ranges, lambda: _static_recipe(re.escape(layer.name), float_ends=True))
    return None if len(list_activations(result)) == len(list_activations(content)) else result


def _run(content: bytes, ranges: Sequence[tuple[float, float]], make_recipe: Callable[[], Recipe]) -> bytes:
    try:
        from litert_quantizer.quantizer import Quantizer  # noqa: PLC0415  # takes a second
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"litert-quantizer cannot be imported ({error}): pip install 'edge-emotion[convert]'"
        ) from error
    try:
        with quiet():
            result = Quantizer(content, make_recipe()).quantize(
                _statistics(content, ranges), enable_progress_bar=False, enable_progress_report=False
            )
    except Exception as error:  # the quantizer's own errors have no public base
        log.debug("litert-quantizer says: %s", error)
        reason = str(error).strip().partition("\n")[0][:REASON_LENGTH]
        raise ModelError(
            f"expected a net that litert-quantizer takes, found: {reason}: convert it with the TensorFlow back-end"
        ) from error
    return bytes(result.quantized_model)


def _recipe(precision: Literal["int8", "int8-float-io", "dynamic", "float16"]) -> Recipe:
    """Return the settings that make `precision`."""
    from litert_quantizer import qtyping, recipe  # noqa: PLC0415
    from litert_quantizer.quantizer import AlgorithmName  # noqa: PLC0415
    from litert_quantizer.recipe_manager import RecipeManager  # noqa: PLC0415

    if precision == "dynamic":
        return list(recipe.dynamic_legacy_wi8_afp32())
    if precision != "float16":
        return _static_recipe(EVERYTHING, float_ends=precision == "int8-float-io")
    operations = qtyping.TFLOperationName
    lines = RecipeManager()
    half = qtyping.OpQuantizationConfig(
        weight_tensor_config=qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT),
        compute_precision=qtyping.ComputePrecision.FLOAT,
        explicit_dequantize=True,
    )
    for operation in (operations.FULLY_CONNECTED, operations.CONV_2D, operations.DEPTHWISE_CONV_2D):
        lines.add_quantization_config(EVERYTHING, operation, half, AlgorithmName.FLOAT_CASTING)
    return list(lines.get_quantization_recipe())


def _static_recipe(pattern: str, *, float_ends: bool) -> Recipe:
    """Return the settings for int8 weights and activations of the operations whose output's name has `pattern`."""
    from litert_quantizer.qtyping import TFLOperationName  # noqa: PLC0415
    from litert_quantizer.quantizer import AlgorithmName  # noqa: PLC0415
    from litert_quantizer.recipe_manager import RecipeManager  # noqa: PLC0415

    lines = RecipeManager()
    lines.add_static_config(pattern, TFLOperationName.ALL_SUPPORTED, activation_num_bits=8, weight_num_bits=8)
    if float_ends:
        for end in (TFLOperationName.INPUT, TFLOperationName.OUTPUT):
            lines.add_quantization_config(pattern, end, algorithm_key=AlgorithmName.NO_QUANTIZE)
    return list(lines.get_quantization_recipe())


def _statistics(content: bytes, ranges: Sequence[tuple[float, float]]) -> dict[str, dict[str, Any]] | None:
    """Return the ranges as the quantizer's own calibration would: by the tensors' names."""
    if not ranges:
        return None
    return {
        activation.name: {"min": np.array([[low]], np.float32), "max": np.array([[high]], np.float32)}
        for activation, (low, high) in zip(list_activations(content), ranges, strict=True)
    }
