"""Detects where the image has changed."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

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

STILL_S = 2.0
"""Time without motion in a place after which the next motion there is a new event, s: a body that moves rests now and
then."""

JOIN_CELLS = 8
"""Changes that are at most so many cells apart belong together, such as the two edges of a body that moves."""

JOINING = np.ones((JOIN_CELLS + 1, JOIN_CELLS + 1), np.uint8)


@dataclass(frozen=True, slots=True)
class Change:
    """A part of the image that has changed since it was last scanned.

    Attributes:
        box: bounding box, px.
        scanned_s: time at which it was last scanned, s; of its parts, the one that has waited longest counts.
        began_s: time at which it began to move, s, as the median of its cells; negative infinity if it has not moved.
    """

    box: Box
    scanned_s: float
    began_s: float


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
        self._time_s = 0.0
        self._moved_s: NDArray[np.float64] | None = None  # when each cell moved last
        self._began_s: NDArray[np.float64] | None = None  # when each cell's present motion began

    def update(self, gray: Gray, *, media_time_s: float) -> None:
        """Add the newest frame, (H, W) uint8, with its time, s."""
        height, width = gray.shape
        self._time_s = media_time_s
        self._cell = max(1, width // CELLS_ACROSS)
        size = (max(1, width // self._cell), max(1, height // self._cell))
        if self._now is not None:
            if self._now.shape != size[::-1]:
                self._before = self._scanned = None  # images of different sizes cannot be compared
                self._moved_s = self._began_s = None
            elif self._before is None or media_time_s - self._before[0] >= PAUSE_S:
                self._before = (media_time_s, self._now)
        # Linear: four of a cell's pixels, in a quarter of the time that all of them take (19, not 74 µs at 640 x 480).
        self._now = np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)

    def mark_scanned(self, region: Box) -> None:
        """Remember this region, px, of the newest frame as scanned. It may reach beyond the frame."""
        if self._now is None:
            return
        if self._scanned is None:
            self._scanned = self._now.copy()
            self._scanned_s = np.full(self._now.shape, self._time_s)
            return
        height, width = self._now.shape
        x, y, w, h = region.scaled(1 / self._cell).clipped(width, height).xywh
        self._scanned[y : y + h, x : x + w] = self._now[y : y + h, x : x + w]
        self._scanned_s[y : y + h, x : x + w] = self._time_s

    def detect_motion(self, known: Iterable[Box]) -> bool:
        """Return whether anything outside the `known` faces is moving, and remember where; call it once a frame."""
        if self._now is None or self._before is None:
            return False
        moving = self._changed(self._before[1], known)
        if not self._is_large(moving):
            return False
        if self._moved_s is None or self._began_s is None:
            self._moved_s, self._began_s = (np.full(moving.shape, -math.inf) for _ in range(2))
        cells = moving > 0
        np.copyto(self._began_s, self._time_s, where=cells & (self._moved_s < self._time_s - STILL_S))
        np.copyto(self._moved_s, self._time_s, where=cells)
        return True

    def changed_since_scan(self, known: Iterable[Box]) -> list[Change]:
        """Return what has changed outside the `known` faces since it was last scanned, the longest unscanned first.

        Changes that are at most `JOIN_CELLS` apart are one. Before the first scan, the whole image is.
        """
        if self._now is None:
            return []
        if self._scanned is None:
            height, width = self._now.shape
            return [Change(Box(0, 0, width * self._cell, height * self._cell), -math.inf, -math.inf)]
        changed = self._changed(self._scanned, known)
        if not self._is_large(changed):
            return []
        labels = np.asarray(cv2.connectedComponents(cv2.dilate(changed, JOINING), ltype=cv2.CV_16U)[1], np.uint16)
        labels[changed == 0] = 0
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        changes = []
        for label in np.flatnonzero(sizes >= self._min_cells(changed)):
            cells = labels == label
            x, y, w, h = cv2.boundingRect(cells.astype(np.uint8))
            box = Box(x * self._cell, y * self._cell, w * self._cell, h * self._cell)
            began_s = -math.inf if self._began_s is None else float(np.median(self._began_s[cells]))
            changes.append(Change(box, float(self._scanned_s[cells].min()), began_s))
        return sorted(changes, key=lambda change: change.scanned_s)

    def _changed(self, before: Gray, known: Iterable[Box]) -> NDArray[np.uint8]:
        """Return (h, w) uint8, 255 at the cells that differ from `before` outside the `known` faces."""
        difference = cv2.absdiff(self._now, before)  # type: ignore[arg-type]  # not None after `update`
        _, changed = cv2.threshold(difference, self._threshold, 255, cv2.THRESH_BINARY)
        height, width = changed.shape
        for box in known:
            x, y, w, h = box.expanded(FACE_MARGIN).scaled(1 / self._cell).clipped(width, height).xywh
            changed[y : y + h, x : x + w] = 0
        return np.asarray(changed, dtype=np.uint8)

    def _is_large(self, changed: NDArray[np.uint8]) -> bool:
        return cv2.countNonZero(changed) >= self._min_cells(changed)

    def _min_cells(self, changed: NDArray[np.uint8]) -> float:
        return max(1.0, self._min_share * changed.size)
