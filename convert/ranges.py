"""Keeps the ranges of activations that int8 is made from: numbers, no pictures."""

from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from convert.activations import list_activations, observe
from convert.calibrate import CalibrationFaces
from convert.export import FloatModel
from edge.errors import ModelError

SCHEMA_VERSION = 1


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the file's parts: read-only, and a misspelt key is an error."""


class ActivationRange(Record, frozen=True, kw_only=True):
    """Smallest and largest value that an activation took. name and op are the float32 graph's."""

    name: str
    op: str
    low: float
    high: float


class CalibrationRanges(Record, frozen=True, kw_only=True):
    """What a calibration found, and on what.

    weights_sha256: of the net that was measured; see `convert.export`.
    temperature: what the checkpoint's logits were divided by in that net.
    equalised: whether `convert.equalise` made it.
    dataset, split, faces, seed: what was drawn; counts: label to number of faces.
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
        """Where the ranges come from, for people."""
        return f"{self.faces} faces of {self.dataset} {self.split}, balanced over classes, seed {self.seed}"


def measure_ranges(
    model: FloatModel, calibration: CalibrationFaces, *, temperature: float = 1.0, equalised: bool = False
) -> CalibrationRanges:
    """Run the faces through the float32 graph and note how far each activation reaches.

    Args:
        model: the graph.
        calibration: faces of the training split.
        temperature: what the checkpoint's logits were divided by before its export.
        equalised: whether its channels were; both are kept, so that the same net can be made of it again.
    """
    activations = list_activations(model.content)
    lows, highs = np.full(len(activations), np.inf), np.full(len(activations), -np.inf)
    for values in observe(model.content, calibration.faces, doing="calibrating"):
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
        ModelError: the weights are others, or this converter makes another graph of them.
    """
    remedy = "calibrate anew with --data"
    if ranges.weights_sha256 != model.weights_sha256:
        found, wanted = ranges.weights_sha256[:12], model.weights_sha256[:12]
        raise ModelError(f"ranges: expected those of the weights {wanted}…, found those of {found}…: {remedy}")
    here = [activation.op for activation in list_activations(model.content)]
    there = [measured.op for measured in ranges.ranges]
    if here != there:
        raise ModelError(
            f"ranges: expected those of {len(here)} operations as converted here, found {len(there)} of another graph:"
            f" {remedy}"
        )


def ranges_path(checkpoint: Path) -> Path:
    """Where the ranges of a checkpoint stand: beside it, `NAME.ranges.json`."""
    return checkpoint.with_suffix(".ranges.json")


def ranges_bytes(ranges: CalibrationRanges) -> bytes:
    """Return the ranges as indented JSON, the content of their file."""
    return msgspec.json.format(msgspec.json.encode(ranges), indent=2) + b"\n"


def read_ranges(path: Path) -> CalibrationRanges:
    """Read what `ranges_bytes` made.

    Raises:
        ModelError: the file is missing, or is none of this schema.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=CalibrationRanges)
    except FileNotFoundError as error:
        raise ModelError(
            f"{path}: expected the ranges of a calibration here, found nothing: calibrate with --data"
        ) from error
    except OSError as error:
        raise ModelError(f"{path}: the ranges cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(
            f"{path}: expected ranges of schema {SCHEMA_VERSION}, found: {error}: calibrate anew with --data"
        ) from error
