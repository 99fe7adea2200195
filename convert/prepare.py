"""Brings a checkpoint to what every precision is made of: a float32 graph, a temperature, ranges of activations."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.calibrate import CalibrationFaces, draw_calibration
from convert.equalise import equalise
from convert.ranges import CalibrationRanges, measure_ranges, ranges_path, read_ranges
from convert.settings import ConversionSettings
from convert.temperature import at_temperature, divide_logits, fit_temperature
from convert.tensorflow_converter import FloatModel, export
from edge.model.prior import PriorCorrection
from edge.settings.schema import ClassifySettings
from train.checkpoint import Checkpoint
from train.command import check_interrupt
from train.data.faces import FaceData, Split, unseen
from train.evaluation.predict import predict
from train.native_logs import capture_native_logs

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedModel:
    """A checkpoint that is ready to be quantized.

    Attributes:
        checkpoint: its logits are already divided by the temperature in `ranges`.
        float_model: the exported graph.
        ranges: measured on `float_model`.
    """

    checkpoint: Checkpoint
    float_model: FloatModel
    ranges: CalibrationRanges


@dataclass(frozen=True, slots=True, eq=False)
class VerificationData:
    """The data on which a conversion is verified.

    Attributes:
        data: the data set.
        calibration: the faces on which ranges were measured.
        probabilities: the checkpoint's (N, K) predictions, by split.
    """

    data: FaceData
    calibration: CalibrationFaces
    probabilities: dict[Split, NDArray[np.float32]]


def calibrate_checkpoint(
    checkpoint: Checkpoint, data: FaceData, settings: ConversionSettings
) -> tuple[CalibratedModel, VerificationData]:
    """Fit the temperature on the validation split, and measure the ranges on the training split.

    The temperature makes the confidence right that the runtime shows with its default settings: of the average over a
    face and its mirror image, corrected by the prior.

    Raises:
        MediaError: the training split cannot be calibrated with.
        ModelError: the net has no probabilities, or an operation that TFLite does not have.
    """
    with capture_native_logs():
        predictions = {split: predict(checkpoint, data.held_out(split).pixels) for split in _verified_splits(settings)}
        mirrored = predict(checkpoint, data.validation.pixels[:, :, ::-1])
    defaults = ClassifySettings()
    correction = PriorCorrection(
        data.labels,
        training_prior(checkpoint, data),
        prior=defaults.prior,
        strength=defaults.prior_strength,
    )
    temperature = _fit_on_unseen([predictions["validation"], mirrored], data, correction)
    if not divide_logits(checkpoint.model, temperature):
        log.info("temperature: 1, because the net does not end in a dense layer or convolution and a softmax")
        temperature = 1.0
    predictions = {split: at_temperature(probabilities, temperature) for split, probabilities in predictions.items()}
    float_model = export(equalise(checkpoint.model) if settings.equalise else checkpoint.model)
    calibration = draw_calibration(
        data, faces=settings.calibration_faces, seed=settings.seed, input_spec=checkpoint.input
    )
    check_interrupt()
    ranges = measure_ranges(float_model, calibration, temperature=temperature, equalised=settings.equalise)
    return CalibratedModel(checkpoint, float_model, ranges), VerificationData(data, calibration, predictions)


def load_calibration(checkpoint: Checkpoint) -> CalibratedModel:
    """Apply the temperature, equalisation and ranges that an earlier calibration left beside the checkpoint.

    Raises:
        ModelError: the file is missing or cannot be used, or the net has an operation that TFLite does not have.
    """
    ranges = read_ranges(ranges_path(checkpoint.path))
    divide_logits(checkpoint.model, ranges.temperature)
    model = equalise(checkpoint.model) if ranges.equalised else checkpoint.model
    return CalibratedModel(checkpoint, export(model), ranges)


def predict_for_verification(
    calibrated: CalibratedModel, data: FaceData, settings: ConversionSettings
) -> VerificationData:
    """Predict the data that a model is verified on with a checkpoint that an earlier calibration applies to."""
    with capture_native_logs():
        predictions = {
            split: predict(calibrated.checkpoint, data.held_out(split).pixels) for split in _verified_splits(settings)
        }
    calibration = draw_calibration(
        data, faces=settings.calibration_faces, seed=settings.seed, input_spec=calibrated.checkpoint.input
    )
    return VerificationData(data, calibration, predictions)


def _verified_splits(settings: ConversionSettings) -> tuple[Split, ...]:
    return ("validation", "test") if settings.release else ("validation",)


def training_prior(checkpoint: Checkpoint, data: FaceData) -> dict[str, float]:
    """Return each label's share of the run's training targets; those of `data` if the run does not state them."""
    state = checkpoint.state
    known = state.provenance.data.class_shares if state and state.provenance else None
    return known or dict(zip(data.labels, data.training.class_shares().round(6).tolist(), strict=True))


def _fit_on_unseen(views: Sequence[NDArray[np.float32]], data: FaceData, correction: PriorCorrection) -> float:
    """Fit on the validation faces that are not also in the training split, or on all if every one is."""
    faces = data.validation
    clean = unseen(faces, data.training)
    chosen = clean if clean.any() else np.ones(len(faces), dtype=np.bool_)
    temperature = fit_temperature([view[chosen] for view in views], faces.codes[chosen], correction=correction)
    log.info("temperature: %.4f, fitted on %d faces of %s", temperature, chosen.sum(), data.split_names[1])
    return temperature
