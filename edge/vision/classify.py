"""Names the expression of a face with a TFLite model."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError, ModelError
from edge.manifest import InputSpec, Manifest, TensorSpec
from edge.records import Box, EmotionScores, Gray
from edge.vision.crop import crop_face, to_unit
from edge.vision.interpreter import Package, open_interpreter


class EmotionClassifier:
    """A model with what its manifest says of it. One thread alone may use an instance: that is the interpreter's rule.

    manifest: what it says of itself. labels: those that it answers with, in the order of the probabilities.
    package: name of the interpreter package in use.
    """

    def __init__(
        self, content: bytes, manifest: Manifest, *, package: Package = "auto", labels: Sequence[str] = ()
    ) -> None:
        """Open the model and check it against its manifest.

        labels: answer with these alone, out of the model's; what is left of its answer is scaled to sum to 1. None
            given: with all that it knows.

        Raises:
            ConfigError: the model does not know one of `labels`.
            ModelError: it cannot be opened, or its shapes, types or quantization are not the manifest's.
        """
        self.manifest = manifest
        self.labels = tuple(labels) or manifest.labels
        self._chosen = _places(self.labels, manifest.labels)
        self._framing = manifest.framing
        self._size = manifest.input.size
        self._interpreter, self.package = open_interpreter(content, package=package)
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ModelError(f"expected a model with one input and one output, found {len(inputs)} and {len(outputs)}")
        _check(inputs[0], (1, self._size, self._size, 1), manifest.input_tensor, "input")
        _check(outputs[0], (1, len(manifest.labels)), manifest.output_tensor, "output")
        self._input, self._output = int(inputs[0]["index"]), int(outputs[0]["index"])
        self._stored = input_table(manifest.input, manifest.input_tensor)
        self._output_spec = manifest.output_tensor

    def crop(self, gray: Gray, box: Box) -> Gray:
        """Cut the face in `box` out of the frame `gray`, (H, W) uint8, as the model wants it: (size, size) uint8."""
        return crop_face(gray, box, framing=self._framing, size=self._size)

    @property
    def size(self) -> int:
        """Side of the faces that `score` takes, px."""
        return self._size

    def score(self, face: Gray) -> EmotionScores:
        """Name the expression of a cropped face, (size, size) uint8."""
        self._interpreter.set_tensor(self._input, self._stored[face][np.newaxis, :, :, np.newaxis])
        self._interpreter.invoke()
        return EmotionScores(self._probabilities(self._interpreter.get_tensor(self._output)[0]))

    def score_both_ways(self, face: Gray) -> EmotionScores:
        """Name it by the mean of what is said of the face and of its mirror image: an expression has no side."""
        one, other = self.score(face), self.score(face[:, ::-1])
        return EmotionScores((one.probabilities + other.probabilities) / np.float32(2))

    def _probabilities(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        values = stored.astype(np.float32)
        if self._output_spec.scale:
            values = (values - np.float32(self._output_spec.zero_point)) * np.float32(self._output_spec.scale)
        values = values[self._chosen]
        total = values.sum()
        # 256 steps do not sum to 1 exactly. A model that answers nothing at all is as unsure as can be.
        return values / total if total > 0 else np.full_like(values, 1 / len(values))


def _places(labels: Sequence[str], known: Sequence[str]) -> list[int]:
    """Where in the model's answer each label stands."""
    missing = [label for label in labels if label not in known]
    if missing:
        raise ConfigError(
            f"model.classes: expected a model that knows {', '.join(labels)}, found one without {missing[0]}:"
            " choose other classes or another model"
        )
    return [known.index(label) for label in labels]


def input_table(given: InputSpec, spec: TensorSpec) -> NDArray[Any]:
    """What is stored in the input tensor for each luma 0 ... 255: one table serves int8, uint8 and float models."""
    black, white = map(np.float32, given.value_range)
    values = black + to_unit(np.arange(256, dtype=np.uint8)) * (white - black)
    if not spec.scale:
        return values.astype(spec.dtype)
    limits = np.iinfo(spec.dtype)
    return np.clip(np.round(values / spec.scale + spec.zero_point), limits.min, limits.max).astype(spec.dtype)


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
