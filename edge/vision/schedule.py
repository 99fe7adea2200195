"""Decides for each frame where to look for faces, and how.

Known faces are searched in small windows around their predicted boxes: by template matching in most frames, by a look
of the detector every few frames and whenever the template does not match. The whole image, or a region that has
changed, is scanned for new faces only now and then: at the start, at an interval while something changes, sooner when
something moves where no face is known, and never while nothing moves. A new face counts once a look has found it in two
frames after the scan.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge.records import Box, Detection, Gray, Track
from edge.settings.schema import ScheduleSettings
from edge.vision.detector import Detector
from edge.vision.motion import MotionGate
from edge.vision.scan_schedule import ScanSchedule
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
        changed_region: with a scan, the region around everything that has changed; it contains a changed `scan_region`.
        idle: whether there has been neither a face nor motion for a while.
    """

    tracks: tuple[Track, ...]
    scan_region: Box | None
    changed_region: Box | None
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
        self._scans = ScanSchedule(gate, settings, tile_px=detector.tile_px)
        self.reset()

    def reset(self) -> None:
        """Start again, as after a turn of the frames: all tracks end, and the next frame is scanned as a whole.

        The result of a scan that was requested before does not count.
        """
        self._gate.reset()
        self._tracker.reset()
        self._scans.reset()
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
        known = [face.predict(media_time_s) for face in self._tracker.faces if face.missed == 0]
        moving = self._gate.detect_motion(known)
        if tracks or moving or self._active_s is None:
            self._active_s = media_time_s
        idle = media_time_s - self._active_s >= self._settings.idle_after_s
        region = self._scans.next_region(
            gray, known, media_time_s=media_time_s, moving=moving, gap_factor=1 << throttle_level
        )
        return ScheduleResult(tracks, region, self._scans.changed or region, idle)

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
        self._scans.finish(found_new=bool(fresh), cpu_s=scan_result.cpu_s)
        return fresh


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
