"""Writes down what a converted model is: its manifest."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from convert.measure import Measured
from convert.prepare import Prepared
from convert.quantize import versions
from convert.tensors import Ends
from convert.verify import Comparison
from edge.labels import CLASS_SETS
from edge.manifest import Framing, Manifest, Precision, SplitFigures, sha256_of
from train.checkpoint import Checkpoint
from train.faces import FaceData
from train.state import RUN, RunState

UNSEEN = "faces not in the training split"


def draft_manifest(
    content: bytes, ends: Ends, prepared: Prepared, *, name: str, precision: Precision, framing: Framing
) -> Manifest:
    """Describe a model that is not measured yet: enough for the runtime to open it.

    Args:
        content: the flatbuffer.
        ends: both its ends.
        prepared: what it was made of.
        name: of the published model.
        precision: of this file.
        framing: how a detector's box is to be cut.
    """
    from train.multiply_adds import multiply_adds  # noqa: PLC0415  # Keras takes seconds: a wrong path does not wait

    checkpoint = prepared.checkpoint
    return Manifest(
        name=name,
        precision=precision,
        labels=checkpoint.labels,
        class_set=class_set(checkpoint.labels),
        input=checkpoint.input,
        framing=framing,
        input_tensor=ends.input,
        output_tensor=ends.output,
        sha256=sha256_of(content),
        size_bytes=len(content),
        parameters=int(checkpoint.model.count_params()),
        multiply_adds=multiply_adds(checkpoint.model),
        temperature=prepared.ranges.temperature,
        calibration=prepared.ranges.description,
        created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        versions=versions(),
    )


def with_facts(manifest: Manifest, measured: Measured, checkpoint: Checkpoint, data: FaceData) -> Manifest:
    """Return the manifest with what was measured, and with the training as far as it is known."""
    state = checkpoint.state
    return msgspec.structs.replace(
        manifest,
        trained_on=_training(checkpoint, data),
        training_run=None if state is None else _run(checkpoint, state),
        figures=tuple(row for comparison in measured.comparisons for row in _rows(comparison, manifest)),
        checks=measured.checks,
    )


def _rows(comparison: Comparison, manifest: Manifest) -> Sequence[SplitFigures]:
    """Two rows for a split: all its faces, and those not in the training split, where there are any."""
    checkpoint, converted = comparison.checkpoint, comparison.converted
    sets = [(converted.split, checkpoint.official, converted.official, comparison.agreement)]
    if checkpoint.unseen and converted.unseen and comparison.agreement_unseen is not None:
        name = f"{converted.split}, {UNSEEN}"
        sets.append((name, checkpoint.unseen, converted.unseen, comparison.agreement_unseen))
    return [
        SplitFigures(
            dataset=converted.dataset,
            split=split,
            classes=len(manifest.labels),
            faces=after.faces,
            float_accuracy=round(before.accuracy, 6),
            model_accuracy=round(after.accuracy, 6),
            balanced_accuracy=round(after.balanced_accuracy, 6),
            calibration_error=round(after.calibration_error, 6),
            recall={label: round(share, 6) for label, share in after.recall.items()},
            agreement=round(agreement, 6),
            largest_difference=round(comparison.largest_difference, 6),
            date=manifest.created[:10],
        )
        for split, before, after, agreement in sets
    ]


def class_set(labels: Sequence[str]) -> int | None:
    """Return 7, 6 or 5 where the labels are one of our sets."""
    return len(labels) if CLASS_SETS.get(len(labels)) == tuple(labels) else None


def _run(checkpoint: Checkpoint, state: RunState) -> dict[str, Any]:
    """Settings and packages of a run, and the hash of its training faces.

    Neither the command, which names local paths, nor where the weights, teachers and answers that it began with stood.

    The settings are those that the run itself wrote: an old run knows nothing of what was added since.
    """
    written = msgspec.json.decode((checkpoint.path.parent / RUN).read_bytes())
    facts: dict[str, Any] = written["settings"] | {"epochs_done": state.epochs_done}
    for name in ("weights", "answers"):
        if facts.get(name):
            facts[name] = _without_place(facts[name])
    if facts.get("teachers"):
        facts["teachers"] = [_without_place(teacher) for teacher in facts["teachers"]]
    if state.provenance is None:
        return facts
    return facts | {"versions": state.provenance.versions, "data_sha256": state.provenance.data.sha256}


def _without_place(path: str) -> str:
    """Return what tells one run from another: the folder and the name, or the name alone where there is no folder."""
    return "/".join(Path(path).parts[-2:])


def _training(checkpoint: Checkpoint, data: FaceData) -> str:
    faces = f"{data.name} {data.split_names[0]}, {len(data.training)} faces"
    if checkpoint.state is None:
        return f"{faces} (as given to the conversion; the run is not known)"
    settings = checkpoint.state.settings
    votes = f", FER+ votes {settings.votes_share:g}" if settings.votes_share else ""
    begun = f", begun with {_without_place(settings.weights)}" if settings.weights else ""
    return f"{faces}{votes}{begun}, best of {checkpoint.state.epochs_done} epochs, seed {settings.seed}"
