"""The settings of a training run, with their ranges and defaults; each described one is a command-line option."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.errors import ConfigError
from train.augment import Augmentation

DEFAULT_LEARNING_RATE = {"sgd": 0.1, "adam": 1e-3, "adamw": 1e-3}
DEFAULT_WEIGHT_DECAY = {"sgd": 5e-4, "adam": 0.0, "adamw": 0.05}
PRETRAINED_RATE_FACTOR = 0.1
"""Factor of the usual learning rate if a net starts from trained weights."""

FROZEN_EPOCHS = 5
PREDICTIONS_SHARE = 0.7


class RunSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a run: the same settings and data give the same result on the same machine.

    Fields with a description are command-line options. None means switched off, or the default in the description.
    """

    model: Annotated[str, Meta(description="architecture, a file in train/models")] = "edge_small"
    weights: Annotated[
        str,
        Meta(
            description="initial weights: a checkpoint of the net; for a transfer model imagenet, or a file of weights"
        ),
    ] = ""
    labels: tuple[str, ...]
    merges: dict[str, str] = {}
    data: str
    votes_share: Annotated[float, Meta(ge=0.0, le=1.0, description="share of FER+ votes in the targets")] = 0.0
    choose_by_votes: Annotated[
        bool, Meta(description="validate on the faces with a majority of FER+ votes, and on what it says")
    ] = False
    shares: Annotated[
        tuple[Annotated[float, Meta(gt=0.0)], ...],
        Meta(description="for each data set, its share of the faces of an epoch (default: every face once)"),
    ] = ()
    balance: Annotated[
        tuple[Annotated[float, Meta(ge=0.0, le=1.0)], ...],
        Meta(description="for each data set, 0: classes in proportion to their faces, 1: equally often (default: 0)"),
    ] = ()
    pooled: Annotated[bool, Meta(description="redraw the splits instead of using the data set's own")] = False
    epochs: Annotated[int, Meta(ge=1, description="passes over the training faces")] = 60
    batch_size: Annotated[int, Meta(ge=1, description="faces per step")] = 128
    optimizer: Annotated[Literal["sgd", "adam", "adamw"], Meta(description="sgd has Nesterov momentum")] = "sgd"
    learning_rate: Annotated[
        Annotated[float, Meta(gt=0.0)] | None,
        Meta(description="peak learning rate (default: 0.1 for sgd, 0.001 for adam and adamw, a tenth with --weights)"),
    ] = None
    momentum: Annotated[
        Annotated[float, Meta(ge=0.0, lt=1.0)] | None, Meta(description="momentum of sgd (default: 0.9)")
    ] = None
    weight_decay: Annotated[
        Annotated[float, Meta(ge=0.0)] | None,
        Meta(description="weight decay of kernels, times the learning rate (default: 0.0005 for sgd, 0.05 for adamw)"),
    ] = None
    clip_norm: Annotated[
        Annotated[float, Meta(gt=0.0)] | None,
        Meta(description="largest norm of the gradient over all weights (default: no clipping)"),
    ] = None
    schedule: Annotated[
        Literal["cosine", "plateau"],
        Meta(description="learning rate: cosine to zero, or reduced when the validation loss stops falling"),
    ] = "cosine"
    warmup_epochs: Annotated[int, Meta(ge=0, description="epochs in which the learning rate rises linearly")] = 2
    plateau_patience: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="epochs without a lower validation loss before a reduction (default: 5)"),
    ] = None
    plateau_factor: Annotated[
        Annotated[float, Meta(gt=0.0, lt=1.0)] | None, Meta(description="factor of that reduction (default: 0.5)")
    ] = None
    early_stop: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="stop after this many epochs without a better validation accuracy (default: never)"),
    ] = None
    frozen_epochs: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="first epochs of a transfer model, with its base frozen (default: 5 with --weights)"),
    ] = None
    fine_tune_rate: Annotated[
        Annotated[float, Meta(gt=0.0)] | None,
        Meta(description="learning rate after the frozen epochs (default: a tenth of the one before)"),
    ] = None
    label_smoothing: Annotated[
        float, Meta(ge=0.0, lt=1.0, description="share of each target that is spread over all classes")
    ] = 0.1
    class_weights: Annotated[
        Literal["none", "balanced"],
        Meta(description="balanced: faces of rare classes weigh more, so that all classes have equal weight"),
    ] = "none"
    teachers: Annotated[
        tuple[str, ...], Meta(description="checkpoints to distil: the net learns their mean predictions")
    ] = ()
    distil_mix: Annotated[
        Annotated[float, Meta(ge=0.0, le=1.0)] | None,
        Meta(description="share of the teachers in the loss (default: 0.7)"),
    ] = None
    distil_temperature: Annotated[
        Annotated[float, Meta(gt=0.0)] | None,
        Meta(description="temperature that softens the predictions of teachers and net (default: 2)"),
    ] = None
    answers: Annotated[str, Meta(description="file of teachers' predictions from train.teacher_predictions")] = ""
    answers_share: Annotated[
        Annotated[float, Meta(ge=0.0, le=1.0)] | None,
        Meta(description="share of these predictions in the targets (default: 0.7)"),
    ] = None
    ema: Annotated[
        Annotated[float, Meta(gt=0.0, lt=1.0)] | None,
        Meta(description="average the weights, with this decay per step (default: no averaging)"),
    ] = None
    precision: Annotated[
        Literal["float32", "bfloat16", "float16"],
        Meta(description="precision of the computation; weights stay float32"),
    ] = "float32"
    augmentation: Augmentation | None = Augmentation()
    seed: Annotated[int, Meta(ge=0, description="seed of all randomness")] = 0

    @property
    def peak_learning_rate(self) -> float:
        """The highest learning rate."""
        if self.learning_rate is not None:
            return self.learning_rate
        return DEFAULT_LEARNING_RATE[self.optimizer] * (PRETRAINED_RATE_FACTOR if self.weights else 1.0)

    @property
    def effective_weight_decay(self) -> float:
        """The weight decay, as given or the optimizer's default."""
        return DEFAULT_WEIGHT_DECAY[self.optimizer] if self.weight_decay is None else self.weight_decay

    @property
    def predictions_share(self) -> float:
        """Share of saved teachers' predictions in the targets."""
        return PREDICTIONS_SHARE if self.answers_share is None else self.answers_share

    @property
    def starts_from_checkpoint(self) -> bool:
        """Whether the net starts from a checkpoint of the whole net, so that there is no base to freeze."""
        return self.weights.endswith(".keras")

    @property
    def frozen(self) -> int:
        """Number of epochs in which a transfer model's base is frozen."""
        if self.frozen_epochs is None:
            return min(FROZEN_EPOCHS, self.epochs - 1) if self.weights and not self.starts_from_checkpoint else 0
        return self.frozen_epochs


NEEDS = (
    ("momentum", "optimizer", ("sgd",), "--optimizer sgd"),
    ("weight_decay", "optimizer", ("sgd", "adamw"), "--optimizer sgd or adamw"),
    ("plateau_patience", "schedule", ("plateau",), "--schedule plateau"),
    ("plateau_factor", "schedule", ("plateau",), "--schedule plateau"),
)
"""(setting, another setting, its values with which the first has an effect, these as options)."""


def check_settings(settings: RunSettings) -> None:
    """Refuse settings that contradict each other or would have no effect.

    Raises:
        ConfigError: a setting is refused; the message names its option.
    """
    for name, other, values, wanted in NEEDS:
        if getattr(settings, name) is not None and getattr(settings, other) not in values:
            raise _unused(name, wanted, f"--{other} {getattr(settings, other)}")
    for name in ("distil_mix", "distil_temperature"):
        if getattr(settings, name) is not None and not settings.teachers:
            raise _unused(name, "--teachers", "none")
    if settings.answers_share is not None and not settings.answers:
        raise _unused("answers_share", "--answers", "none")
    if settings.frozen_epochs and (not settings.weights or settings.starts_from_checkpoint):
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
    return ConfigError(f"{option}: expected {wanted} with it, found {found}: add that, or drop {option}")
