"""Tells where a picture has changed."""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import Box, Gray

CELLS_ACROSS = 160
"""The picture is compared as a copy of about this many cells in width: 4 x 4 px each at 640 x 480."""

PAUSE_S = 0.1
"""Motion is what differs from the picture this long ago: slow motion shows over three frames, hardly over one."""

FACE_MARGIN = 2.2
"""A known face's own motion, that of its hair and neck included, lies in its box times this: a cascade's box reaches
from the brows to the chin."""


class MotionGate:
    """Compares each frame with the one of a moment ago, and with the one of the last scan.

    threshold: change of a cell's luma that counts, 1 ... 255; above a camera's noise, which averaging over four of a
        cell's pixels halves.
    min_share: share of the picture's cells that must have changed; fewer are noise.
    """

    def __init__(self, *, threshold: int, min_share: float) -> None:
        self._threshold = threshold
        self._min_share = min_share
        self._cell = 1
        self._now: Gray | None = None
        self._before: tuple[float, Gray] | None = None
        self._scanned: Gray | None = None

    def update(self, gray: Gray, *, position_s: float) -> None:
        """Take the newest frame, (H, W) uint8, at its time, s."""
        height, width = gray.shape
        self._cell = max(1, width // CELLS_ACROSS)
        size = (width // self._cell, height // self._cell)
        if self._now is not None:
            if self._now.shape != size[::-1]:
                self._before = self._scanned = None  # the source has changed its size
            elif self._before is None or position_s - self._before[0] >= PAUSE_S:
                self._before = (position_s, self._now)
        # Linear: four of a cell's pixels, a quarter of the time that all of them take (19 against 74 µs at 640 x 480).
        self._now = np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)

    def mark_scanned(self) -> None:
        """Note that the newest frame is being scanned."""
        self._scanned = self._now

    def moving(self, known: Iterable[Box]) -> bool:
        """Whether something moves away from the `known` faces."""
        return self._before is not None and self._box_of(self._changed(self._before[1], known)) is not None

    def changed_since_scan(self, known: Iterable[Box]) -> Box | None:
        """The smallest box around all that differs from the last scanned frame, away from the `known` faces, px.

        The whole picture before the first scan; None where nothing differs.
        """
        if self._now is None:
            return None
        if self._scanned is None:
            height, width = self._now.shape
            return Box(0, 0, width * self._cell, height * self._cell)
        return self._box_of(self._changed(self._scanned, known))

    def _changed(self, before: Gray, known: Iterable[Box]) -> NDArray[np.uint8]:
        """(h, w) uint8, 255 at the cells that differ."""
        difference = cv2.absdiff(self._now, before)  # type: ignore[arg-type]  # asked for only after an update
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
