"""Detects where the image has changed."""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import Box, Gray

CELLS_ACROSS = 160
"""Width of the shrunk copies that are compared, cells; a cell is 4 x 4 px at 640 x 480."""

PAUSE_S = 0.1
"""Age of the frame that the newest one is compared with, s: slow motion shows over three frames, hardly over one."""

FACE_MARGIN = 2.2
"""Factor by which a known face's box is expanded to cover its motion: a cascade's box reaches from the brows to the
chin, but hair and neck move as well."""


class MotionGate:
    """Compares each frame with the one `PAUSE_S` earlier, and with the last scanned one.

    Args:
        threshold: change of a cell's luma that counts, 1 ... 255; choose it above the camera's noise, which averaging
            over four of a cell's pixels halves.
        min_share: share of the image's cells that must change, 0 to 1; fewer are noise.
    """

    def __init__(self, *, threshold: int, min_share: float) -> None:
        self._threshold = threshold
        self._min_share = min_share
        self._cell = 1
        self.reset()

    def reset(self) -> None:
        """Forget all frames: the next one is compared with none before it."""
        self._now: Gray | None = None
        self._before: tuple[float, Gray] | None = None
        self._scanned: Gray | None = None

    def update(self, gray: Gray, *, media_time_s: float) -> None:
        """Add the newest frame, (H, W) uint8, with its time, s."""
        height, width = gray.shape
        self._cell = max(1, width // CELLS_ACROSS)
        size = (max(1, width // self._cell), max(1, height // self._cell))
        if self._now is not None:
            if self._now.shape != size[::-1]:
                self._before = self._scanned = None  # images of different sizes cannot be compared
            elif self._before is None or media_time_s - self._before[0] >= PAUSE_S:
                self._before = (media_time_s, self._now)
        # Linear: four of a cell's pixels, in a quarter of the time that all of them take (19, not 74 µs at 640 x 480).
        self._now = np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)

    def mark_scanned(self) -> None:
        """Remember the newest frame as the last scanned one."""
        self._scanned = self._now

    def moving(self, known: Iterable[Box]) -> bool:
        """Whether anything outside the `known` faces is moving."""
        return self._before is not None and self._box_of(self._changed(self._before[1], known)) is not None

    def changed_since_scan(self, known: Iterable[Box]) -> Box | None:
        """Return the bounding box of all changes since the last scan outside the `known` faces, px.

        Returns the whole image before the first scan, and None if nothing has changed.
        """
        if self._now is None:
            return None
        if self._scanned is None:
            height, width = self._now.shape
            return Box(0, 0, width * self._cell, height * self._cell)
        return self._box_of(self._changed(self._scanned, known))

    def _changed(self, before: Gray, known: Iterable[Box]) -> NDArray[np.uint8]:
        """Return (h, w) uint8, 255 at the cells that differ from `before` outside the `known` faces."""
        difference = cv2.absdiff(self._now, before)  # type: ignore[arg-type]  # not None after `update`
        _, changed = cv2.threshold(difference, self._threshold, 255, cv2.THRESH_BINARY)
        height, width = changed.shape
        for box in known:
            x, y, w, h = box.expanded(FACE_MARGIN).scaled(1 / self._cell).clipped(width, height).xywh
            changed[y : y + h, x : x + w] = 0
        return np.asarray(changed, dtype=np.uint8)

    def _box_of(self, changed: NDArray[np.uint8]) -> Box | None:
        cells = cv2.countNonZero(changed)
        if cells == 0 or cells < self._min_share * changed.size:
            return None
        x, y, w, h = cv2.boundingRect(changed)
        return Box(x * self._cell, y * self._cell, w * self._cell, h * self._cell)
