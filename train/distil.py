"""Trains a net on the answers of other nets, beside the right ones."""

from collections.abc import Sequence
from pathlib import Path

import keras
from keras import ops

from edge.errors import ConfigError
from train.checkpoint import open_checkpoint
from train.settings import RunSettings

MIX = 0.7
TEMPERATURE = 2.0
SMALLEST = 1e-7
"""Probabilities below count as this, so that their logarithm is finite. Source: Keras' own losses."""


class Pupil(keras.Model):  # type: ignore[misc]  # Keras ships no types
    """A net whose loss is mixed with its distance from what its teachers say of the very same faces.

    The loss is (1 - mix) * loss + mix * T^2 * KL(teachers, net), both softened by the temperature T; the teachers'
    softened answers are averaged. Validation sees the net's loss alone.

    Source: Hinton, Vinyals, Dean 2015, "Distilling the Knowledge in a Neural Network", arXiv 1503.02531.
    """

    def __init__(self, net: keras.Model, teachers: Sequence[keras.Model], *, mix: float, temperature: float) -> None:
        super().__init__()
        self.net = net
        self.teachers = list(teachers)
        for teacher in self.teachers:
            teacher.trainable = False
        self.mix = mix
        self.temperature = temperature

    def call(self, faces: keras.KerasTensor, training: bool | None = None) -> keras.KerasTensor:
        """Answer as the net does."""
        return self.net(faces, training=training)

    def compute_loss(  # noqa: D102  # Keras' own
        self,
        x: keras.KerasTensor = None,
        y: keras.KerasTensor = None,
        y_pred: keras.KerasTensor = None,
        sample_weight: keras.KerasTensor = None,
        training: bool = True,
    ) -> keras.KerasTensor:
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        if not training:
            return loss
        answers = [soften(teacher(x, training=False), self.temperature) for teacher in self.teachers]
        taught = ops.stop_gradient(sum(answers) / len(answers))
        return (1 - self.mix) * loss + self.mix * soft_loss(taught, y_pred, self.temperature)


def soften(probabilities: keras.KerasTensor, temperature: float) -> keras.KerasTensor:
    """(B, K) softmax(logits / temperature) of softmax(logits)."""
    return ops.softmax(ops.log(ops.clip(probabilities, SMALLEST, 1.0)) / temperature)


def soft_loss(taught: keras.KerasTensor, probabilities: keras.KerasTensor, temperature: float) -> keras.KerasTensor:
    """Mean distance of (B, K) `probabilities`, once softened, from the softened answers `taught`, times T^2.

    The factor keeps its gradient as large as the other loss's, whatever the temperature.
    """
    distances = keras.losses.kl_divergence(taught, soften(probabilities, temperature))
    return temperature**2 * ops.mean(distances)


def with_teachers(net: keras.Model, settings: RunSettings) -> keras.Model:
    """Return what is trained: `net` itself, or with teachers a `Pupil` that shares its weights.

    Raises:
        ConfigError: a teacher has other labels.
        ModelError: a teacher is missing, damaged, or no net for our faces.
    """
    if not settings.teachers:
        return net
    return Pupil(
        net,
        [_teacher(Path(path), settings.labels) for path in settings.teachers],
        mix=MIX if settings.distil_mix is None else settings.distil_mix,
        temperature=settings.distil_temperature or TEMPERATURE,
    )


def _teacher(path: Path, labels: tuple[str, ...]) -> keras.Model:
    checkpoint = open_checkpoint(path)
    if checkpoint.labels != labels:
        wanted, found = ", ".join(labels), ", ".join(checkpoint.labels)
        raise ConfigError(f"--teachers: expected {path} to answer {wanted}, found {found}: name one trained on these")
    return checkpoint.model
