"""What is wanted of a conversion."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from convert.quantize import DEFAULT_BACKEND, Backend
from edge.manifest import Precision


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is wanted of a conversion. None: as the model was published before, else the default in brackets.

    name: of the published files (the run's or the checkpoint's).
    labels: a bare checkpoint's labels, in order (the set of as many classes).
    value_range: what a bare checkpoint takes for black and for white (0.0, 1.0).
    precisions: each becomes a file of its own.
    calibration_faces: at least as many as there are classes.
    max_loss: share of validation accuracy that a converted model may lose, 0.0 to 1.0.
    seed: draws the calibration faces.
    framing_scale, framing_shift: see `edge.manifest.Framing` (1.0 and 0.0).
    equalise: equalise channels first; for nets that lose much in int8.
    layers: also tell which layers lose most in int8; takes a conversion for each.
    release: also read the test split, once, for manifest and card.
    """

    name: str | None = None
    labels: tuple[str, ...] | None = None
    value_range: tuple[float, float] | None = None
    out: Path = Path("models")
    precisions: Annotated[tuple[Precision, ...], Meta(min_length=1)] = ("int8",)
    backend: Backend = DEFAULT_BACKEND
    calibration_faces: Annotated[int, Meta(ge=7)] = 500
    max_loss: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.01
    seed: Annotated[int, Meta(ge=0)] = 0
    framing_scale: Annotated[float, Meta(gt=0.0, le=3.0)] | None = None
    framing_shift: Annotated[float, Meta(ge=-1.0, le=1.0)] | None = None
    equalise: bool = False
    layers: bool = False
    release: bool = False
