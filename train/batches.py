"""Feeds Keras with shuffled, augmented batches that are reproducible from seed and epoch."""

from concurrent.futures import Future, ThreadPoolExecutor

import keras
import numpy as np
from numpy.typing import NDArray

from edge.vision.crop import to_unit
from train.augment import Augmentation, augment
from train.data.faces import FACE_PX, FaceSet, without_margin

Batch = tuple[NDArray[np.float32], NDArray[np.float32]]


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras ships no types
    """Batches of ((B, 48, 48, 1) float32 0 ... 1, (B, K) float32).

    Order and augmentation are determined by (seed, epoch, batch), so that a resumed run sees the same batches as an
    uninterrupted one. The last, smaller batch of an epoch is left out. The training loop has to call `start_epoch`,
    because Keras calls its own epoch hooks a varying number of times before the first epoch.

    A thread prepares the next batch while the net trains on the current one. Keras' `workers` would too, but on JAX
    they deliver batches that were prepared before the first epoch began.

    Args:
        faces: the training faces. Their weights say how often an epoch shows each of them.
        batch_size: faces per batch.
        seed: seed of order and augmentation.
        augmentation: None leaves the faces unchanged.
        predictions: (V, N, K) teachers' predictions for the faces as the first V epochs show them. These V views are
            then repeated.
        share: share of the teachers' predictions in the targets, 0 to 1.
    """

    def __init__(
        self,
        faces: FaceSet,
        *,
        batch_size: int,
        seed: int,
        augmentation: Augmentation | None,
        predictions: NDArray[np.float32] | None = None,
        share: float = 0.0,
    ) -> None:
        super().__init__()
        self._predictions = predictions
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
        current = self._ahead.pop(batch, None) or self._maker.submit(self._make, batch)
        if batch + 1 < len(self):
            self._ahead = {batch + 1: self._maker.submit(self._make, batch + 1)}
        return current.result()

    def _make(self, batch: int) -> Batch:
        rows = self.rows(batch)
        pixels, targets = self._faces.wide[rows], self._faces.targets[rows]
        if self._predictions is not None:
            targets = (1 - self._share) * targets + self._share * self._predictions[self._epoch, rows]
        if self._augmentation is None:
            return to_unit(without_margin(pixels))[..., np.newaxis], targets
        rng = np.random.default_rng((self._seed, self._epoch, batch))
        margin = (pixels.shape[1] - FACE_PX) // 2
        faces, targets = augment(pixels, targets, self._augmentation, rng, margin=margin)
        return faces[..., np.newaxis], targets

    def rows(self, batch: int) -> NDArray[np.int64]:
        """Return the indices of the faces in `batch` of the current epoch, (B,), in order."""
        return self._order[batch * self._batch_size : (batch + 1) * self._batch_size]

    def start_epoch(self, epoch: int) -> None:
        """Draw the order of `epoch`, counted from 0, and drop batches prepared for another epoch."""
        self._ahead = {}
        self._epoch = epoch if self._predictions is None else epoch % len(self._predictions)
        rng = np.random.default_rng((self._seed, self._epoch))
        self._order = rng.permutation(len(self._faces))
        if self._faces.weights is not None:
            self._order = draw_by_weight(self._faces.weights, self._order, rng)


def draw_by_weight(
    weights: NDArray[np.float64], order: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return as many indices as there are weights, shuffled, each index as often as its weight says.

    An index with weight 2.3 comes two or three times. This systematic sampling varies less than independent draws.

    Args:
        weights: (N,) non-negative, 1 on average.
        order: (N,) a permutation of the indices.
        rng: draws the fractions and the order.
    """
    ends = np.cumsum(weights[order])
    ends *= len(weights) / ends[-1]
    counts = np.diff(np.floor(ends + rng.random()), prepend=0.0).astype(np.int64)
    return rng.permutation(np.repeat(order, counts))
