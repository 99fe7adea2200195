"""Takes a checkpoint through the conversion, step by step: load, calibrate, quantize, verify, publish."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from convert.card import card_files
from convert.destination import MODELS, check_better, is_shipped, output_folder
from convert.draft_manifest import draft_manifest, with_facts, with_kept_facts, with_measurements
from convert.interpreters import measure_latency
from convert.layer_errors import layer_table, measure_layer_errors
from convert.measure import measure_model
from convert.prepare import (
    CalibratedModel,
    VerificationData,
    calibrate_checkpoint,
    load_calibration,
    predict_for_verification,
)
from convert.publish import check_target, model_path, publish, read_previous
from convert.quantize import quantize
from convert.ranges import ranges_bytes, ranges_path
from convert.settings import ConversionSettings
from convert.tensors import check_tensors
from convert.verify import verify_model
from edge.errors import ModelError
from edge.model.manifest import Framing, Latency, Manifest, Precision, manifest_bytes, manifest_path, model_bytes
from train.checkpoint import Checkpoint, find_checkpoint, open_checkpoint
from train.command import check_interrupt
from train.data.dataset import read_dataset
from train.data.face_file import read_face_file
from train.data.faces import FaceData
from train.evaluation.photos import list_photos
from train.native_logs import capture_native_logs

log = logging.getLogger(__name__)

SIDE_BY_SIDE: tuple[Precision, ...] = ("float32", "dynamic", "int8")
"""Precisions whose latency every manifest lists, because int8 is not always faster."""

LAYER_FACES = 100
"""Number of calibration faces on which layers are compared."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A converted model that is not published yet.

    Attributes:
        path: where it will be published.
        content: the flatbuffer.
        draft: its manifest, without figures.
        previous: the manifest of the model that is published there now.
    """

    path: Path
    content: bytes
    draft: Manifest
    previous: Manifest | None

    @property
    def is_unchanged(self) -> bool:
        """Whether it equals the model published before to the byte."""
        return self.previous is not None and self.previous.sha256 == self.draft.sha256


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """A published model.

    Attributes:
        path: of the `.tflite`.
        manifest: as published.
        outcome: "new"; "unchanged" if the model equals the one published before to the byte; "restored" if a rebuild
            replaced files that were missing or different.
    """

    path: Path
    manifest: Manifest
    outcome: Literal["new", "unchanged", "restored"]


def convert(source: Path, data_paths: Sequence[Path] | None, settings: ConversionSettings) -> list[PublishedModel]:
    """Convert a checkpoint and publish it in each requested precision; all of them or none.

    Args:
        source: a run's folder, or a checkpoint file.
        data_paths: calibrate and verify on these data sets. None: rebuild with what an earlier calibration left beside
            the checkpoint; a model that then differs from the published one is not published.
        settings: of the conversion.

    Raises:
        ConfigError: a wrong option, an output folder that cannot be written, a missing package.
        MediaError: the data set cannot be used.
        ModelError: the checkpoint cannot be used, or a converted model fails a check.
    """
    found, state = find_checkpoint(source)
    name = settings.name or (found.parent.resolve().name if state else found.stem)
    out = output_folder(
        found,
        name,
        settings,
        is_run=state is not None,
        has_data=data_paths is not None and not settings.keep_calibration,
    )
    check_target(out, name)
    paths = {precision: model_path(out, name, precision) for precision in settings.precisions}
    previous = {precision: read_previous(path) for precision, path in paths.items()}
    if state is None:  # what was published beside a bare checkpoint says what it is
        for precision, manifest in previous.items():
            previous[precision] = manifest or read_previous(model_path(found.parent, found.stem, precision))
    known = next((manifest for manifest in previous.values() if manifest is not None and state is None), None)
    with capture_native_logs():
        checkpoint = open_checkpoint(
            source,
            labels=settings.labels or (known.labels if known else None),
            value_range=settings.value_range or (known.input.value_range if known else None),
        )
    log.info("checkpoint: %s, %d parameters", found, checkpoint.model.count_params())
    truth: VerificationData | None = None
    if data_paths is None:
        calibrated = load_calibration(checkpoint)
    else:
        _check_sets(settings)
        data = _read_as_trained(data_paths, checkpoint, known)
        if settings.keep_calibration:
            calibrated = load_calibration(checkpoint)
            truth = predict_for_verification(calibrated, data, settings)
        else:
            calibrated, truth = calibrate_checkpoint(checkpoint, data, settings)
    candidates = [
        _convert_to(precision, calibrated, name, settings, path=path, previous=previous[precision])
        for precision, path in paths.items()
    ]
    if truth is None:
        return _publish_rebuilt(candidates)
    if settings.keep_calibration:
        for candidate in candidates:
            _rebuilt_manifest(candidate)
    return _publish_verified(candidates, calibrated, truth, data_paths or (), settings)


def _check_sets(settings: ConversionSettings) -> None:
    """Refuse, before any work, a face set or photographs that cannot be read.

    Raises:
        MediaError: they cannot be read.
    """
    if settings.faces:
        read_face_file(settings.faces)
    if settings.photos:
        list_photos(settings.photos)


def _read_as_trained(paths: Sequence[Path], checkpoint: Checkpoint, known: Manifest | None) -> FaceData:
    """Read the data as the run did, if the run is known: another draw of splits would evaluate on training faces."""
    run = msgspec.to_builtins(checkpoint.state.settings) if checkpoint.state else (known and known.training_run) or {}
    return read_dataset(
        paths,
        labels=checkpoint.labels,
        merges=run.get("merges", {}),
        choose_by_votes=run.get("choose_by_votes", False),
        pooled=run.get("pooled", False),
    )


def _convert_to(
    precision: Precision,
    calibrated: CalibratedModel,
    name: str,
    settings: ConversionSettings,
    *,
    path: Path,
    previous: Manifest | None,
) -> Candidate:
    content = quantize(calibrated.float_model, calibrated.ranges, precision=precision)
    checkpoint = calibrated.checkpoint
    with capture_native_logs():
        model_io = check_tensors(content, checkpoint.labels, precision=precision, input_spec=checkpoint.input)
    log.info("%s: %d bytes, from %d of float32", precision, len(content), len(calibrated.float_model.content))
    draft = draft_manifest(
        content, model_io, calibrated, name=name, precision=precision, framing=_framing(settings, previous)
    )
    return Candidate(path, content, draft, previous)


def _framing(settings: ConversionSettings, previous: Manifest | None) -> Framing:
    """Return the framing from the settings, else the one published before."""
    before = previous.framing if previous else Framing()
    scale, shift_y = settings.framing_scale, settings.framing_shift
    return Framing(before.scale if scale is None else scale, before.shift_y if shift_y is None else shift_y)


def _rebuilt_manifest(candidate: Candidate) -> Manifest:
    """Return the manifest published before, which also describes this model.

    Raises:
        ModelError: the model differs from the one published before, or there is none.
    """
    if candidate.previous is None or not candidate.is_unchanged:
        before = "none" if candidate.previous is None else f"another (sha256 {candidate.previous.sha256[:12]}…)"
        raise ModelError(
            f"{candidate.path}: expected the model that was verified before to come out again, found {before}"
            " there: verify this one with --data, without --keep-calibration"
        )
    return candidate.previous


def _publish_rebuilt(candidates: Sequence[Candidate]) -> list[PublishedModel]:
    """Publish models that equal those verified before, so that their figures are known."""
    files: dict[Path, bytes] = {}
    models = []
    for candidate in candidates:
        manifest = msgspec.structs.replace(_rebuilt_manifest(candidate), framing=candidate.draft.framing)
        new = _model_files(candidate, manifest)
        is_there = all(path.is_file() and path.read_bytes() == content for path, content in new.items())
        models.append(PublishedModel(candidate.path, manifest, "unchanged" if is_there else "restored"))
        files |= {} if is_there else new
    if files:
        _publish(files)
    return models


def _publish_verified(
    candidates: Sequence[Candidate],
    calibrated: CalibratedModel,
    truth: VerificationData,
    data_paths: Sequence[Path],
    settings: ConversionSettings,
) -> list[PublishedModel]:
    """Publish models that pass every check, with all their figures."""
    verifications = [
        verify_model(candidate.content, candidate.draft, truth, max_loss=settings.max_loss) for candidate in candidates
    ]
    if settings.layers:
        _report_layers(candidates, calibrated, truth)
    latency = _measure_latency(candidates, calibrated)
    if settings.replace_shipped:
        for candidate, verification in zip(candidates, verifications, strict=True):
            accuracy = verification.comparisons[0].converted.official.accuracy
            check_better(candidate.path, candidate.draft, accuracy, truth)
    files = _calibration_files(calibrated, candidates[0].draft.name, settings)
    models = []
    for candidate, verification in zip(candidates, verifications, strict=True):
        manifest = with_facts(candidate.draft, verification, calibrated.checkpoint, truth.data)
        manifest = with_kept_facts(manifest, candidate.previous, run_known=calibrated.checkpoint.state is not None)
        measured = measure_model(candidate.content, manifest, calibrated.checkpoint, data_paths, settings)
        manifest = msgspec.structs.replace(with_measurements(manifest, measured.measurements), latency=latency)
        validation = verification.comparisons[0].converted
        files |= _model_files(candidate, manifest)
        files |= card_files(
            candidate.path,
            manifest,
            validation,
            truth.data,
            max_loss=settings.max_loss,
            conditions=measured.conditions,
            keep_conditions=candidate.is_unchanged,
        )
        models.append(PublishedModel(candidate.path, manifest, "unchanged" if candidate.is_unchanged else "new"))
    _publish(files)
    return models


def _calibration_files(calibrated: CalibratedModel, name: str, settings: ConversionSettings) -> dict[Path, bytes]:
    """Return what a rebuild needs beside the checkpoint; for a model that will ship, with the checkpoint itself."""
    path, ranges = calibrated.checkpoint.path, ranges_bytes(calibrated.ranges)
    if settings.replace_shipped:
        shipped = MODELS / f"{name}.keras"
        return {shipped: path.read_bytes(), ranges_path(shipped): ranges}
    return {} if is_shipped(path.parent) else {ranges_path(path): ranges}


def _publish(files: Mapping[Path, bytes]) -> None:
    """Publish, unless the user has pressed Ctrl-C and a library has swallowed it."""
    check_interrupt()
    publish(files)


def _report_layers(candidates: Sequence[Candidate], calibrated: CalibratedModel, truth: VerificationData) -> None:
    faces = truth.calibration.faces[:LAYER_FACES]
    for candidate in candidates:
        if candidate.draft.precision == "int8":
            with capture_native_logs():
                errors = measure_layer_errors(calibrated.float_model, calibrated.ranges, candidate.content, faces)
            log.info("%s", layer_table(errors))


def _measure_latency(candidates: Sequence[Candidate], calibrated: CalibratedModel) -> tuple[Latency, ...]:
    contents: Mapping[Precision, bytes] = {candidate.draft.precision: candidate.content for candidate in candidates}
    with capture_native_logs():
        others = {
            precision: quantize(calibrated.float_model, calibrated.ranges, precision=precision)
            for precision in SIDE_BY_SIDE
            if precision not in contents
        }
        return measure_latency({**others, **contents})


def _model_files(candidate: Candidate, manifest: Manifest) -> dict[Path, bytes]:
    return {
        candidate.path: model_bytes(candidate.content, manifest),
        manifest_path(candidate.path): manifest_bytes(manifest),
    }
