"""Finds the bundled models."""

from pathlib import Path

from edge.errors import ModelError, did_you_mean

_EDGE = Path(__file__).resolve().parents[1]
_IN_WHEEL, _IN_PROJECT = _EDGE / "assets" / "models", _EDGE.parent / "models"

MODELS = _IN_WHEEL if _IN_WHEEL.is_dir() else _IN_PROJECT
"""Folder of the bundled models."""

BUNDLED_MODEL = MODELS / "edge_small.tflite"
"""The default model."""


def bundled_models() -> list[str]:
    """Return the names of the bundled models."""
    return sorted(path.stem for path in MODELS.glob("*.tflite"))


def model_path(setting: str) -> Path:
    """Return the file of `model.path`: a path, the name of a bundled model, or empty for the default model.

    Raises:
        ModelError: there is no such file, and a bundled model has nearly that name.
    """
    if not setting:
        return BUNDLED_MODEL
    bundled = MODELS / f"{setting}.tflite"
    if Path(setting).name == setting and bundled.is_file():
        return bundled
    path = Path(setting)
    names = bundled_models()
    question = did_you_mean(setting, names)
    if question and path.name == setting and not path.exists():
        raise ModelError(f"{setting}: expected a model's file, or one of {', '.join(names)}, found neither: {question}")
    return path
