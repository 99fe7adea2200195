"""What is done when a batch or an epoch of training begins and ends."""

import math
import time
from pathlib import Path

import keras
import numpy as np

from edge.errors import ModelError
from train.batches import Batches
from train.history import write_table
from train.interrupt import check_interrupt
from train.replace import replace_file
from train.schedule import epochs_without_gain
from train.state import BEST, LAST, RunState, write_state

NAMED_FACES = 5
"""As many faces of a bad batch are named."""


class EpochSeeds(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Makes every epoch's chance (order, augmentation, dropout) follow from the seed and the epoch alone.

    A checkpoint does not hold dropout's random state, so without this a resumed run would leave the track.
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
        keras.utils.set_random_seed(int(rng.integers(0, 2**31)))  # on torch dropout draws from torch's own generator
        for variable in self._net.variables:
            if variable.name == "seed_generator_state":
                variable.assign(rng.integers(0, 2**31, size=variable.shape).astype(variable.dtype))


class Interrupts(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Ends the run after a Ctrl-C that was lost while a graph was made."""

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002  # Keras' signature
        """Stop here.

        Raises:
            KeyboardInterrupt: the user wanted it.
        """
        check_interrupt()


class FiniteLoss(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Ends the run at the batch that makes the loss NaN or infinite, before an epoch of it is kept."""

    def __init__(self, batches: Batches) -> None:
        super().__init__()
        self._batches = batches
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002  # Keras' signature
        """Note which epoch it is."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Check the mean loss of the epoch so far: it is finite as long as every batch's is.

        Raises:
            ModelError: it is not.
        """
        loss = (logs or {})["loss"]
        if not math.isfinite(loss):
            faces = ", ".join(str(row) for row in self._batches.rows(batch)[:NAMED_FACES])
            place = f"batch {batch + 1} of {len(self._batches)} (training faces {faces}, …)"
            raise self._error("a finite loss", loss, place)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002  # Keras' signature
        """Check the validation loss: the epoch's last step may have been the one too far.

        Raises:
            ModelError: it is not finite.
        """
        loss = (logs or {})["val_loss"]
        if not math.isfinite(loss):
            raise self._error("a finite validation loss", loss, "its end")

    def _error(self, wanted: str, loss: float, place: str) -> ModelError:
        return ModelError(
            f"expected {wanted}, found {loss} in epoch {self._epoch + 1}, {place}; the epochs before are kept: "
            "start anew with a lower --learning-rate, a longer --warmup-epochs or a --clip-norm"
        )


class Checkpoints(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Keeps `best.keras` (validation accuracy), `last.keras`, `history.csv` and `run.json`, each replaced atomically.

    net: what is trained, compiled with its optimizer. twin: the same net in float32, which gets the weights that were
    validated, averaged or not, when they are the best.
    """

    def __init__(self, folder: Path, state: RunState, *, net: keras.Model, twin: keras.Model) -> None:
        super().__init__()
        self._folder = folder
        self._state = state
        self._net = net
        self._twin = twin
        self._started = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002  # Keras' signature
        """Start the epoch's clock."""
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Save. The state is written last: it vouches for a `last.keras` that is already there.

        Raises:
            SinkError: a file cannot be written.
        """
        figures = {name: float(value) for name, value in (logs or {}).items()}
        replace_file(self._folder / LAST, self._net.save)
        if figures["val_accuracy"] > self._state.best_accuracy or not self._state.history:
            self._state.best_accuracy = figures["val_accuracy"]
            self._twin.set_weights(self._net.get_weights())
            self._net.optimizer.finalize_variable_values(self._twin.trainable_variables)  # averages, where there are
            replace_file(self._folder / BEST, self._twin.save)
        self._state.history.append(figures)
        self._state.epochs_done = epoch + 1
        self._state.seconds += time.monotonic() - self._started
        write_table(self._folder, self._state.history)
        write_state(self._folder, self._state)


class EarlyStop(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Ends training when it no longer gains. It counts in the history, so that a stop in between changes nothing."""

    def __init__(self, state: RunState) -> None:
        super().__init__()
        self._state = state

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002  # Keras' signature
        """Stop after this epoch when it is time; stands after `Checkpoints`, which keeps the history."""
        self.model.stop_training = stopped_early(self._state)


def stopped_early(state: RunState) -> bool:
    """Tell whether the run has ended by its own rule."""
    patience = state.settings.early_stop
    return patience is not None and epochs_without_gain(state.history) >= patience
