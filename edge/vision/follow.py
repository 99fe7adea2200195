"""Decides for each frame where to look for faces: the schedule of the detector.

Known faces are looked for in small windows around where they are expected: by the cascade every few frames and when in
doubt, by what they looked like in between. The whole picture, or the part of it that has changed, is scanned only now
and then: on start, at an interval while something changes, at once when something moves where no face is known, and
never while nothing moves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edge.records import Box, Detection, Gray, Track
from edge.settings import ScheduleSettings
from edge.vision.carry import find_likeness, likeness
from edge.vision.motion import MotionGate
from edge.vision.redetect import NEW_NEIGHBORS, Redetector
from edge.vision.track import Face, Tracker

MARGIN = 0.2
MARGIN_MISSED = 0.25
MARGIN_MOST = 1.0
MARGIN_SCANNED = 0.7
"""A window's margin as a share of the face: at rest, more for each frame in which it was missed, at the most; and for
a face that a scan has found some frames ago."""

SIZES = (0.85, 1.2)
SIZES_MISSED = (0.75, 1.35)
"""Limits of a face's size, as multiples of what it was: from frame to frame, and after it was missed."""

SAME_FACE_IOU = 0.3
"""Two boxes of known faces that overlap this much are one face."""

INSIDE_FACE = 0.4
"""A new box of which this share lies in a known face is no face of its own: cascades see small faces in large ones."""

REGION_MARGIN_PX = 48
"""A scan's region reaches this far beyond what has changed: of a face that turns up only the middle may have."""

FRUITLESS_SCANS = 6
"""After so many scans on motion that found nobody new, the gap between them doubles, up to the usual interval: what
moves may be somebody on the way in, and later it is rather a fan or a screen."""

MOST_DOUBLINGS = 16
"""More make no difference: the usual interval is shorter by then."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scan of an earlier frame, or of this one, has found. position_s: that frame's time, s."""

    detections: tuple[Detection, ...]
    position_s: float


@dataclass(frozen=True, slots=True)
class Followed:
    """What is known after a frame.

    scan: the part of this frame that is to be scanned now, or None.
    idle: nobody has been there, and nothing has moved, for a while.
    """

    tracks: tuple[Track, ...]
    scan: Box | None
    idle: bool


class FaceFollower:
    """Follows faces through frames. One thread alone may use an instance."""

    def __init__(self, gate: MotionGate, redetector: Redetector, tracker: Tracker, settings: ScheduleSettings) -> None:
        self._gate = gate
        self._redetector = redetector
        self._tracker = tracker
        self._settings = settings
        self._scan_s: float | None = None
        self._scanning = False
        self._fruitless = 0
        self._since_turn = 0
        self._active_s: float | None = None

    def update(self, gray: Gray, *, position_s: float, scanned: Scanned | None, strain: int = 0) -> Followed:
        """Take the next frame.

        Args:
            gray: (H, W) uint8.
            position_s: its time, s; never smaller than the last.
            scanned: what the scan that was asked for has found, when it is ready.
            strain: each step doubles the time between scans.
        """
        self._gate.update(gray, position_s=position_s)
        detections = self._look_again(gray, position_s)
        if scanned is not None:
            detections += self._bring_up(gray, scanned, detections, position_s)
        tracks = self._tracker.update(detections, position_s=position_s)
        self._remember(gray)
        moving = self._gate.moving(self._known_boxes(position_s))
        if tracks or moving or self._active_s is None:
            self._active_s = position_s
        idle = position_s - self._active_s >= self._settings.idle_after_s
        return Followed(tracks, self._scan_due(position_s, moving=moving, strain=strain), idle)

    def _look_again(self, gray: Gray, position_s: float) -> list[Detection]:
        """Look for every known face in its window; two windows that show one face count once."""
        detections: list[Detection] = []
        turn = self._whose_turn()
        for face in sorted(self._tracker.faces, key=lambda face: face.missed):
            boxes = [] if face is turn else self._carry(gray, face, position_s)
            box = _first_new(boxes or self._look_for(gray, face, position_s), detections)
            if box is not None:
                detections.append(Detection(box, 1.0))
        return detections

    def _whose_turn(self) -> Face | None:
        """The face that the cascade looks for in this frame though its likeness may still fit.

        However many there are, one is looked for every few frames: that which has been carried longest.
        """
        self._since_turn += 1
        waiting = [face for face in self._tracker.faces if face.template is not None and not face.missed]
        longest = max(waiting, key=lambda face: face.carried, default=None)
        if longest is None or min(longest.carried, self._since_turn - 1) < self._settings.carry_frames:
            return None
        self._since_turn = 0
        return longest

    def _carry(self, gray: Gray, face: Face, position_s: float) -> list[Box]:
        """Where the face is by its likeness; empty where it has none, or does not look like it any more.

        A face that touches another is left to the cascade: half covered it still looks like itself.
        """
        expected = face.predicted(position_s)
        others = (other.predicted(position_s) for other in self._tracker.faces if other is not face)
        if face.template is None or face.missed or any(expected.iou(other) > 0 for other in others):
            return []
        face.carried += 1
        box = find_likeness(gray, face.template, expected, margin=MARGIN)
        return [] if box is None else [box]

    def _look_for(self, gray: Gray, face: Face, position_s: float) -> list[Box]:
        face.template = None
        expected = face.predicted(position_s)
        elapsed_s = position_s - face.seen_s
        speed = max(abs(face.velocity[0]), abs(face.velocity[1])) * elapsed_s / expected.w
        margin = min(MARGIN + speed / 2 + MARGIN_MISSED * face.missed, MARGIN_MOST)
        return self._redetector.look(gray, expected, margin=margin, sizes=SIZES_MISSED if face.missed else SIZES)

    def _remember(self, gray: Gray) -> None:
        """Keep what the faces look like that the cascade has found in this frame."""
        if not self._settings.carry_frames:
            return
        for face in self._tracker.faces:
            if face.template is None and not face.missed:
                face.template, face.carried = likeness(gray, face.box), 0

    def _bring_up(
        self, gray: Gray, scanned: Scanned, detections: Sequence[Detection], position_s: float
    ) -> list[Detection]:
        """New faces of the scan, found again in this frame: an older frame's are not trusted before."""
        self._scanning = False
        fresh: list[Detection] = []
        for detection in scanned.detections:
            if _known(detection.box, detections):
                continue
            boxes = self._redetector.look(
                gray, detection.box, margin=MARGIN_SCANNED, sizes=SIZES_MISSED, neighbors=NEW_NEIGHBORS
            )
            box = boxes[0] if boxes else None
            if box is not None and all(box.overlap(known.box) < INSIDE_FACE for known in [*detections, *fresh]):
                velocity = _velocity(detection.box, box, position_s - scanned.position_s)
                fresh.append(Detection(box, detection.weight, looks=2, velocity=velocity))
        self._fruitless = 0 if fresh else self._fruitless + 1
        return fresh

    def _scan_due(self, position_s: float, *, moving: bool, strain: int) -> Box | None:
        """The part of the newest frame to scan now, or None."""
        if not moving:
            self._fruitless = 0
        if self._scanning or not self._may_scan(position_s, moving=moving, strain=strain):
            return None
        region = self._gate.changed_since_scan(self._known_boxes(position_s))
        if region is None:
            return None
        self._gate.mark_scanned()
        self._scan_s = position_s
        self._scanning = True
        side = REGION_MARGIN_PX
        return Box(region.x - side, region.y - side, region.w + 2 * side, region.h + 2 * side)

    def _may_scan(self, position_s: float, *, moving: bool, strain: int) -> bool:
        if self._scan_s is None:
            return True
        wait_s = self._settings.scan_interval_s
        if moving:
            doublings = min(self._fruitless // FRUITLESS_SCANS, MOST_DOUBLINGS)
            wait_s = min(wait_s, self._settings.motion_scan_gap_s * (1 << doublings))
        return position_s - self._scan_s >= wait_s * (1 << strain)

    def _known_boxes(self, position_s: float) -> list[Box]:
        return [face.predicted(position_s) for face in self._tracker.faces if face.missed == 0]


def _first_new(boxes: Sequence[Box], detections: Sequence[Detection]) -> Box | None:
    """The first of `boxes` that is none of the faces in `detections`."""
    return next((box for box in boxes if not _known(box, detections)), None)


def _velocity(old: Box, new: Box, elapsed_s: float) -> tuple[float, float]:
    """Of the middle, px a second; none where no time has passed."""
    if elapsed_s <= 0:
        return 0.0, 0.0
    (old_x, old_y), (x, y) = old.center, new.center
    return (x - old_x) / elapsed_s, (y - old_y) / elapsed_s


def _known(box: Box, detections: Sequence[Detection]) -> bool:
    return any(box.iou(detection.box) >= SAME_FACE_IOU for detection in detections)
