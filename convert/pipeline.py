"""Takes a checkpoint through the conversion, step by step: load, calibrate, quantize, verify, publish."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from convert.card import card_files
from convert.describe import draft_manifest, with_facts
from convert.latency import measure_latency
from convert.layers import layer_errors, layer_table
from convert.measure import measure_model
from convert.prepare import Prepared, Truth, calibrate_anew, take_kept
from convert.previous import model_path, read_previous, with_kept_facts
from convert.publish import check_target, publish
from convert.quantize import quantize
from convert.ranges import ranges_bytes, ranges_path
from convert.settings import Settings
from convert.table import Result
from convert.tensors import check_tensors
from edge.errors import ModelError
from edge.manifest import Framing, Latency, Manifest, Precision, manifest_bytes, manifest_path, model_bytes
from train.checkpoint import Checkpoint, find_checkpoint, open_checkpoint
from train.dataset import read_dataset
from train.faces import FaceData
from train.interrupt import check_interrupt
from train.quiet import quiet

log = logging.getLogger(__name__)

SIDE_BY_SIDE: tuple[Precision, ...] = ("float32", "dynamic", "int8")
"""Precisions whose latency stands in every manifest: int8 is not faster by nature."""


LAYER_FACES = 100
"""Calibration faces on which layers are compared."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A converted model that is not published yet. previous: what stands where it would go."""

    path: Path
    content: bytes
    draft: Manifest
    previous: Manifest | None

    @property
    def is_the_same(self) -> bool:
        """Whether it came out as it was published before, to the byte."""
        return self.previous is not None and self.previous.sha256 == self.draft.sha256


def convert(source: Path, data_paths: Sequence[Path] | None, settings: Settings) -> list[Result]:
    """Publish the checkpoint that `source` means, in each precision that is wanted; all of them or none.

    Args:
        source: a run's folder, or a checkpoint's file.
        data_paths: calibrate and verify on these data sets. None: rebuild with what an earlier calibration left beside
            the checkpoint; a model that then comes out otherwise is not published.
        settings: what is wanted.

    Raises:
        ConfigError: an option, an output folder, a missing package.
        MediaError: the data set.
        ModelError: the checkpoint, or a converted model that is not as good as it must be.
    """
    found, state = find_checkpoint(source)
    name = settings.name or (found.parent.resolve().name if state else found.stem)
    check_target(settings.out, name)
    paths = {precision: model_path(settings.out, name, precision) for precision in settings.precisions}
    previous = {precision: read_previous(path) for precision, path in paths.items()}
    known = next((manifest for manifest in previous.values() if manifest is not None and state is None), None)
    with quiet():
        checkpoint = open_checkpoint(
            source,
            labels=settings.labels or (known.labels if known else None),
            value_range=settings.value_range or (known.input.value_range if known else None),
        )
    log.info("checkpoint: %s, %d parameters", found, checkpoint.model.count_params())
    if data_paths is None:
        prepared, truth = take_kept(checkpoint), None
    else:
        data = _read_as_trained(data_paths, checkpoint, known)
        prepared, truth = calibrate_anew(checkpoint, data, settings)
    candidates = [
        _convert_to(precision, prepared, name, settings, path=path, previous=previous[precision])
        for precision, path in paths.items()
    ]
    if truth is None:
        return _rebuild(candidates)
    return _verify(candidates, prepared, truth, settings)


def _read_as_trained(paths: Sequence[Path], checkpoint: Checkpoint, known: Manifest | None) -> FaceData:
    """Read the data as the run did, where it is known: splits drawn otherwise would measure on what was trained on."""
    run = msgspec.to_builtins(checkpoint.state.settings) if checkpoint.state else (known and known.training_run) or {}
    return read_dataset(
        paths,
        labels=checkpoint.labels,
        merges=run.get("merges", {}),
        pooled=run.get("pooled", False),
    )


def _convert_to(
    precision: Precision,
    prepared: Prepared,
    name: str,
    settings: Settings,
    *,
    path: Path,
    previous: Manifest | None,
) -> Candidate:
    content = quantize(prepared.float_model, prepared.ranges, precision=precision, backend=settings.backend)
    checkpoint = prepared.checkpoint
    with quiet():
        ends = check_tensors(content, checkpoint.labels, precision=precision, entry=checkpoint.input)
    log.info("%s: %d bytes, from %d of float32", precision, len(content), len(prepared.float_model.content))
    draft = draft_manifest(
        content, ends, prepared, name=name, precision=precision, framing=_framing(settings, previous)
    )
    return Candidate(path, content, draft, previous)


def _framing(settings: Settings, previous: Manifest | None) -> Framing:
    """What the user says, else as published before."""
    before = previous.framing if previous else Framing()
    scale, shift_y = settings.framing_scale, settings.framing_shift
    return Framing(before.scale if scale is None else scale, before.shift_y if shift_y is None else shift_y)


def _rebuild(candidates: Sequence[Candidate]) -> list[Result]:
    """Publish models whose figures are known, because they came out as before."""
    files: dict[Path, bytes] = {}
    results = []
    for candidate in candidates:
        if candidate.previous is None or not candidate.is_the_same:
            before = "none" if candidate.previous is None else f"another (sha256 {candidate.previous.sha256[:12]}…)"
            raise ModelError(
                f"{candidate.path}: expected the model that was verified before to come out again, found {before}"
                " there: verify this one with --data"
            )
        manifest = msgspec.structs.replace(candidate.previous, framing=candidate.draft.framing)
        new = _model_files(candidate, manifest)
        is_there = all(path.is_file() and path.read_bytes() == content for path, content in new.items())
        results.append(Result(candidate.path, manifest, "unchanged" if is_there else "restored"))
        files |= {} if is_there else new
    if files:
        _publish(files)
    return results


def _verify(candidates: Sequence[Candidate], prepared: Prepared, truth: Truth, settings: Settings) -> list[Result]:
    """Publish models that pass every check, with all their figures."""
    measured = [
        measure_model(candidate.content, candidate.draft, truth, max_loss=settings.max_loss) for candidate in candidates
    ]
    if settings.layers:
        _tell_layers(candidates, prepared, truth)
    latency = _measure_latency(candidates, prepared, settings)
    files: dict[Path, bytes] = {ranges_path(prepared.checkpoint.path): ranges_bytes(prepared.ranges)}
    results = []
    for candidate, figures in zip(candidates, measured, strict=True):
        manifest = with_facts(candidate.draft, figures, prepared.checkpoint, truth.data)
        manifest = with_kept_facts(manifest, candidate.previous, run_known=prepared.checkpoint.state is not None)
        manifest = msgspec.structs.replace(manifest, latency=latency)
        files |= _model_files(candidate, manifest)
        files |= card_files(candidate.path, manifest, figures.comparisons[0].converted, truth.data, settings.max_loss)
        results.append(Result(candidate.path, manifest, "unchanged" if candidate.is_the_same else "new"))
    _publish(files)
    return results


def _publish(files: Mapping[Path, bytes]) -> None:
    """Publish, unless the user has stopped the conversion and nobody noticed."""
    check_interrupt()
    publish(files)


def _tell_layers(candidates: Sequence[Candidate], prepared: Prepared, truth: Truth) -> None:
    faces = truth.calibration.faces[:LAYER_FACES]
    for candidate in candidates:
        if candidate.draft.precision == "int8":
            with quiet():
                errors = layer_errors(prepared.float_model, prepared.ranges, candidate.content, faces)
            log.info("%s", layer_table(errors))


def _measure_latency(candidates: Sequence[Candidate], prepared: Prepared, settings: Settings) -> tuple[Latency, ...]:
    contents: Mapping[Precision, bytes] = {candidate.draft.precision: candidate.content for candidate in candidates}
    with quiet():
        others = {
            precision: quantize(prepared.float_model, prepared.ranges, precision=precision, backend=settings.backend)
            for precision in SIDE_BY_SIDE
            if precision not in contents
        }
        return measure_latency({**others, **contents})


def _model_files(candidate: Candidate, manifest: Manifest) -> dict[Path, bytes]:
    return {
        candidate.path: model_bytes(candidate.content, manifest),
        manifest_path(candidate.path): manifest_bytes(manifest),
    }
