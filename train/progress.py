"""Shows how a training goes: one bar over all epochs, with loss, accuracy, faces a second and the time left."""

from types import TracebackType

import keras
from tqdm import tqdm

from train.state import RunState


class Progress(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """A bar on standard error; without a terminal, one plain line an epoch. A context manager: it ends the bar.

    state: of the run; finished epochs count as done. batches: steps in an epoch. batch_size: faces in a step.
    """

    def __init__(self, state: RunState, *, batches: int, batch_size: int) -> None:
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
        """Leave the bar on the screen as it is."""
        self._bar.close()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Move the bar by one batch."""
        self._bar.update()
        figures = logs or {}
        if batch % 10 == 0 and not self._bar.disable:
            rate = (self._bar.format_dict["rate"] or 0.0) * self._batch_size
            self._bar.set_postfix_str(
                f"loss {figures['loss']:.3f} accuracy {figures['accuracy']:.3f} {rate:.0f} faces/s"
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Say how the epoch ended, and whether training ends with it."""
        figures = logs or {}
        line = (
            f"epoch {epoch + 1}/{self._epochs}: loss {figures['loss']:.4f} accuracy {figures['accuracy']:.4f}"
            f" validation {figures['val_accuracy']:.4f}"
        )
        self._bar.set_description(f"epoch {epoch + 1}/{self._epochs}")
        self._bar.write(line)
        if self.model.stop_training:
            self._bar.write("the validation accuracy no longer rises: stopped early")
