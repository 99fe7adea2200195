"""Feeds Keras with shuffled, augmented batches that repeat exactly for a seed and an epoch."""

from concurrent.futures import Future, ThreadPoolExecutor

import keras
import numpy as np
from numpy.typing import NDArray

from edge.vision.crop import to_unit
from train.augment import Augmentation, augment
from train.faces import FaceSet

Batch = tuple[NDArray[np.float32], NDArray[np.float32]]


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras ships no types
    """Batches of ((B, 48, 48, 1) float32 0 ... 1, (B, K) float32).

    The order and every change of a face follow from (seed, epoch, batch), so that a resumed run sees what an
    uninterrupted one would have seen. The last, smaller batch of an epoch is left out. Whoever fits says which epoch
    begins (`start_epoch`): Keras calls its own hooks a different number of times before the first epoch.

    The batch that follows is made while the net learns from the present one, on a thread of its own. Keras' `workers`
    would do so too, but on JAX they feed batches that were made before the first epoch began.

    answers: (V, N, K) what teachers said of the faces as the first V epochs show them: these are shown again and again,
    and targets are the teachers' by `share`, 0 to 1.
    """

    def __init__(
        self,
        faces: FaceSet,
        *,
        batch_size: int,
        seed: int,
        augmentation: Augmentation | None,
        answers: NDArray[np.float32] | None = None,
        share: float = 0.0,
    ) -> None:
        super().__init__()
        self._answers = answers
        self._share = share
        self._faces = faces
        self._batch_size = min(batch_size, len(faces))
        self._seed = seed
        self._augmentation = augmentation
        self._maker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches")
        self._ahead: dict[int, Future[Batch]] = {}
        self.start_epoch(0)

    def __len__(self) -> int:
        return len(self._faces) // self._batch_size

    def __getitem__(self, batch: int) -> Batch:
        present = self._ahead.pop(batch, None) or self._maker.submit(self._make, batch)
        if batch + 1 < len(self):
            self._ahead = {batch + 1: self._maker.submit(self._make, batch + 1)}
        return present.result()

    def _make(self, batch: int) -> Batch:
        rows = self.rows(batch)
        pixels, targets = self._faces.pixels[rows], self._faces.targets[rows]
        if self._answers is not None:
            targets = (1 - self._share) * targets + self._share * self._answers[self._epoch, rows]
        if self._augmentation is None:
            return to_unit(pixels)[..., np.newaxis], targets
        rng = np.random.default_rng((self._seed, self._epoch, batch))
        faces, targets = augment(pixels, targets, self._augmentation, rng)
        return faces[..., np.newaxis], targets

    def rows(self, batch: int) -> NDArray[np.int64]:
        """(B,) which of the faces stand in `batch` of the present epoch, in order."""
        return self._order[batch * self._batch_size : (batch + 1) * self._batch_size]

    def start_epoch(self, epoch: int) -> None:
        """Draw the order of `epoch`, counted from 0."""
        self._ahead = {}
        self._epoch = epoch if self._answers is None else epoch % len(self._answers)
        self._order = np.random.default_rng((self._seed, self._epoch)).permutation(len(self._faces))
