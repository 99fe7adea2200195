"""Measures the ranges of activations that int8 is made from, and keeps them in a file without any picture."""

from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from convert.activations import list_activations, observe_activations
from convert.calibrate import CalibrationFaces
from convert.tensorflow_converter import FloatModel
from edge.device.files import read_limited
from edge.errors import ModelError

SCHEMA_VERSION = 1

MAX_BYTES = 1 << 20
"""Largest file of ranges that is read, bytes."""


class ActivationRange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Smallest and largest value that an activation took.

    Attributes:
        name: of the tensor in the float32 graph.
        op: TFLite's name of the operation that computes it.
        low: smallest value.
        high: largest value.
    """

    name: str
    op: str
    low: float
    high: float


class CalibrationRanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of a ranges file: the result of a calibration, and its origin.

    Attributes:
        schema_version: of the file.
        weights_sha256: of the net that was measured; see `convert.tensorflow_converter.weights_sha256`.
        temperature: the checkpoint's logits were divided by this before the measurement.
        equalised: whether `convert.equalise` had changed the net before the measurement.
        dataset: name of the data set.
        split: name of the split.
        faces: number of faces.
        seed: of the draw.
        counts: number of faces by label.
        ranges: one for each activation, in the order in which the graph computes them.
    """

    schema_version: Annotated[int, Meta(ge=SCHEMA_VERSION, le=SCHEMA_VERSION)] = SCHEMA_VERSION
    weights_sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    temperature: Annotated[float, Meta(gt=0.0)] = 1.0
    equalised: bool = False
    dataset: str
    split: str
    faces: Annotated[int, Meta(gt=0)]
    seed: Annotated[int, Meta(ge=0)]
    counts: dict[str, int]
    ranges: tuple[ActivationRange, ...]

    @property
    def description(self) -> str:
        """The origin of the ranges, in words."""
        return f"{self.faces} faces of {self.dataset} {self.split}, balanced over classes, seed {self.seed}"


def measure_ranges(
    model: FloatModel, calibration: CalibrationFaces, *, temperature: float = 1.0, equalised: bool = False
) -> CalibrationRanges:
    """Run the faces through the float32 graph and record the smallest and largest value of each activation.

    Args:
        model: the graph.
        calibration: faces of the training split.
        temperature: the checkpoint's logits were divided by this before the export.
        equalised: whether the checkpoint's channels were equalised before the export. Both are stored, so that the
            same net can be made again.
    """
    activations = list_activations(model.content)
    lows, highs = np.full(len(activations), np.inf), np.full(len(activations), -np.inf)
    for values in observe_activations(model.content, calibration.faces, progress_text="calibrating"):
        lows = np.minimum(lows, [value.min() for value in values])
        highs = np.maximum(highs, [value.max() for value in values])
    return CalibrationRanges(
        weights_sha256=model.weights_sha256,
        temperature=temperature,
        equalised=equalised,
        dataset=calibration.dataset,
        split=calibration.split,
        faces=len(calibration.faces),
        seed=calibration.seed,
        counts=calibration.counts,
        ranges=tuple(
            ActivationRange(name=activation.name, op=activation.op, low=float(low), high=float(high))
            for activation, low, high in zip(activations, lows, highs, strict=True)
        ),
    )


def check_belongs(ranges: CalibrationRanges, model: FloatModel) -> None:
    """Check that `ranges` were measured on this checkpoint's graph.

    Raises:
        ModelError: the weights are others, or this converter makes another graph from them.
    """
    remedy = "calibrate again with --data"
    if ranges.weights_sha256 != model.weights_sha256:
        found, wanted = ranges.weights_sha256[:12], model.weights_sha256[:12]
        raise ModelError(f"ranges: expected those of the weights {wanted}…, found those of {found}…: {remedy}")
    model_ops = [activation.op for activation in list_activations(model.content)]
    measured_ops = [measured.op for measured in ranges.ranges]
    if model_ops != measured_ops:
        raise ModelError(
            f"ranges: expected those of {len(model_ops)} operations as converted here, found {len(measured_ops)} of"
            f" another graph: {remedy}"
        )


def ranges_path(checkpoint: Path) -> Path:
    """Return the path of a checkpoint's ranges: `NAME.ranges.json`, in the same folder."""
    return checkpoint.with_suffix(".ranges.json")


def ranges_bytes(ranges: CalibrationRanges) -> bytes:
    """Return the content of a ranges file: indented JSON."""
    return msgspec.json.format(msgspec.json.encode(ranges), indent=2) + b"\n"


def read_ranges(path: Path) -> CalibrationRanges:
    """Read a file with the content of `ranges_bytes`.

    Raises:
        ModelError: the file is missing, unreadable, or not of this schema.
    """
    try:
        return msgspec.json.decode(read_limited(path, MAX_BYTES), type=CalibrationRanges)
    except FileNotFoundError as error:
        raise ModelError(
            f"{path}: expected the ranges of a calibration here, found nothing: calibrate with --data"
        ) from error
    except OSError as error:
        raise ModelError(f"{path}: the ranges cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ModelError(
            f"{path}: expected ranges of schema {SCHEMA_VERSION}, found: {error}: calibrate again with --data"
        ) from error
