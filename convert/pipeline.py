"""Takes a checkpoint through the conversion, step by step: load, calibrate, quantize, verify, publish."""

import logging
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from convert.calibrate import draw_calibration
from convert.card import card_text
from convert.describe import draft_manifest, with_figures
from convert.export import export
from convert.publish import check_target, publish
from convert.quantize import quantize
from convert.quiet import quiet
from convert.ranges import measure_ranges
from convert.verify import Comparison, check_loss, check_tensors, compare
from edge.manifest import Framing, Manifest, manifest_bytes, manifest_path, model_bytes
from edge.vision.classify import EmotionClassifier
from train.checkpoint import Checkpoint, find_checkpoint, open_checkpoint
from train.dataset import read_dataset
from train.faces import FaceData, Split
from train.predict import predict

log = logging.getLogger(__name__)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is wanted of a conversion.

    name: of the published files; None takes the run's or the checkpoint's.
    labels: a bare checkpoint's labels, in order.
    calibration_faces: at least as many as there are classes.
    max_loss: share of validation accuracy that int8 may lose, 0.0 to 1.0.
    release: also read the test split, once, for the card.
    """

    name: str | None = None
    labels: tuple[str, ...] | None = None
    out: Path = Path("models")
    calibration_faces: Annotated[int, Meta(ge=7)] = 500
    max_loss: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.01
    seed: Annotated[int, Meta(ge=0)] = 0
    framing: Framing = Framing()
    release: bool = False


def convert(source: Path, data_path: Path, settings: Settings) -> Manifest:
    """Publish the checkpoint that `source` means as an int8 model; returns its manifest.

    Nothing is written unless every check holds.

    Raises:
        ConfigError: an option, an output folder, a missing package.
        MediaError: the data set.
        ModelError: the checkpoint, or a converted model that is not as good as it must be.
    """
    found, state = find_checkpoint(source)
    name = settings.name or (found.parent.resolve().name if state else found.stem)
    check_target(settings.out, name)
    with quiet():
        checkpoint = open_checkpoint(source, labels=settings.labels)
    log.info("checkpoint: %s, %d parameters", found, checkpoint.model.count_params())
    data = read_dataset(data_path, labels=checkpoint.labels)
    float_model = export(checkpoint.model)
    calibration = draw_calibration(data, faces=settings.calibration_faces, seed=settings.seed)
    ranges = measure_ranges(float_model, calibration)
    content = quantize(float_model, ranges)
    with quiet():
        ends = check_tensors(content, checkpoint.labels)
    log.info("int8: %d bytes, input scale %.8f, zero point %d", len(content), ends.input.scale, ends.input.zero_point)
    draft = draft_manifest(
        content, ends, checkpoint, data, name=name, framing=settings.framing, calibration=ranges.description
    )
    comparisons = _measure(content, draft, checkpoint, data, settings)
    manifest = with_figures(draft, comparisons)
    model = settings.out / f"{name}.tflite"
    card = card_text(manifest, comparisons, data, max_loss=settings.max_loss)
    publish(
        {
            model: model_bytes(content, manifest),
            manifest_path(model): manifest_bytes(manifest),
            model.with_suffix(".md"): card.encode(),
        }
    )
    log.info("published: %s, from %s", model, found)
    return manifest


def _measure(
    content: bytes, draft: Manifest, checkpoint: Checkpoint, data: FaceData, settings: Settings
) -> list[Comparison]:
    """Compare on validation, refuse what lost too much, and only then look at the test split where it is wanted."""
    classifier = EmotionClassifier(content, draft)
    splits: tuple[Split, ...] = ("validation", "test") if settings.release else ("validation",)
    comparisons = []
    for split in splits:
        faces = data.held_out(split)
        with quiet():
            answers = predict(checkpoint, faces.pixels)
        comparison = compare(answers, predict(classifier, faces.pixels), data, split=split)
        comparisons.append(comparison)
        float_accuracy, int8_accuracy = comparison.checkpoint.official.accuracy, comparison.int8.official.accuracy
        log.info(
            "%s: checkpoint %.4f, int8 %.4f, same answers %.4f, largest difference %.4f",
            comparison.int8.split,
            float_accuracy,
            int8_accuracy,
            comparison.agreement,
            comparison.largest_difference,
        )
        if split == "validation":
            check_loss(float_accuracy=float_accuracy, int8_accuracy=int8_accuracy, max_loss=settings.max_loss)
    return comparisons
