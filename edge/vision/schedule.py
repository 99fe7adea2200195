"""Decides for each frame where to look for faces, and how.

Known faces are searched in small windows around their predicted boxes: by template matching in most frames, by a look
of the detector every few frames and whenever the template does not match. The whole image, or the region that has
changed, is scanned for new faces only now and then: at the start, at an interval while something changes, sooner when
something moves where no face is known, and never while nothing moves. A new face counts once a look has found it in two
frames after the scan.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge.records import Box, Detection, Gray, Track
from edge.settings.schema import ScheduleSettings
from edge.vision.detector import Detector
from edge.vision.motion import MotionGate
from edge.vision.template import cut_template, match_template
from edge.vision.track import TrackedFace, Tracker

MARGIN = 0.2
MARGIN_PER_MISS = 0.25
MARGIN_MAX = 1.0
MARGIN_SCANNED = 0.7
"""Margins of a face's window, as a share of its size: for a face at rest, added for each missed frame, the largest, and
for a face that a scan of an earlier frame has found."""

SIZES = (0.85, 1.2)
SIZES_MISSED = (0.75, 1.35)
"""Smallest and largest size of a face, as multiples of its last one: from frame to frame, and after a miss."""

SAME_FACE_IOU = 0.3
"""IoU from which two boxes are the same face."""

INSIDE_FACE = 0.4
"""Share of a new box that may lie in a known face: above it the box is no face, since cascades see small faces in large
ones."""

REGION_MARGIN_PX = 48
"""Margin of a scan's region around what has changed, px: of a face that appears, only the middle may have changed."""

FRUITLESS_SCANS = 6
"""Scans on motion without a new face after which the gap between them doubles, up to the usual interval: something that
moves may be a person on the way in, but later it is more likely a fan, a screen, or the body of a known person."""

STILL_S = 2.0
"""Time without motion after which the next motion counts as a new event, s: a body that moves rests now and then."""

MAX_UNTILED = 1.25
"""Largest region that is not scanned in tiles, as a multiple of a tile's side."""

TILE_OVERLAP = 0.2
"""Smallest overlap of two tiles, as a share of their side, so that a face which one tile cuts is whole in the next."""

MAX_DOUBLINGS = 16
"""Limit of the doublings, far beyond the usual interval; it keeps the shift from overflowing."""


@dataclass(frozen=True, slots=True)
class ScanResult:
    """The result of a scan.

    Attributes:
        detections: the faces found.
        media_time_s: time of the scanned frame, s.
        cpu_s: CPU time of the scan, s; 0 if it does not matter, as for a file, whose log must not depend on it.
    """

    detections: tuple[Detection, ...]
    media_time_s: float
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ScheduleResult:
    """The tracks of a frame, and what to do next.

    Attributes:
        tracks: the confirmed tracks, including those missed in this frame.
        scan_region: the region of this frame to scan now, or None; it may reach beyond the image.
        idle: whether there has been neither a face nor motion for a while.
    """

    tracks: tuple[Track, ...]
    scan_region: Box | None
    idle: bool


class DetectionSchedule:
    """Tracks faces through a stream, and schedules scans and re-detection. Use an instance from one thread only.

    Args:
        gate: detects motion.
        detector: looks for a known face, or for a proposed one.
        tracker: tracks the detections.
        settings: intervals and thresholds.
    """

    def __init__(self, gate: MotionGate, detector: Detector, tracker: Tracker, settings: ScheduleSettings) -> None:
        self._gate = gate
        self._detector = detector
        self._tracker = tracker
        self._settings = settings
        self._scan_cpu_s = 0.0
        self.reset()

    def reset(self) -> None:
        """Start again, as after a turn of the frames: all tracks end, and the next frame is scanned as a whole.

        The result of a scan that was requested before does not count.
        """
        self._gate.reset()
        self._tracker.reset()
        self._last_scan_s: float | None = None
        self._last_moving_s = float("-inf")
        self._tiles: list[Box] = []  # of the last scanned region, still to be scanned
        self._scanning = False
        self._fruitless_scans = 0
        self._frames_since_refresh = 0
        self._active_s: float | None = None

    def update(
        self,
        gray: Gray,
        *,
        media_time_s: float,
        scan_result: ScanResult | None,
        throttle_level: int = 0,
    ) -> ScheduleResult:
        """Process the next frame.

        Args:
            gray: (H, W) uint8.
            media_time_s: time of the frame, s; never smaller than the last.
            scan_result: the result of the last requested scan, once it is there; None until then.
            throttle_level: each level doubles the time between scans.
        """
        self._gate.update(gray, media_time_s=media_time_s)
        detections = self._locate_known(gray, media_time_s)
        if scan_result is not None:
            detections += self._confirm_scanned(gray, scan_result, detections, media_time_s)
        tracks = self._tracker.update(detections, media_time_s=media_time_s)
        self._cut_templates(gray)
        moving = self._gate.moving(self._known_boxes(media_time_s))
        if tracks or moving or self._active_s is None:
            self._active_s = media_time_s
        idle = media_time_s - self._active_s >= self._settings.idle_after_s
        region = self._region_to_scan(gray, media_time_s, moving=moving, gap_factor=1 << throttle_level)
        return ScheduleResult(tracks, region, idle)

    def _locate_known(self, gray: Gray, media_time_s: float) -> list[Detection]:
        """Locate every known face in its window; a face that appears in two windows counts once."""
        detections: list[Detection] = []
        refreshed = self._face_to_refresh()
        for face in sorted(self._tracker.faces, key=lambda face: face.missed):
            found = [] if face is refreshed else self._match_template(gray, face, media_time_s)
            detection = _first_new(found or self._look(gray, face, media_time_s), detections)
            if detection is not None:
                detections.append(detection)
        return detections

    def _face_to_refresh(self) -> TrackedFace | None:
        """Return the face to re-detect in this frame although its template may still match.

        However many faces there are, one is re-detected every few frames: the one with the oldest template.
        """
        self._frames_since_refresh += 1
        candidates = [face for face in self._tracker.faces if face.template is not None and not face.missed]
        oldest = max(candidates, key=lambda face: face.template_age, default=None)
        if oldest is None or min(oldest.template_age, self._frames_since_refresh - 1) < self._settings.carry_frames:
            return None
        self._frames_since_refresh = 0
        return oldest

    def _match_template(self, gray: Gray, face: TrackedFace, media_time_s: float) -> list[Detection]:
        """Locate a face by its template; empty if it has none or no longer matches.

        A face that touches another is left to the detector: a half covered face would still match its template.
        """
        expected = face.predict(media_time_s)
        others = (other.predict(media_time_s) for other in self._tracker.faces if other is not face)
        if face.template is None or face.missed or any(expected.iou(other) > 0 for other in others):
            return []
        face.template_age += 1
        box = match_template(gray, face.template, expected, margin=MARGIN)
        return [] if box is None else [Detection(box, 1.0, roll_deg=face.roll_deg)]

    def _look(self, gray: Gray, face: TrackedFace, media_time_s: float) -> list[Detection]:
        """Look for a face in a window that grows with its speed and its misses, and drop its template."""
        face.template = None
        expected = face.predict(media_time_s)
        elapsed_s = media_time_s - face.last_seen_s
        speed = max(abs(face.velocity[0]), abs(face.velocity[1])) * elapsed_s / expected.w
        margin = min(MARGIN + speed / 2 + MARGIN_PER_MISS * face.missed, MARGIN_MAX)
        return self._detector.look(
            gray,
            expected,
            margin=margin,
            sizes=SIZES_MISSED if face.missed else SIZES,
            roll_deg=face.roll_deg,
            is_new=face.track_id is None,
        )

    def _cut_templates(self, gray: Gray) -> None:
        """Cut a new template of each confirmed face that the detector has found in this frame."""
        if not self._settings.carry_frames:
            return
        for face in self._tracker.faces:
            if face.template is None and not face.missed and face.track_id is not None:
                face.template, face.template_age = cut_template(gray, face.box), 0

    def _confirm_scanned(
        self, gray: Gray, scan_result: ScanResult, known: Sequence[Detection], media_time_s: float
    ) -> list[Detection]:
        """Return the scan's new faces that a look finds in this frame; those of an older frame may have gone."""
        self._scanning, self._scan_cpu_s = False, scan_result.cpu_s
        fresh: list[Detection] = []
        for detection in scan_result.detections:
            if _is_known(detection.box, known):
                continue
            found = self._detector.look(
                gray,
                detection.box,
                margin=MARGIN_SCANNED,
                sizes=SIZES_MISSED,
                roll_deg=detection.roll_deg or 0.0,
                is_new=True,
            )
            if found and all(found[0].box.overlap(other.box) < INSIDE_FACE for other in [*known, *fresh]):
                velocity = _velocity(detection.box, found[0].box, media_time_s - scan_result.media_time_s)
                fresh.append(replace(found[0], velocity=velocity))
        self._fruitless_scans = 0 if fresh else self._fruitless_scans + 1
        return fresh

    def _region_to_scan(self, gray: Gray, media_time_s: float, *, moving: bool, gap_factor: int) -> Box | None:
        """Return the region of the newest frame to scan now, or None."""
        if moving:
            if media_time_s - self._last_moving_s >= STILL_S:
                self._fruitless_scans = 0
            self._last_moving_s = media_time_s
        gap_s = self._scan_gap_s(moving=moving or bool(self._tiles)) * gap_factor
        if self._scanning or (self._last_scan_s is not None and media_time_s - self._last_scan_s < gap_s):
            return None
        region = self._next_region(gray, media_time_s)
        if region is not None:
            self._last_scan_s = media_time_s
            self._scanning = True
        return region

    def _next_region(self, gray: Gray, media_time_s: float) -> Box | None:
        """Return what to scan next: a small changed region, else the next tile of a large one, else the large one."""
        changed = self._gate.changed_since_scan(self._known_boxes(media_time_s))
        height, width = gray.shape
        region = None if changed is None else changed.grown(REGION_MARGIN_PX)
        tiles = [] if region is None else _tiles(region.clipped(width, height), self._detector.tile_px)
        if self._tiles and (tiles or region is None):
            return self._tiles.pop(0)
        if region is not None:
            self._gate.mark_scanned()
            self._tiles = self._tiles or tiles
        return region

    def _scan_gap_s(self, *, moving: bool) -> float:
        """Return the shortest time between two scans: long enough that they take no more than their share of a core."""
        gap_s = self._settings.scan_interval_s
        if moving:
            doublings = min(self._fruitless_scans // FRUITLESS_SCANS, MAX_DOUBLINGS)
            gap_s = min(gap_s, self._settings.motion_scan_gap_s * (1 << doublings))
        return max(gap_s, self._scan_cpu_s / self._settings.scan_cpu_share)

    def _known_boxes(self, media_time_s: float) -> list[Box]:
        return [face.predict(media_time_s) for face in self._tracker.faces if face.missed == 0]


def _tiles(region: Box, tile_px: int | None) -> list[Box]:
    """Return overlapping squares of `tile_px` that cover the region; none if one scan of it suffices."""
    if tile_px is None or max(region.w, region.h) <= MAX_UNTILED * tile_px:
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


def _first_new(found: Sequence[Detection], detections: Sequence[Detection]) -> Detection | None:
    """Return the first of `found` that is none of the `detections`."""
    return next((detection for detection in found if not _is_known(detection.box, detections)), None)


def _velocity(old: Box, new: Box, elapsed_s: float) -> tuple[float, float]:
    """Return the velocity of the center, (x, y) px per second; zero if no time has passed."""
    if elapsed_s <= 0:
        return 0.0, 0.0
    (old_x, old_y), (x, y) = old.center, new.center
    return (x - old_x) / elapsed_s, (y - old_y) / elapsed_s


def _is_known(box: Box, detections: Sequence[Detection]) -> bool:
    return any(box.iou(detection.box) >= SAME_FACE_IOU for detection in detections)
