"""Decides when to scan a frame for new faces, and which region of it.

A scan covers one region that has changed since it was last scanned. The region that has waited longest comes first, so
that somebody who enters does not wait for a fan or a body that moves all the time. A region that is too large for the
net is scanned as a whole, and then in tiles whenever nothing smaller waits.
"""

import math
from collections.abc import Sequence

from edge.records import Box, Gray
from edge.settings.schema import ScheduleSettings
from edge.vision.motion import MotionGate

REGION_MARGIN_PX = 48
"""Margin of a scan's region around what has changed, px: of a face that appears, only the middle may have changed."""

FRUITLESS_SCANS = 6
"""Scans on motion without a new face after which the gap between them doubles, up to the usual interval: something that
moves may be a person on the way in, but later it is more likely a fan, a screen, or the body of a known person."""

NEW_S = 1.0
"""Time since motion began in a place during which it is scanned at the shortest gap, s, even if the gap has grown
because something else moves all the time.

Source: a drawn scene of eight people who enter, and seven clips forwards and backwards: half of the people were found
within 0.13 s instead of 0.28 s, and in a clip in which a face comes and goes 0.98 instead of 0.75 of its frames, for
the same CPU time of the scans.
"""

TILE_OVERLAP = 0.2
"""Smallest overlap of two tiles, as a share of their side, so that a face which one tile cuts is whole in the next."""

MAX_DOUBLINGS = 16
"""Limit of the doublings, far beyond the usual interval; it keeps the shift from overflowing."""


class ScanSchedule:
    """Schedules the scans of a stream. At most one scan is under way.

    Args:
        gate: detects motion; the caller adds the frames to it.
        settings: intervals.
        tile_px: side of the largest region in which one scan finds small faces, px; None for any region.

    Attributes:
        changed: the region around everything that had changed when the last region was chosen, px; None for nothing.
    """

    def __init__(self, gate: MotionGate, settings: ScheduleSettings, *, tile_px: int | None) -> None:
        self._gate = gate
        self._settings = settings
        self._tile_px = tile_px
        self._scan_cpu_s = 0.0
        self.reset()

    def reset(self) -> None:
        """Start again: the next frame is scanned as a whole. The result of a scan under way does not count."""
        self.changed: Box | None = None
        self._is_scanning = False
        self._last_scan_s = self._next_check_s = -math.inf
        self._fruitless_scans = 0
        self._tiles: list[Box] = []  # of the last large region, still to be scanned
        self._was_large = False  # whether the last scanned region was too large for the net
        self._more_waits = False  # whether more than the last scanned region had changed

    def finish(self, *, found_new: bool, cpu_s: float) -> None:
        """Take the result of the scan under way.

        Args:
            found_new: whether it has led to a new face.
            cpu_s: CPU time of the scan, s; 0 if it does not matter.
        """
        self._is_scanning, self._scan_cpu_s = False, cpu_s
        self._fruitless_scans = 0 if found_new else self._fruitless_scans + 1

    def next_region(
        self, gray: Gray, known: Sequence[Box], *, media_time_s: float, moving: bool, gap_factor: int
    ) -> Box | None:
        """Return the region of the newest frame to scan now, px; it may reach beyond the frame. None for no scan.

        Args:
            gray: the newest frame of the gate, (H, W) uint8.
            known: boxes of the known faces.
            media_time_s: time of the frame, s.
            moving: whether anything outside the known faces is moving.
            gap_factor: multiplies the time between scans.
        """
        if self._is_scanning or media_time_s < self._next_check_s:
            return None
        settings = self._settings
        shortest_s = max(
            min(settings.motion_scan_gap_s, settings.scan_interval_s), self._scan_cpu_s / settings.scan_cpu_share
        )
        gap_s = max(self._usual_gap_s(moving=moving), shortest_s) * gap_factor
        waited_s = media_time_s - self._last_scan_s
        is_due = waited_s >= gap_s
        if not is_due and (not moving or waited_s < shortest_s * gap_factor):
            return None
        region = self._choose_region(gray, known, media_time_s, new_places_only=not is_due)
        if region is None:
            self._next_check_s = media_time_s + shortest_s * gap_factor
        else:
            self._last_scan_s = media_time_s
            self._is_scanning = True
        return region

    def _usual_gap_s(self, *, moving: bool) -> float:
        """Return the time between two scans outside new places, s: it grows while scans on motion find nobody."""
        gap_s = self._settings.scan_interval_s
        if moving or self._more_waits:
            doublings = min(self._fruitless_scans // FRUITLESS_SCANS, MAX_DOUBLINGS)
            gap_s = min(gap_s, self._settings.motion_scan_gap_s * (1 << doublings))
        return gap_s

    def _choose_region(
        self, gray: Gray, known: Sequence[Box], media_time_s: float, *, new_places_only: bool
    ) -> Box | None:
        height, width = gray.shape
        changes = self._gate.changed_since_scan(known)
        self._more_waits = len(changes) > (0 if new_places_only else 1)
        self.changed = _around([change.box.grown(REGION_MARGIN_PX) for change in changes])
        for change in changes:
            is_new = media_time_s - change.began_s < NEW_S
            if new_places_only and not is_new:
                continue
            region = change.box.grown(REGION_MARGIN_PX)
            tiles = _tiles(region.clipped(width, height), self._tile_px)
            if tiles and self._tiles and (self._was_large or not is_new):
                continue  # first a tile of the large region before this one
            self._gate.mark_scanned(region)
            self._was_large = bool(tiles)
            self._tiles = self._tiles or tiles
            self._more_waits |= bool(self._tiles)
            return region
        if not self._tiles or new_places_only:
            return None
        self._was_large = False
        self._more_waits = bool(changes) or len(self._tiles) > 1
        return self._tiles.pop(0)


def _around(boxes: Sequence[Box]) -> Box | None:
    """Return the smallest box around all boxes; None if there is none."""
    if not boxes:
        return None
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right, bottom = max(box.x + box.w for box in boxes), max(box.y + box.h for box in boxes)
    return Box(left, top, right - left, bottom - top)


def _tiles(region: Box, tile_px: int | None) -> list[Box]:
    """Return overlapping squares of `tile_px` that cover the region; none if one scan of it suffices."""
    if tile_px is None or max(region.w, region.h) <= tile_px:
        return []
    return [
        Box(x, y, tile_px, tile_px)
        for y in _starts(region.y, region.h, tile_px)
        for x in _starts(region.x, region.w, tile_px)
    ]


def _starts(start: int, length: int, tile_px: int) -> list[int]:
    """Return where tiles begin along one axis, so that they overlap by at least `TILE_OVERLAP`."""
    if length <= tile_px:
        return [start + (length - tile_px) // 2]
    count = math.ceil((length - tile_px) / (tile_px * (1 - TILE_OVERLAP))) + 1
    return [start + round(number * (length - tile_px) / (count - 1)) for number in range(count)]
