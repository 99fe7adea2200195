"""The settings of a conversion."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from edge.model.manifest import Precision


class ConversionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of a conversion; where a field is None, the model published before decides, else the default.

    Attributes:
        name: of the published files; default: the run's or the checkpoint's.
        labels: a bare checkpoint's labels, in order; default: the set with as many classes.
        value_range: what a bare checkpoint takes for black and for white; default: 0.0 and 1.0.
        out: folder in which models are published; default: the run's, or runs/NAME.
        precisions: each one becomes a file.
        calibration_faces: number of faces on which ranges are measured, at least one per class.
        max_loss: share of validation accuracy that a converted model may lose, 0.0 to 1.0.
        seed: of the draw of calibration faces.
        framing_scale: see `edge.model.manifest.Framing`; default: 1.0.
        framing_shift: see `edge.model.manifest.Framing`; default: 0.0.
        equalise: equalise channels first, for a net that loses much in int8.
        layers: also report which layers lose most in int8; takes one conversion per layer.
        keep_calibration: with data, keep what an earlier calibration left beside the checkpoint, so that the model must
            come out again, and only verify and measure it.
        faces: face set (`.npz`) whose fold 1 shows what each label is worth in everyday use, for manifest and card.
        photos: folder of photographs on which the whole runtime is measured, for manifest and card.
        release: also evaluate on the test split, for manifest and card; do it once, for a released model.
        replace_shipped: publish in models/, in place of a model that ships and that this one beats on the same data.
    """

    name: str | None = None
    labels: tuple[str, ...] | None = None
    value_range: tuple[float, float] | None = None
    out: Path | None = None
    precisions: Annotated[tuple[Precision, ...], Meta(min_length=1)] = ("int8",)
    calibration_faces: Annotated[int, Meta(ge=7)] = 500
    max_loss: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.01
    seed: Annotated[int, Meta(ge=0)] = 0
    framing_scale: Annotated[float, Meta(gt=0.0, le=3.0)] | None = None
    framing_shift: Annotated[float, Meta(ge=-1.0, le=1.0)] | None = None
    equalise: bool = False
    layers: bool = False
    keep_calibration: bool = False
    faces: Path | None = None
    photos: Path | None = None
    release: bool = False
    replace_shipped: bool = False
