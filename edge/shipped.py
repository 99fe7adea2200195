"""Where the models that ship are."""

from pathlib import Path

MODELS = Path(__file__).resolve().parent.parent / "models"

SHIPPED_MODEL = MODELS / "edge_small.tflite"
"""The default."""


def model_path(setting: str) -> Path:
    """The file that a setting means: a path, or the name of a model that ships; empty is the default."""
    if not setting:
        return SHIPPED_MODEL
    shipped = MODELS / f"{setting}.tflite"
    return shipped if Path(setting).name == setting and shipped.is_file() else Path(setting)
