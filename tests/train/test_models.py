"""The registry of architectures."""

import sys
import types

import numpy as np
import pytest

from edge.errors import ConfigError
from train import models
from train.models import build_model, model_names


def test_every_file_is_a_model_by_its_name():
    """A module in train/models is found without being listed anywhere."""
    assert {"cnn", "edge_small"} <= set(model_names())


@pytest.mark.parametrize(("name", "classes"), [("cnn", 7), ("edge_small", 5)])
def test_a_model_maps_faces_to_probabilities(name, classes):
    """(B, 48, 48, 1) in, (B, classes) probabilities out."""
    model = build_model(name, classes=classes)
    answers = model.predict_on_batch(np.random.default_rng(0).random((3, 48, 48, 1), dtype=np.float32))
    assert model.input_shape == (None, 48, 48, 1)
    assert answers.shape == (3, classes)
    assert np.allclose(answers.sum(axis=1), 1, atol=1e-5)
    assert (answers >= 0).all()


def test_an_unknown_model_is_answered_with_the_known_ones():
    """The message lists what can be chosen."""
    with pytest.raises(ConfigError, match="unknown model 'resnet': expected one of cnn, edge_accurate, edge_small"):
        build_model("resnet", classes=7)


def test_a_file_that_builds_something_else_is_named(monkeypatch):
    """A build() that forgets its return is told so by file name."""
    monkeypatch.setattr(models, "model_names", lambda: ["broken"])
    module = types.ModuleType("train.models.broken")
    module.build = lambda classes: None  # noqa: ARG005  # a file somebody else wrote
    monkeypatch.setitem(sys.modules, "train.models.broken", module)
    with pytest.raises(ConfigError, match=r"broken\.py: expected build\(\) to return a keras.Model, found NoneType"):
        build_model("broken", classes=7)
