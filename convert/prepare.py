"""Brings a checkpoint to the float32 graph, temperature and ranges of activations that every precision is made of."""

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.calibrate import CalibrationFaces, draw_calibration
from convert.equalise import equalise
from convert.export import FloatModel, export
from convert.ranges import CalibrationRanges, measure_ranges, ranges_path, read_ranges
from convert.settings import Settings
from convert.temperature import at_temperature, divide_logits, fit_temperature
from train.checkpoint import Checkpoint
from train.faces import FaceData, Split, unseen
from train.interrupt import check_interrupt
from train.predict import predict
from train.quiet import quiet

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What is quantized. The checkpoint's logits are divided by the temperature of `ranges` already."""

    checkpoint: Checkpoint
    float_model: FloatModel
    ranges: CalibrationRanges


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What a conversion is verified on. answers: split to the checkpoint's (N, K) probabilities."""

    data: FaceData
    calibration: CalibrationFaces
    answers: dict[Split, NDArray[np.float32]]


def calibrate_anew(checkpoint: Checkpoint, data: FaceData, settings: Settings) -> tuple[Prepared, Truth]:
    """Fit the temperature on the validation split, and measure the ranges on the training split.

    Raises:
        MediaError: the training split cannot be calibrated with.
        ModelError: the net has no probabilities, or operations that TFLite has not.
    """
    splits: tuple[Split, ...] = ("validation", "test") if settings.release else ("validation",)
    with quiet():
        answers = {split: predict(checkpoint, data.held_out(split).pixels) for split in splits}
    temperature = _fit(answers["validation"], data)
    if not divide_logits(checkpoint.model, temperature):
        log.info("temperature: 1, for no dense layer or convolution stands before a softmax at the net's end")
        temperature = 1.0
    answers = {split: at_temperature(probabilities, temperature) for split, probabilities in answers.items()}
    float_model = export(equalise(checkpoint.model) if settings.equalise else checkpoint.model)
    calibration = draw_calibration(data, faces=settings.calibration_faces, seed=settings.seed, entry=checkpoint.input)
    check_interrupt()
    ranges = measure_ranges(float_model, calibration, temperature=temperature, equalised=settings.equalise)
    return Prepared(checkpoint, float_model, ranges), Truth(data, calibration, answers)


def take_kept(checkpoint: Checkpoint) -> Prepared:
    """Take temperature, equalisation and ranges from the file that an earlier calibration left beside the checkpoint.

    Raises:
        ModelError: it is missing, or cannot be used; or the net has operations that TFLite has not.
    """
    ranges = read_ranges(ranges_path(checkpoint.path))
    divide_logits(checkpoint.model, ranges.temperature)
    model = equalise(checkpoint.model) if ranges.equalised else checkpoint.model
    return Prepared(checkpoint, export(model), ranges)


def _fit(answers: NDArray[np.float32], data: FaceData) -> float:
    """Fit on faces that the net cannot have learnt by heart; on all, where every one also stands in training."""
    faces = data.validation
    clean = unseen(faces, data.training)
    chosen = clean if clean.any() else np.ones(len(faces), dtype=np.bool_)
    temperature = fit_temperature(answers[chosen], faces.codes[chosen])
    log.info("temperature: %.4f, fitted on %d faces of %s", temperature, chosen.sum(), data.split_names[1])
    return temperature
