"""Fills in the manifest of a converted model: a draft that the runtime can open, then figures, training and checks."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from convert.prepare import CalibratedModel, training_prior
from convert.quantize import versions
from convert.tensors import ModelIO
from convert.verify import CheckpointComparison, Verification
from edge.labels import CLASS_SETS
from edge.model.manifest import Framing, Manifest, Measurement, Precision, SplitFigures, sha256_of
from train.checkpoint import Checkpoint
from train.data.faces import FaceData
from train.data.summary import summarize
from train.evaluation.measurements import SET_NAMES
from train.run_folder import LAST, RUN, TrainingState

KINDS = tuple(SET_NAMES)
"""Kinds of measured sets in the order of manifest and card."""

UNSEEN = "faces not in the training split"


def draft_manifest(
    content: bytes, model_io: ModelIO, calibrated: CalibratedModel, *, name: str, precision: Precision, framing: Framing
) -> Manifest:
    """Describe a model that is not verified yet: enough for the runtime to open it.

    Args:
        content: the flatbuffer.
        model_io: its input and output.
        calibrated: the checkpoint that it was made from.
        name: of the published model.
        precision: of this file.
        framing: how the runtime must crop a detector's box.
    """
    from train.models.macs import count_macs  # noqa: PLC0415  # Keras takes seconds to import

    checkpoint = calibrated.checkpoint
    return Manifest(
        name=name,
        precision=precision,
        labels=checkpoint.labels,
        class_set=class_set(checkpoint.labels),
        input=checkpoint.input,
        framing=framing,
        input_tensor=model_io.input,
        output_tensor=model_io.output,
        sha256=sha256_of(content),
        size_bytes=len(content),
        parameters=int(checkpoint.model.count_params()),
        multiply_adds=count_macs(checkpoint.model),
        temperature=calibrated.ranges.temperature,
        calibration=calibrated.ranges.description,
        created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        versions=versions(),
    )


def with_facts(manifest: Manifest, verification: Verification, checkpoint: Checkpoint, data: FaceData) -> Manifest:
    """Return the manifest with the results of the verification and what is known of the training."""
    state = checkpoint.state
    return msgspec.structs.replace(
        manifest,
        training_prior=training_prior(checkpoint, data),
        trained_on=_describe_training(checkpoint, data),
        training_run=None if state is None else _run_facts(checkpoint, state),
        figures=tuple(row for comparison in verification.comparisons for row in _figures(comparison, manifest)),
        checks=verification.checks,
    )


def with_kept_facts(manifest: Manifest, previous: Manifest | None, *, run_known: bool) -> Manifest:
    """Return the manifest with earlier facts that this conversion lacks, if the model is the same to the byte.

    Args:
        manifest: with the facts of this conversion.
        previous: published before. Figures of splits that were not measured now are taken from it.
        run_known: whether the checkpoint names its training run; if not, the run is taken from `previous`.
    """
    if previous is None or previous.sha256 != manifest.sha256:
        return manifest
    compared = {(row.dataset, row.split) for row in manifest.figures}
    kept = [row for row in previous.figures if (row.dataset, row.split) not in compared]
    manifest = msgspec.structs.replace(manifest, figures=(*manifest.figures, *kept), measurements=previous.measurements)
    if run_known:
        return manifest
    return msgspec.structs.replace(
        manifest,
        training_prior=previous.training_prior,
        trained_on=previous.trained_on,
        training_run=previous.training_run,
    )


def with_measurements(manifest: Manifest, measurements: Sequence[Measurement]) -> Manifest:
    """Return the manifest with `measurements` in place of earlier ones of the same sets, sorted by kind of set."""
    measured = {(row.kind, row.dataset, row.roll_deg) for row in measurements}
    kept = [row for row in manifest.measurements if (row.kind, row.dataset, row.roll_deg) not in measured]
    ordered = sorted([*measurements, *kept], key=lambda row: KINDS.index(row.kind))
    return msgspec.structs.replace(manifest, measurements=tuple(ordered))


def class_set(labels: Sequence[str]) -> int | None:
    """Return 7, 6 or 5 if the labels are one of our sets, else None."""
    return len(labels) if CLASS_SETS.get(len(labels)) == tuple(labels) else None


def _figures(comparison: CheckpointComparison, manifest: Manifest) -> Sequence[SplitFigures]:
    """Return two rows for a split: all its faces, and those not in the training split, if there are any."""
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
            calibration_error=round(after.calibration_error or 0.0, 6),  # None only without predictions
            recall={label: round(share, 6) for label, share in after.recall.items()},
            agreement=round(agreement, 6),
            largest_difference=round(comparison.largest_difference, 6),
            date=manifest.created[:10],
        )
        for split, before, after, agreement in sets
    ]


def _run_facts(checkpoint: Checkpoint, state: TrainingState) -> dict[str, Any]:
    """Return settings and packages of a run, and the hash of its training faces.

    The command is left out, since it names local paths; so are the folders of the weights, teachers and predictions
    that the run began with. The settings come from the run's own file: an old run lacks the settings added since.
    """
    written = msgspec.json.decode((checkpoint.path.parent / RUN).read_bytes())
    facts: dict[str, Any] = written["settings"] | {"epochs_done": state.epochs_done}
    for name in ("weights", "answers"):
        if facts.get(name):
            facts[name] = _shortened(facts[name])
    if facts.get("teachers"):
        facts["teachers"] = [_shortened(teacher) for teacher in facts["teachers"]]
    if state.provenance is None:
        return facts
    return facts | {"versions": state.provenance.versions, "data_sha256": state.provenance.data.sha256}


def _shortened(path: str) -> str:
    """Return the last folder and the name of a path, or the name alone if there is no folder: enough to know a run."""
    return "/".join(Path(path).parts[-2:])


def _describe_training(checkpoint: Checkpoint, data: FaceData) -> str:
    state = checkpoint.state
    known = state.provenance.data if state and state.provenance else summarize(data)
    split, counts = next(iter(known.counts.items()))
    faces = f"{known.name} {split}, {sum(counts.values())} faces"
    if state is None:
        return f"{faces} (as given to the conversion; the run is not known)"
    settings = state.settings
    shares = f", shares {' : '.join(f'{share:g}' for share in settings.shares)}" if settings.shares else ""
    votes = f", FER+ votes {settings.votes_share:g}" if settings.votes_share else ""
    start = f", begun with {_shortened(settings.weights)}" if settings.weights else ""
    choice = "last" if checkpoint.path.name == LAST else "best"
    return f"{faces}{shares}{votes}{start}, {choice} of {state.epochs_done} epochs, seed {settings.seed}"
