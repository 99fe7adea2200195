"""What makes a training run: its settings, with their ranges and defaults."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.errors import ConfigError
from train.augment import Augmentation

USUAL_RATE = {"sgd": 0.1, "adam": 1e-3, "adamw": 1e-3}
USUAL_DECAY = {"sgd": 5e-4, "adam": 0.0, "adamw": 0.05}
CAREFUL = 0.1
"""What is made of the usual rate where a net begins with weights that others have learnt."""
FROZEN = 5
ANSWERS_SHARE = 0.7


class RunSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What makes a run: the same settings and data give the same result on the same machine.

    What has a description is a command-line option. None is: switched off, or the usual as described.
    """

    model: Annotated[str, Meta(description="architecture, a file in train/models")] = "edge_small"
    weights: Annotated[
        str,
        Meta(description="what the net begins with: a checkpoint of it; a transfer model: imagenet, or a weights file"),
    ] = ""
    labels: tuple[str, ...]
    merges: dict[str, str] = {}
    data: str
    votes_share: Annotated[float, Meta(ge=0.0, le=1.0, description="share of FER+ votes in the targets")] = 0.0
    pooled: Annotated[bool, Meta(description="draw the splits anew instead of taking the data set's own")] = False
    epochs: Annotated[int, Meta(ge=1, description="times that every training face is seen")] = 60
    batch_size: Annotated[int, Meta(ge=1, description="faces in a step")] = 128
    optimizer: Annotated[Literal["sgd", "adam", "adamw"], Meta(description="sgd has Nesterov momentum")] = "sgd"
    learning_rate: Annotated[
        Annotated[float, Meta(gt=0.0)] | None,
        Meta(description="highest learning rate; else 0.1 for sgd, 0.001 for adam and adamw, with --weights a tenth"),
    ] = None
    momentum: Annotated[
        Annotated[float, Meta(ge=0.0, lt=1.0)] | None, Meta(description="momentum of sgd; else 0.9")
    ] = None
    weight_decay: Annotated[
        Annotated[float, Meta(ge=0.0)] | None,
        Meta(description="decay of kernels, times the learning rate; else 0.0005 for sgd, 0.05 for adamw"),
    ] = None
    clip_norm: Annotated[
        Annotated[float, Meta(gt=0.0)] | None, Meta(description="longest gradient, over all weights; else any")
    ] = None
    schedule: Annotated[
        Literal["cosine", "plateau"],
        Meta(description="learning rate: cosine to zero, or lowered when the validation loss no longer falls"),
    ] = "cosine"
    warmup_epochs: Annotated[int, Meta(ge=0, description="epochs in which the learning rate rises")] = 2
    plateau_patience: Annotated[
        Annotated[int, Meta(ge=1)] | None, Meta(description="epochs without a lower validation loss; else 5")
    ] = None
    plateau_factor: Annotated[
        Annotated[float, Meta(gt=0.0, lt=1.0)] | None, Meta(description="what lowers the rate then; else 0.5")
    ] = None
    early_stop: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="stop after so many epochs without a better validation accuracy; else never"),
    ] = None
    frozen_epochs: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="first epochs of a transfer model, in which its base does not learn; else 5 with --weights"),
    ] = None
    fine_tune_rate: Annotated[
        Annotated[float, Meta(gt=0.0)] | None,
        Meta(description="learning rate after the frozen epochs; else a tenth of the one before"),
    ] = None
    label_smoothing: Annotated[float, Meta(ge=0.0, lt=1.0, description="share of each target spread evenly")] = 0.1
    class_weights: Annotated[
        Literal["none", "balanced"], Meta(description="balanced: a rare class counts more, so that all count alike")
    ] = "none"
    teachers: Annotated[tuple[str, ...], Meta(description="checkpoints whose averaged answers are learnt")] = ()
    distil_mix: Annotated[
        Annotated[float, Meta(ge=0.0, le=1.0)] | None, Meta(description="share of the teachers in the loss; else 0.7")
    ] = None
    distil_temperature: Annotated[
        Annotated[float, Meta(gt=0.0)] | None, Meta(description="softens the answers of teachers and pupil; else 2")
    ] = None
    answers: Annotated[str, Meta(description="file of teachers' answers that train.answers has kept")] = ""
    answers_share: Annotated[
        Annotated[float, Meta(ge=0.0, le=1.0)] | None, Meta(description="share of these in the targets; else 0.7")
    ] = None
    ema: Annotated[
        Annotated[float, Meta(gt=0.0, lt=1.0)] | None,
        Meta(description="average the weights, keeping this share of the old average at each step; else not"),
    ] = None
    precision: Annotated[
        Literal["float32", "bfloat16", "float16"], Meta(description="of the computation; weights stay float32")
    ] = "float32"
    augmentation: Augmentation | None = Augmentation()
    seed: Annotated[int, Meta(ge=0, description="what all chance follows from")] = 0

    @property
    def rate(self) -> float:
        """The highest learning rate."""
        if self.learning_rate is not None:
            return self.learning_rate
        return USUAL_RATE[self.optimizer] * (CAREFUL if self.weights else 1.0)

    @property
    def taught_share(self) -> float:
        """Share of kept answers in the targets."""
        return ANSWERS_SHARE if self.answers_share is None else self.answers_share

    @property
    def decay(self) -> float:
        """The weight decay."""
        return USUAL_DECAY[self.optimizer] if self.weight_decay is None else self.weight_decay

    @property
    def inherits(self) -> bool:
        """Whether the net begins with a whole checkpoint, so that it has no base to freeze."""
        return self.weights.endswith(".keras")

    @property
    def frozen(self) -> int:
        """Number of epochs in which a transfer model's base does not learn."""
        if self.frozen_epochs is None:
            return min(FROZEN, self.epochs - 1) if self.weights and not self.inherits else 0
        return self.frozen_epochs


NEEDS = (
    ("momentum", "optimizer", ("sgd",), "--optimizer sgd"),
    ("weight_decay", "optimizer", ("sgd", "adamw"), "--optimizer sgd or adamw"),
    ("plateau_patience", "schedule", ("plateau",), "--schedule plateau"),
    ("plateau_factor", "schedule", ("plateau",), "--schedule plateau"),
)
"""(setting, the other setting that it needs, that one's values, as options): alone it would do nothing."""


def check_settings(settings: RunSettings) -> None:
    """Refuse settings that contradict each other, or that would do nothing.

    Raises:
        ConfigError: one line with the option.
    """
    for name, other, values, wanted in NEEDS:
        if getattr(settings, name) is not None and getattr(settings, other) not in values:
            raise _unused(name, wanted, f"--{other} {getattr(settings, other)}")
    for name in ("distil_mix", "distil_temperature"):
        if getattr(settings, name) is not None and not settings.teachers:
            raise _unused(name, "--teachers", "none")
    if settings.answers_share is not None and not settings.answers:
        raise _unused("answers_share", "--answers", "none")
    if settings.frozen_epochs and (not settings.weights or settings.inherits):
        raise _unused("frozen_epochs", "--weights of a transfer model", settings.weights or "none")
    if settings.fine_tune_rate is not None and not settings.frozen:
        raise _unused("fine_tune_rate", "--weights and --frozen-epochs", "none")
    if settings.frozen >= settings.epochs:
        raise ConfigError(
            f"--frozen-epochs: expected fewer than --epochs {settings.epochs}, found {settings.frozen}: leave epochs "
            "for fine-tuning"
        )


def _unused(name: str, wanted: str, found: str) -> ConfigError:
    option = f"--{name.replace('_', '-')}"
    return ConfigError(f"{option}: expected {wanted} with it, found {found}: give that, or leave {option} out")
