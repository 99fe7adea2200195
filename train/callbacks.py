"""Keras callbacks of a training run: seeds, interrupts, loss checks, checkpoints, early stopping and progress."""

import math
import time
from pathlib import Path
from types import TracebackType

import keras
import numpy as np
from tqdm import tqdm

from edge.errors import ModelError
from train.batches import Batches
from train.command import check_interrupt
from train.run_folder import BEST, LAST, TrainingState, write_history_table, write_run_file, write_state
from train.schedule import epochs_since_best

NAMED_FACES = 5
"""Number of faces of a bad batch that its error lists."""

POSTFIX_EVERY = 10
"""Batches between updates of the figures behind the progress bar."""


class EpochSeeds(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Makes each epoch's randomness (order, augmentation, dropout) depend on the seed and the epoch alone.

    A checkpoint does not contain dropout's random state, so a resumed run would otherwise differ.
    """

    def __init__(self, net: keras.Model, batches: Batches, *, seed: int) -> None:
        super().__init__()
        self._net = net
        self._batches = batches
        self._seed = seed

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002  # Keras' signature
        """Seed the epoch, counted from 0."""
        self._batches.start_epoch(epoch)
        rng = np.random.default_rng((self._seed, epoch))
        keras.utils.set_random_seed(int(rng.integers(0, 2**31)))  # on torch, dropout uses torch's own generator
        for variable in self._net.variables:
            if variable.name == "seed_generator_state":
                variable.assign(rng.integers(0, 2**31, size=variable.shape).astype(variable.dtype))


class StopOnInterrupt(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Ends the run after a Ctrl-C that was lost, for example while TensorFlow traced a graph."""

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002  # Keras' signature
        """End the run if a signal arrived.

        Raises:
            KeyboardInterrupt: a signal arrived.
        """
        check_interrupt()


class RequireFiniteLoss(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Ends the run at the batch that makes the loss NaN or infinite, before that epoch is saved."""

    def __init__(self, batches: Batches) -> None:
        super().__init__()
        self._batches = batches
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002  # Keras' signature
        """Remember the epoch for the error message."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Check the mean loss of the epoch so far; it is finite if every batch's loss is.

        Raises:
            ModelError: it is not finite.
        """
        loss = (logs or {})["loss"]
        if not math.isfinite(loss):
            faces = ", ".join(str(row) for row in self._batches.rows(batch)[:NAMED_FACES])
            place = f"batch {batch + 1} of {len(self._batches)} (training faces {faces}, …)"
            raise self._error("a finite loss", loss, place)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002  # Keras' signature
        """Check the validation loss, since the epoch's last step may have made the weights diverge.

        Raises:
            ModelError: it is not finite.
        """
        loss = (logs or {})["val_loss"]
        if not math.isfinite(loss):
            raise self._error("a finite validation loss", loss, "its end")

    def _error(self, wanted: str, loss: float, place: str) -> ModelError:
        return ModelError(
            f"expected {wanted}, found {loss} in epoch {self._epoch + 1}, {place}; earlier epochs are kept: start a "
            "new run with a lower --learning-rate, a longer --warmup-epochs or a --clip-norm"
        )


class Checkpoints(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Saves `best.keras` (by validation accuracy), `last.keras`, `history.csv` and `run.json`, each atomically.

    Args:
        folder: the run's folder.
        state: updated after each epoch.
        net: the net in training, compiled with its optimizer.
        twin: the same net in float32; it gets the validated weights (averaged, if they are) and is saved as the best.
    """

    def __init__(self, folder: Path, state: TrainingState, *, net: keras.Model, twin: keras.Model) -> None:
        super().__init__()
        self._folder = folder
        self._state = state
        self._net = net
        self._twin = twin
        self._started = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002  # Keras' signature
        """Start timing the epoch."""
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Save the epoch; the state comes last, because it implies that `last.keras` is complete.

        Raises:
            SinkError: a file cannot be written.
        """
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        write_run_file(self._folder / LAST, self._net.save)
        if metrics["val_accuracy"] > self._state.best_accuracy or not self._state.history:
            self._state.best_accuracy = metrics["val_accuracy"]
            self._twin.set_weights(self._net.get_weights())
            self._net.optimizer.finalize_variable_values(self._twin.trainable_variables)  # averaged weights, if used
            write_run_file(self._folder / BEST, self._twin.save)
        self._state.history.append(metrics)
        self._state.epochs_done = epoch + 1
        self._state.seconds += time.monotonic() - self._started
        write_history_table(self._folder, self._state.history)
        write_state(self._folder, self._state)


class EarlyStop(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Ends training when validation accuracy stops improving; it uses the history, so resuming changes nothing.

    It has to come after `Checkpoints`, which updates the history.
    """

    def __init__(self, state: TrainingState) -> None:
        super().__init__()
        self._state = state

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002  # Keras' signature
        """Stop after this epoch if the patience is exhausted."""
        self.model.stop_training = stopped_early(self._state)


def stopped_early(state: TrainingState) -> bool:
    """Return whether the run has ended by early stopping."""
    patience = state.settings.early_stop
    return patience is not None and epochs_since_best(state.history) >= patience


class Progress(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Shows one progress bar over all epochs, with loss, accuracy, faces per second and the remaining time.

    Without a terminal it prints one line per epoch instead. It is a context manager that closes the bar.

    Args:
        state: of the run; its finished epochs count as done.
        batches: steps per epoch.
        batch_size: faces per step.
    """

    def __init__(self, state: TrainingState, *, batches: int, batch_size: int) -> None:
        super().__init__()
        self._epochs = state.settings.epochs
        self._batch_size = batch_size
        self._bar = tqdm(
            total=self._epochs * batches,
            initial=state.epochs_done * batches,
            unit="batch",
            disable=None,
            bar_format="{desc} {percentage:3.0f}% |{bar:24}| {elapsed}<{remaining} {postfix}",
        )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the bar; it stays on the terminal."""
        self._bar.close()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Advance the bar by one batch."""
        self._bar.update()
        metrics = logs or {}
        if batch % POSTFIX_EVERY == 0 and not self._bar.disable:
            rate = (self._bar.format_dict["rate"] or 0.0) * self._batch_size
            self._bar.set_postfix_str(
                f"loss {metrics['loss']:.3f} accuracy {metrics['accuracy']:.3f} {rate:.0f} faces/s"
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Print the epoch's metrics, and whether training ends early."""
        metrics = logs or {}
        line = (
            f"epoch {epoch + 1}/{self._epochs}: loss {metrics['loss']:.4f} accuracy {metrics['accuracy']:.4f}"
            f" validation {metrics['val_accuracy']:.4f}"
        )
        self._bar.set_description(f"epoch {epoch + 1}/{self._epochs}")
        self._bar.write(line)
        if self.model.stop_training:
            self._bar.write("validation accuracy has stopped improving: stopped early")
