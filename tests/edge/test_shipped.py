"""A model that ships is named, any other is a path."""

from pathlib import Path

import pytest

from edge import shipped
from edge.shipped import SHIPPED_MODEL, model_path


@pytest.mark.parametrize(
    ("setting", "path"),
    [
        ("", SHIPPED_MODEL),
        ("edge_small", SHIPPED_MODEL),
        ("mine.tflite", Path("mine.tflite")),
        ("edge_unknown", Path("edge_unknown")),
        ("./edge_small", Path("./edge_small")),
    ],
)
def test_what_a_setting_means(setting, path):
    """Only a bare name that ships is looked for among the models."""
    assert model_path(setting) == path


def test_a_name_does_not_leave_the_folder(monkeypatch):
    """`../x` is a path from where the user stands."""
    monkeypatch.setattr(shipped, "MODELS", SHIPPED_MODEL.parent / "other")
    assert model_path("../edge_small") == Path("../edge_small")
