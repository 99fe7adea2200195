"""`model.path` is the name of a bundled model, or a path."""

from pathlib import Path

import pytest

from edge.errors import ModelError
from edge.model import bundled
from edge.model.bundled import BUNDLED_MODEL, model_path


@pytest.mark.parametrize(
    ("setting", "path"),
    [
        ("", BUNDLED_MODEL),
        ("edge_small", BUNDLED_MODEL),
        ("mine.tflite", Path("mine.tflite")),
        ("edge_unknown", Path("edge_unknown")),
        ("./edge_small", Path("./edge_small")),
    ],
)
def test_model_path(setting, path):
    """Only the bare name of a bundled model is searched among the bundled models; anything else is a path."""
    assert model_path(setting) == path


@pytest.mark.parametrize("setting", ["edge_accurat", "Edge_Small", "edge-small", "edge_smal.tflite"])
def test_a_mistyped_name_gets_a_suggestion(setting):
    """A name that is nearly that of a bundled model, and no file, names the model that was probably meant."""
    with pytest.raises(
        ModelError, match=r"or one of edge_accurate, edge_small, found neither: did you mean edge_\w+\?$"
    ):
        model_path(setting)


def test_a_file_of_nearly_that_name_is_used(tmp_path, monkeypatch):
    """A user's own file is taken as it is."""
    monkeypatch.chdir(tmp_path)
    Path("edge_smal.tflite").touch()
    assert model_path("edge_smal.tflite") == Path("edge_smal.tflite")


def test_name_with_a_folder_is_a_path(monkeypatch):
    """`../x` is a path from the working directory, not a name below the models' folder."""
    monkeypatch.setattr(bundled, "MODELS", BUNDLED_MODEL.parent / "other")
    assert model_path("../edge_small") == Path("../edge_small")
