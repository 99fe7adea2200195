"""Classifies the expression of a face with a TFLite model."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError, ModelError
from edge.model.interpreter import Package, interpreter_error, open_interpreter
from edge.model.manifest import InputSpec, Manifest, TensorSpec
from edge.records import Box, EmotionScores, Gray
from edge.vision.crop import crop_face, to_unit

SUM_TOLERANCE = 0.02
"""Largest deviation of a prediction's sum from 1, beside that of quantization; half precision stays within it."""

_PROBE = np.arange(256, dtype=np.uint8)
"""Luma of the face that is scored once when a model is opened."""


class EmotionClassifier:
    """A TFLite model that scores cropped faces. Use an instance from one thread only: the interpreter requires it.

    Args:
        content: the model file.
        manifest: the model's manifest.
        package: the interpreter package to use.
        labels: the labels to predict, a subset of the model's; their probabilities are rescaled to sum to 1. Empty:
            all labels of the model.

    Attributes:
        manifest: the model's manifest.
        labels: the labels that it predicts, in the order of the probabilities.
        package: name of the interpreter package in use.
    """

    def __init__(
        self, content: bytes, manifest: Manifest, *, package: Package = "auto", labels: Sequence[str] = ()
    ) -> None:
        """Open the model and check it against its manifest.

        Raises:
            ConfigError: the model lacks one of `labels`.
            ModelError: the model cannot be opened, its shapes, types or quantization differ from the manifest, or its
                outputs are no probabilities.
        """
        self.manifest = manifest
        self.labels = tuple(labels) or manifest.labels
        self._columns = _columns(self.labels, manifest.labels)
        self._framing = manifest.framing
        self._size = manifest.input.size
        self._interpreter, self.package = open_interpreter(content, package=package)
        try:
            inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        except Exception as error:  # of any type, as for a tensor whose name is no text
            raise interpreter_error(error, "its tensors cannot be read") from error
        if len(inputs) != 1 or len(outputs) != 1:
            raise ModelError(f"expected a model with one input and one output, found {len(inputs)} and {len(outputs)}")
        self._channels = manifest.input.channels
        _check(inputs[0], (1, self._size, self._size, self._channels), manifest.input_tensor, "input")
        _check(outputs[0], (1, len(manifest.labels)), manifest.output_tensor, "output")
        self._input, self._output = int(inputs[0]["index"]), int(outputs[0]["index"])
        self._input_table = input_table(manifest.input, manifest.input_tensor)
        self._output_spec = manifest.output_tensor
        self.score(np.resize(_PROBE, (self._size, self._size)))

    def crop(self, gray: Gray, box: Box, *, roll_deg: float = 0.0) -> Gray:
        """Return the face in `box`, turned upright by `roll_deg`, as the model's input, (size, size) uint8.

        Args:
            gray: (H, W) uint8.
            box: the detector's box.
            roll_deg: rotation of the head in the image, degrees, clockwise.
        """
        return crop_face(gray, box, framing=self._framing, size=self._size, roll_deg=roll_deg)

    @property
    def size(self) -> int:
        """Side of the model's input, px."""
        return self._size

    def score(self, face: Gray) -> EmotionScores:
        """Return the probabilities of a cropped face, (size, size) uint8.

        Raises:
            ModelError: the interpreter cannot run the model, or its outputs are no probabilities.
        """
        values = self._input_table[face][np.newaxis, :, :, np.newaxis]
        if self._channels > 1:
            values = np.repeat(values, self._channels, axis=3)
        try:
            self._interpreter.set_tensor(self._input, values)
            self._interpreter.invoke()
            stored = self._interpreter.get_tensor(self._output)[0]
        except Exception as error:  # of any type
            raise interpreter_error(error, "it cannot be run") from error
        return EmotionScores(self._probabilities(stored))

    def score_with_mirror(self, face: Gray) -> EmotionScores:
        """Return the mean probabilities of a face and its mirror image: an expression does not depend on the side."""
        original, mirrored = self.score(face), self.score(face[:, ::-1])
        return EmotionScores((original.probabilities + mirrored.probabilities) / np.float32(2))

    def _probabilities(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        values = stored.astype(np.float32)
        if self._output_spec.scale:
            values = (values - np.float32(self._output_spec.zero_point)) * np.float32(self._output_spec.scale)
        if self.manifest.output == "logits":
            values = np.exp(values - values.max())
            values /= values.sum()
        check_probabilities(values, self.manifest.name, remedy=_REMEDY, step=self._output_spec.scale)
        values = values[self._columns]
        total = values.sum()
        # 256 quantization steps do not sum to 1 exactly. All zeros become a uniform distribution.
        return values / total if total > 0 else np.full_like(values, 1 / len(values))


_REMEDY = 'end the net with a softmax and convert it again, or write "output": "logits" into its manifest'


def check_probabilities(values: NDArray[np.float32], name: str, *, remedy: str, step: float = 0.0) -> None:
    """Check that a model's outputs are probabilities, whatever format the model has.

    Args:
        values: (..., K): outputs for one face or more.
        name: the model, for the message.
        remedy: what to do, for the message.
        step: difference between neighbouring values of a quantized output.

    Raises:
        ModelError: an output is negative, or the outputs for a face do not sum to 1.
    """
    tolerance = SUM_TOLERANCE + step * values.shape[-1] / 2
    if not (
        values.min() >= -tolerance and np.abs(values.sum(axis=-1) - 1).max() <= tolerance
    ):  # written so that NaN fails as well
        raise ModelError(
            f"{name}: expected probabilities that sum to 1, found outputs from {values.min():.3g} to"
            f" {values.max():.3g}: {remedy}"
        )


def _columns(labels: Sequence[str], known: Sequence[str]) -> list[int]:
    """Return the index of each label in the model's output."""
    missing = [label for label in labels if label not in known]
    if missing:
        raise ConfigError(
            f"model.classes: expected a model that knows {', '.join(labels)}, found one without {missing[0]}:"
            " choose other classes or another model"
        )
    return [known.index(label) for label in labels]


def input_table(given: InputSpec, spec: TensorSpec) -> NDArray[Any]:
    """Return the input tensor's value for each luma 0 ... 255: one lookup serves int8, uint8 and float models.

    Args:
        given: the model's input, with the values that stand for black and white.
        spec: type and quantization of the input tensor.
    """
    black, white = map(np.float32, given.value_range)
    values = black + to_unit(np.arange(256, dtype=np.uint8)) * (white - black)
    if spec.dtype == "float32":
        return values.astype(spec.dtype)
    if spec.scale:
        values = values / spec.scale + spec.zero_point
    limits = np.iinfo(spec.dtype)
    return np.clip(np.round(values), limits.min, limits.max).astype(spec.dtype)


def _check(details: dict[str, Any], shape: tuple[int, ...], spec: TensorSpec, end: str) -> None:
    found = tuple(int(side) for side in details["shape"])
    if found != shape:
        raise ModelError(f"expected a model with {end} shape {shape} as its manifest says, found {found}")
    dtype = np.dtype(details["dtype"]).name
    if dtype != spec.dtype:
        raise ModelError(f"expected a model with {end} type {spec.dtype} as its manifest says, found {dtype}")
    scale, zero_point = details["quantization"]
    if not np.isclose(scale, spec.scale, rtol=1e-4) or zero_point != spec.zero_point:
        raise ModelError(
            f"expected {end} scale {spec.scale:g} and zero point {spec.zero_point} as the manifest says,"
            f" found {scale:g} and {zero_point}"
        )
