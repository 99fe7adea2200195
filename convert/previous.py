"""Looks up what was published before under a model's name, and what of it still holds."""

import logging
from pathlib import Path

import msgspec

from edge.errors import ModelError
from edge.manifest import Manifest, Precision, manifest_path, read_manifest

log = logging.getLogger(__name__)


def model_path(folder: Path, name: str, precision: Precision) -> Path:
    """Where a model is published: NAME.tflite in int8, NAME.PRECISION.tflite in any other precision."""
    return folder / (f"{name}.tflite" if precision == "int8" else f"{name}.{precision}.tflite")


def read_previous(model: Path) -> Manifest | None:
    """Return the manifest beside `model`; None where there is none that can be read."""
    path = manifest_path(model)
    if not path.exists():
        return None
    try:
        return read_manifest(path)
    except ModelError as error:
        log.warning("%s: what was published before is left out of account", error)
        return None


def with_kept_facts(manifest: Manifest, previous: Manifest | None, *, run_known: bool) -> Manifest:
    """Return `manifest` with earlier facts that could not be had now, where the model is the same to the byte.

    These are the figures of splits that were not measured, and the training run of a checkpoint that does not say it.
    """
    if previous is None or previous.sha256 != manifest.sha256:
        return manifest
    measured = {(row.dataset, row.split) for row in manifest.figures}
    kept = [row for row in previous.figures if (row.dataset, row.split) not in measured]
    manifest = msgspec.structs.replace(manifest, figures=(*manifest.figures, *kept))
    if run_known:
        return manifest
    return msgspec.structs.replace(manifest, trained_on=previous.trained_on, training_run=previous.training_run)
