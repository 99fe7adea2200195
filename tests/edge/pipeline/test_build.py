"""The settings decide how predictions are corrected and smoothed; a wrong prior is found before a camera is opened."""

import msgspec
import numpy as np
import pytest

from edge.errors import ConfigError
from edge.labels import EMOTIONS
from edge.pipeline.build import build_steps
from edge.records import Box, EmotionScores, Track
from edge.settings.schema import ClassifySettings, ModelSettings, Settings
from edge.vision.classify import EmotionClassifier

NOISE = np.random.default_rng(0).integers(0, 256, (480, 640), dtype=np.uint8)
FACE = Track(1, Box(100, 100, 80, 80), 5, 0)
PERHAPS_ANGRY = np.array([0.46, 0.0, 0.02, 0.1, 0.02, 0.0, 0.4], np.float32)


@pytest.fixture
def predict(interpreter_package, monkeypatch):
    """Return the prediction for a new face of which the model says `PERHAPS_ANGRY`."""
    scores = EmotionScores(PERHAPS_ANGRY)
    monkeypatch.setattr(EmotionClassifier, "score_with_mirror", lambda _classifier, _face: scores)

    def predict(*, is_still_images=False, **classify):
        settings = Settings(model=ModelSettings(interpreter=interpreter_package), classify=ClassifySettings(**classify))
        steps = build_steps(settings)(is_still_images=is_still_images)
        return steps.track_classifier.update(NOISE, [FACE], media_time_s=0.0)[1].prediction

    return predict


def test_predictions_are_corrected_for_the_prior_in_the_settings(predict):
    """At full strength a face that could be neutral or angry is neutral; strength 0 leaves what the model says."""
    np.testing.assert_allclose(predict(prior_strength=0.0).probabilities, PERHAPS_ANGRY)
    assert predict(prior_strength=1.0).emotion == "neutral"
    own = dict.fromkeys(EMOTIONS, 0.0) | {"fear": 1.0, "sad": 1.0}
    assert predict(prior=own, prior_strength=0.5).emotion in {"fear", "sad"}


def test_a_rare_label_needs_evidence_in_a_stream_only(predict):
    """In a stream a doubtful angry face is uncertain at first; a picture has one look only."""
    off = {"prior_strength": 0.0}
    assert predict(**off).emotion == "uncertain"
    assert predict(is_still_images=True, **off).emotion == "angry"
    assert predict(prior="balanced", **off).emotion == "angry"


def test_a_prior_that_does_not_fit_the_model_is_found_at_once(interpreter_package):
    """Neither a source nor a step has been made when the error is raised."""
    settings = Settings(model=ModelSettings(interpreter=interpreter_package))
    wrong = msgspec.structs.replace(settings, classify=ClassifySettings(prior={"happy": 1.0, "sad": 1.0}))
    with pytest.raises(
        ConfigError, match=r"classify\.prior: .* found none for angry, disgust, fear, surprise, neutral"
    ):
        build_steps(wrong)
