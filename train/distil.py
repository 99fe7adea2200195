"""Knowledge distillation: trains a net on the predictions of teachers, in addition to the labels."""

from collections.abc import Sequence
from pathlib import Path

import keras
from keras import ops

from edge.errors import ConfigError
from train.checkpoint import open_checkpoint
from train.settings import RunSettings

MIX = 0.7
TEMPERATURE = 2.0
MIN_PROBABILITY = 1e-7
"""Lower limit of probabilities, so that their logarithm is finite. Source: Keras' losses."""


class Student(keras.Model):  # type: ignore[misc]  # Keras ships no types
    """A net that also learns from its teachers' predictions for the same faces.

    Its loss is (1 - mix) * loss + mix * T^2 * KL(teachers, net), with predictions softened by the temperature T and
    averaged over the teachers. Validation uses the plain loss.

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
        """Return the net's predictions."""
        return self.net(faces, training=training)

    def compute_loss(  # noqa: D102  # documented by Keras
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
        predictions = [soften(teacher(x, training=False), self.temperature) for teacher in self.teachers]
        targets = ops.stop_gradient(sum(predictions) / len(predictions))
        return (1 - self.mix) * loss + self.mix * soft_loss(targets, y_pred, self.temperature)


def soften(probabilities: keras.KerasTensor, temperature: float) -> keras.KerasTensor:
    """Return softmax(logits / temperature), given softmax(logits); (B, K)."""
    return ops.softmax(ops.log(ops.clip(probabilities, MIN_PROBABILITY, 1.0)) / temperature)


def soft_loss(targets: keras.KerasTensor, probabilities: keras.KerasTensor, temperature: float) -> keras.KerasTensor:
    """Return T^2 times the mean divergence of the softened (B, K) `probabilities` from the softened `targets`.

    The factor T^2 keeps the gradient on the scale of the other loss at any temperature.
    """
    divergences = keras.losses.kl_divergence(targets, soften(probabilities, temperature))
    return temperature**2 * ops.mean(divergences)


def with_teachers(net: keras.Model, settings: RunSettings) -> keras.Model:
    """Return the model to train: `net` itself, or with teachers a `Student` that shares its weights.

    Raises:
        ConfigError: a teacher has other labels.
        ModelError: a teacher is missing or damaged, or takes other inputs.
    """
    if not settings.teachers:
        return net
    return Student(
        net,
        [_open_teacher(Path(path), settings.labels) for path in settings.teachers],
        mix=MIX if settings.distil_mix is None else settings.distil_mix,
        temperature=settings.distil_temperature or TEMPERATURE,
    )


def _open_teacher(path: Path, labels: tuple[str, ...]) -> keras.Model:
    checkpoint = open_checkpoint(path)
    if checkpoint.labels != labels:
        wanted, found = ", ".join(labels), ", ".join(checkpoint.labels)
        raise ConfigError(f"--teachers: expected {path} to predict {wanted}, found {found}: name one trained on these")
    return checkpoint.model
