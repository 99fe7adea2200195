"""Decides where a conversion's files go, and whether they may replace a model that ships."""

import logging
from pathlib import Path

from convert.prepare import VerificationData
from convert.publish import read_previous
from convert.settings import ConversionSettings
from edge.errors import ConfigError, ModelError
from edge.model.bundled import MODELS as SHIPPED
from edge.model.manifest import Manifest, read_model
from edge.vision.classify import EmotionClassifier
from train.evaluation.predict import predict
from train.evaluation.split_metrics import measure_split
from train.native_logs import capture_native_logs

log = logging.getLogger(__name__)

MODELS = Path("models")
"""Folder of the models that ship and of their checkpoints, from the project's folder."""

RUNS = Path("runs")


def output_folder(checkpoint: Path, name: str, settings: ConversionSettings, *, is_run: bool, has_data: bool) -> Path:
    """Return the folder to publish in: the one in the settings, else the run's, else `runs/NAME`.

    A rebuild is published beside its checkpoint, where it can only restore what was verified before, or measure it.

    Args:
        checkpoint: path of the checkpoint's file.
        name: of the model.
        settings: of the conversion.
        is_run: whether the checkpoint lies in a run's folder.
        has_data: whether the model is calibrated now, so that it may differ from the one published before.

    Raises:
        ConfigError: the folder is that of the models that ship, and the settings do not say that they are replaced; or
            they cannot be replaced from here.
    """
    if settings.replace_shipped:
        if settings.out is not None:
            raise ConfigError(f"--out: expected none with --replace-shipped, found {settings.out}: drop one of them")
        if not has_data:
            raise ConfigError("--replace-shipped: expected --data to compare both models on, found none: give it")
        if not is_shipped(MODELS):
            raise ConfigError(f"--replace-shipped: expected to run in {SHIPPED.parent}, found {Path.cwd()}: go there")
        return MODELS
    folder = settings.out or (checkpoint.parent if is_run or not has_data else RUNS / name)
    if has_data and is_shipped(folder):
        raise ConfigError(
            f"--out: expected a folder of your own, found {folder}, which holds the models that ship:"
            " give another one, or --replace-shipped instead"
        )
    return folder


def is_shipped(folder: Path) -> bool:
    """Return whether it is the folder of the models that ship."""
    return folder.resolve() == SHIPPED.resolve()


def check_better(model: Path, draft: Manifest, accuracy: float, truth: VerificationData) -> None:
    """Check that a model beats the one that it is to replace, on the same faces.

    Args:
        model: path of the model that ships.
        draft: manifest of the new one.
        accuracy: of the new one on the validation split, 0.0 to 1.0.
        truth: the data.

    Raises:
        ModelError: it is no better, or has other labels.
    """
    shipped = read_previous(model)
    if shipped is None or not model.is_file() or shipped.sha256 == draft.sha256:
        return
    if shipped.labels != draft.labels:
        raise ModelError(
            f"{model}: expected a model with the labels of the one that ships ({', '.join(shipped.labels)}), found"
            f" {', '.join(draft.labels)}: give another --name"
        )
    with capture_native_logs():
        classifier = EmotionClassifier(*read_model(model), package="ai-edge-litert")
    probabilities = predict(classifier, truth.data.validation.pixels)
    to_beat = measure_split(probabilities, truth.data, split="validation").official.accuracy
    split = truth.data.split_names[1]
    if not accuracy > to_beat:  # written so that NaN is refused
        raise ModelError(
            f"{model}: expected a model that beats the one that ships on {split} of this data, found an accuracy of"
            f" {accuracy:.4f} against {to_beat:.4f}: nothing was written; drop --replace-shipped to keep it as your own"
        )
    log.info("%s: accuracy %.4f, of the model that ships %.4f", split, accuracy, to_beat)
