"""Run settings: contradictions, defaults that depend on others, and runs of earlier versions."""

import msgspec
import pytest

from edge.errors import ConfigError
from train.run_folder import RUN, read_state
from train.settings import RunSettings, check_settings

REFUSED = {
    "momentum of adam": ({"optimizer": "adam", "momentum": 0.5}, "--momentum: expected --optimizer sgd with it"),
    "decay of adam": ({"optimizer": "adam", "weight_decay": 0.1}, "--weight-decay: expected --optimizer sgd or adamw"),
    "patience of a cosine": ({"plateau_patience": 3}, "--plateau-patience: expected --schedule plateau with it"),
    "factor of a cosine": ({"plateau_factor": 0.5}, "--plateau-factor: expected --schedule plateau with it"),
    "mix without teachers": ({"distil_mix": 0.5}, "--distil-mix: expected --teachers with it, found none"),
    "temperature without": ({"distil_temperature": 3.0}, "--distil-temperature: expected --teachers with it"),
    "fine-tuning of nothing": ({"fine_tune_rate": 0.1}, "--fine-tune-rate: expected --weights and --frozen-epochs"),
    "chance frozen": (
        {"frozen_epochs": 5},
        "--frozen-epochs: expected --weights of a transfer model with it, found none",
    ),
    "frozen to the end": (
        {"frozen_epochs": 5, "epochs": 5, "weights": "imagenet"},
        "--frozen-epochs: expected fewer than --epochs 5, found 5",
    ),
}


@pytest.mark.parametrize(("settings", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_settings_without_effect_are_refused(settings, message):
    """A setting that would have no effect raises a one-line error with its option."""
    with pytest.raises(ConfigError, match=message) as error:
        check_settings(RunSettings(labels=("happy", "sad"), data="x", **settings))
    assert "\n" not in str(error.value)


def test_early_stopping_without_patience_is_refused():
    """An early-stopping patience of zero epochs is invalid."""
    with pytest.raises(msgspec.ValidationError, match="Expected `int` >= 1"):
        msgspec.convert({"labels": ["happy", "sad"], "data": "x", "early_stop": 0}, RunSettings)


OLD_RUN = b"""{"settings": {"model": "edge_small", "labels": ["happy", "sad"], "data": "fer2013", "votes_share": 0.3,
"epochs": 70, "batch_size": 128, "learning_rate": 0.1, "warmup_epochs": 2, "momentum": 0.9, "weight_decay": 0.0005,
"label_smoothing": 0.1, "seed": 1}, "epochs_done": 1, "best_accuracy": 0.26, "seconds": 57.6,
"history": [{"accuracy": 0.22, "loss": 1.9, "val_accuracy": 0.26, "val_loss": 1.8}]}"""


def test_run_of_version_1_can_be_read(tmp_path):
    """A run.json without the newer settings is read with the behavior of its time."""
    (tmp_path / RUN).write_bytes(OLD_RUN)
    state = read_state(tmp_path)
    assert state.settings.optimizer == "sgd"
    assert state.settings.momentum == 0.9
    assert state.provenance is None
    check_settings(state.settings)


def test_defaults_for_pretrained_weights():
    """With pretrained weights five epochs are frozen and the rate is a tenth; a single epoch is not frozen."""
    both = [RunSettings(labels=("happy", "sad"), data="x", weights=weights) for weights in ("", "imagenet")]
    assert [settings.frozen for settings in both] == [0, 5]
    assert both[1].peak_learning_rate == pytest.approx(both[0].peak_learning_rate / 10)
    assert msgspec.structs.replace(both[1], epochs=1).frozen == 0
