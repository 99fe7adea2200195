"""Writes down what a converted model is: its manifest."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from convert.quantize import versions
from convert.verify import Comparison, Ends
from edge.labels import CLASS_SETS
from edge.manifest import Framing, InputSpec, Manifest, SplitFigures, sha256_of
from train.checkpoint import Checkpoint
from train.faces import FACE_PX, FaceData

UNSEEN = "faces not in the training split"


def draft_manifest(
    content: bytes, ends: Ends, checkpoint: Checkpoint, data: FaceData, *, name: str, framing: Framing, calibration: str
) -> Manifest:
    """Describe a model whose accuracy is not measured yet: enough for the runtime to open it."""
    return Manifest(
        name=name,
        precision="int8",
        labels=checkpoint.labels,
        class_set=class_set(checkpoint.labels),
        input=InputSpec(size=FACE_PX, value_range=(0.0, 1.0)),
        framing=framing,
        input_tensor=ends.input,
        output_tensor=ends.output,
        sha256=sha256_of(content),
        size_bytes=len(content),
        parameters=int(checkpoint.model.count_params()),
        trained_on=_training(checkpoint, data),
        calibration=calibration,
        created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        versions=versions(),
    )


def with_figures(manifest: Manifest, comparisons: Sequence[Comparison]) -> Manifest:
    """Return the manifest with two rows for each split: all its faces, and those not in the training split."""
    rows = []
    for comparison in comparisons:
        checkpoint, int8 = comparison.checkpoint, comparison.int8
        sets = [(int8.split, checkpoint.official, int8.official, comparison.agreement)]
        if checkpoint.unseen and int8.unseen and comparison.agreement_unseen is not None:
            sets.append((f"{int8.split}, {UNSEEN}", checkpoint.unseen, int8.unseen, comparison.agreement_unseen))
        rows += [
            SplitFigures(
                dataset=int8.dataset,
                split=split,
                classes=len(manifest.labels),
                faces=after.faces,
                float_accuracy=round(before.accuracy, 6),
                model_accuracy=round(after.accuracy, 6),
                balanced_accuracy=round(after.balanced_accuracy, 6),
                calibration_error=round(after.calibration_error, 6),
                agreement=round(agreement, 6),
                largest_difference=round(comparison.largest_difference, 6),
                date=manifest.created[:10],
            )
            for split, before, after, agreement in sets
        ]
    return msgspec.structs.replace(manifest, figures=tuple(rows))


def class_set(labels: Sequence[str]) -> int | None:
    """Return 7, 6 or 5 where the labels are one of our sets."""
    return len(labels) if CLASS_SETS.get(len(labels)) == tuple(labels) else None


def _training(checkpoint: Checkpoint, data: FaceData) -> str:
    faces = f"{data.name} {data.split_names[0]}, {len(data.training)} faces"
    if checkpoint.state is None:
        return f"{faces} (as given to the conversion; the run is not known)"
    settings = checkpoint.state.settings
    votes = f", FER+ votes {settings.votes_share:g}" if settings.votes_share else ""
    return f"{faces}{votes}, best of {checkpoint.state.epochs_done} epochs, seed {settings.seed}"
