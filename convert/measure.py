"""Measures a converted model as the runtime uses it, for its manifest and card."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from convert.settings import ConversionSettings
from edge.model.manifest import Manifest, MeasuredSet, Measurement, model_bytes
from edge.vision.classify import EmotionClassifier
from train.checkpoint import Checkpoint
from train.data.dataset import read_fold, read_held_out, read_majority_faces
from train.data.faces import FaceSet, Split
from train.data.formats import find_votes
from train.data.raw import VALIDATION
from train.evaluation.conditions import RobustnessResults, measure_conditions
from train.evaluation.measurements import ROLLS_DEG, majorities_name, measure_faces, measure_photos
from train.evaluation.predict import predict
from train.native_logs import capture_native_logs


@dataclass(frozen=True, slots=True)
class MeasuredModel:
    """Measurements of a converted model.

    Attributes:
        measurements: on each set, those of everyday use first.
        conditions: on photographs at a distance, in the dark and so on; None without photographs.
    """

    measurements: list[Measurement]
    conditions: RobustnessResults | None


def measure_model(
    content: bytes,
    manifest: Manifest,
    checkpoint: Checkpoint,
    data_paths: Sequence[Path],
    settings: ConversionSettings,
) -> MeasuredModel:
    """Measure a model on every set that the settings give; the test split only for a release.

    Labels are measured on each data set alone, so that a figure names its data set and split.

    Args:
        content: the flatbuffer.
        manifest: its manifest, with the training prior.
        checkpoint: the float model, with the temperature.
        data_paths: the data sets.
        settings: name the face set and the photographs.

    Raises:
        MediaError: a set cannot be read.
    """
    with capture_native_logs():
        classifier = EmotionClassifier(content, manifest, package="ai-edge-litert")
    measurements: list[Measurement] = []
    conditions = None

    def add(kind: MeasuredSet, dataset: str, faces: FaceSet) -> None:
        measurements.extend(
            measure_faces(
                predict(classifier, faces.pixels, both_ways=True),
                faces,
                manifest.labels,
                kind=kind,
                dataset=dataset,
                training_prior=manifest.training_prior,
                float_predictions=predict(checkpoint, faces.pixels, both_ways=True),
            )
        )

    if settings.faces:
        faces = read_fold(settings.faces, labels=manifest.labels, fold=VALIDATION)
        add("everyday", f"{settings.faces.stem} fold {VALIDATION}", faces)
    if settings.photos:
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder, f"{manifest.name}.tflite")
            model.write_bytes(model_bytes(content, manifest))
            measurements += measure_photos(
                model,
                settings.photos,
                manifest.labels,
                rolls_deg=(0.0, *ROLLS_DEG),
                training_prior=manifest.training_prior,
            )
            conditions = measure_conditions(model, settings.photos)
    splits: tuple[Split, ...] = ("validation", "test") if settings.release else ("validation",)
    for path in filter(find_votes, data_paths):
        for split in splits:
            add("majorities", majorities_name(split), read_majority_faces(path, labels=manifest.labels, split=split))
    run = manifest.training_run or {}
    merges, pooled = run.get("merges", {}), run.get("pooled", False)
    for path in data_paths:
        if settings.faces and path.samefile(settings.faces):
            continue  # its held-out fold is the everyday mixture above
        for split in splits:
            name, faces = read_held_out(path, labels=manifest.labels, split=split, merges=merges, pooled=pooled)
            if len(faces):  # a face set may lack a test split
                add("labels", name, faces)
    return MeasuredModel(measurements, conditions)
