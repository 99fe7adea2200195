"""Finds out from the faces how a camera is mounted: upright, upside down or on its side.

Detectors prefer upright faces, but find some that are upside down as well. So a face counts for the orientation in
which a look is surest of it, and the frames are turned once a face has counted for the same other orientation several
times.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from edge.records import Box, Detection, Gray, Track
from edge.vision.detector import Detector
from edge.vision.turn import turn_box, turn_image

VOTES = 3
"""Times that a face must be found in the same other orientation before the frames are turned."""

WAIT_S = 1.5
"""Time with motion and without a face after which the other orientations are tried, s: a person on the way in is found
by then."""

PAUSE_S = 10.0
"""Time without a scan after which the next motion counts as a new event, s."""

EAGER_TRIALS = 12
LONGEST_GAP_S = 10.0
"""Trials of an event without a gap, and the longest gap between later ones, s: what moves without a face for so long is
more likely a fan or a screen, but the gap stays short enough for a person who comes later."""

CHECK_GAP_S = 0.3
"""Time between two looks at the same face, s: enough for it to have moved a little."""

CHECKS, FOLLOW_UPS = 6, 3
"""Looks without a result after which a tracked face counts as upright, and after which an untracked one is given up."""

FIRST_DOUBT_S, DOUBT_FACTOR, LONGEST_DOUBT_S = 1.0, 3.0, 600.0
"""Times between the scans in the other orientations while an upright face is tracked, s: the first, the factor by which
they grow, the longest. In frames that are upside down, bodies may be tracked as faces."""

MUCH_SURER = 1.25
"""Factor by which a look must be surer of a face in another orientation than of every upright face that is tracked.

Source: measured as below: with BlazeFace upright faces score 0.80 and more, so that nothing exceeds them by as much.
"""

MIN_CHANGE = 12
"""Change of luma, 1 to 255, that some part of a face must show between two looks: a poster, or a pattern that only
looks like a face, must not turn the camera, however often it is found."""

SURER = 0.02
"""Share of its score by which a look must be surer of a face in another orientation than in the present one.

Source: measured on 83 faces of five clips and 11 photographs, in the four orientations: with BlazeFace a face scores
0.80 to 0.94 upright and up to 0.80 otherwise, with the cascade it gets 12 to 58 hits upright and up to 5 otherwise.
"""

TILT_DEG = {0: 60.0, 90: 30.0, 180: 45.0, 270: 30.0}
"""Largest roll of a face that counts for an orientation, by turn, degrees: a tilted head must not count for the camera
lying on its side."""

OTHER_TURNS = (180, 90, 270)
"""The turns that are tried, degrees, clockwise, the most frequent one first."""

MARGIN, SIZES = 0.7, (0.7, 1.45)
"""Window and sizes of a look that compares orientations, as for a face that a scan has found."""

MOST_CANDIDATES = 2
"""Largest faces of a turned scan that are compared."""

PATCH_PX = 24
"""Side of the shrunk copy of a face that shows whether it moves, px."""


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """A face that was found in another orientation.

    Attributes:
        turn: The turn after which it is upright, degrees, clockwise.
        score: How sure the look is.
        box: Its place in the frame as it is.
        pixels: What was there, (24, 24) uint8.
    """

    turn: int
    score: float
    box: Box
    pixels: Gray


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Asks in which orientation there is a face.

    Attributes:
        near: A face that may not be upright; None to scan for one.
        last: The last sighting of that face.
    """

    near: Box | None = None
    last: Sighting | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TrialResult:
    """What a trial has found.

    Attributes:
        upright_score: How sure the look is of a face that is upright as it is; None if there is none.
        sighting: A face that is upright after a turn, or None.
    """

    upright_score: float | None = None
    sighting: Sighting | None = None


class OrientationSearch:
    """Decides when the other orientations are tried, and when the frames are turned. Use it from one thread only.

    A new track is looked at until it is known to be upright, since detectors find some faces that are upside down.
    While no face is tracked and something moves, scans are repeated in the other orientations. They are rarely repeated
    while an upright face is tracked, and then a face in another orientation must be far more certain than that one.

    Args:
        cpu_share: Largest share of a processor core that the trials may use, 0 to 1.
    """

    def __init__(self, *, cpu_share: float) -> None:
        self._cpu_share = cpu_share
        self.reset()

    def reset(self) -> None:
        """Start again, as after a turn."""
        self._sightings: list[Sighting] = []  # of one face, all with the same turn
        self._tried: int | None = None  # the track in the trial under way
        self._fruitless: Counter[int | None] = Counter()  # looks by track; None: at an untracked face
        self._upright: dict[int, float] = {}  # score by track
        self._began_s: float | None = None
        self._last_scan_s = 0.0
        self._scans = 0
        self._next_look_s = self._next_scan_s = float("-inf")
        self._next_doubt_s: float | None = None
        self._doubt_s = FIRST_DOUBT_S

    def next_trial(self, tracks: Sequence[Track], *, media_time_s: float, scans: bool) -> Trial | None:
        """Return the trial to make with this frame, or None. Call it for each frame while no trial is under way.

        Args:
            tracks: The tracks of the frame.
            media_time_s: Time of the frame, s; never smaller than the last.
            scans: Whether the frame is scanned for new faces, because something has changed.
        """
        self._upright = {
            track.track_id: self._upright[track.track_id] for track in tracks if track.track_id in self._upright
        }
        if self._sightings and not self._outshines_tracks(self._sightings[-1]):
            self._sightings.clear()
        if tracks:
            self._began_s = None
        if tracks and not self._upright:
            return self._check(tracks, media_time_s)
        if self._sightings:
            return self._look(None, self._sightings[-1].box, media_time_s)
        if not scans:
            return None
        return self._doubt(media_time_s) if tracks else self._search(media_time_s)

    def _outshines_tracks(self, sighting: Sighting) -> bool:
        """Whether a face in another orientation is found with much more certainty than those tracked as upright."""
        return all(sighting.score >= MUCH_SURER * score for score in self._upright.values())

    def _check(self, tracks: Sequence[Track], media_time_s: float) -> Trial | None:
        """Return a look at the largest face that was found in this frame."""
        found = [track for track in tracks if track.missed == 0]
        if not found:
            return None
        largest = max(found, key=lambda track: track.box.area)
        return self._look(largest.track_id, largest.box, media_time_s)

    def _doubt(self, media_time_s: float) -> Trial | None:
        """Return a scan, rarely."""
        if self._next_doubt_s is None:
            self._next_doubt_s = media_time_s + self._doubt_s
        if media_time_s < max(self._next_doubt_s, self._next_scan_s):
            return None
        self._doubt_s = min(DOUBT_FACTOR * self._doubt_s, LONGEST_DOUBT_S)
        self._next_doubt_s = None
        self._tried = None
        self._next_look_s = media_time_s + CHECK_GAP_S
        return Trial()

    def _look(self, track_id: int | None, near: Box, media_time_s: float) -> Trial | None:
        if media_time_s < self._next_look_s:
            return None
        self._tried = track_id
        self._next_look_s = media_time_s + CHECK_GAP_S
        last = self._sightings[-1] if self._sightings else None
        return Trial(near, last if last is not None and last.box.iou(near) > 0.0 else None)

    def _search(self, media_time_s: float) -> Trial | None:
        if self._began_s is None or media_time_s - self._last_scan_s > PAUSE_S:
            self._began_s, self._scans = media_time_s, 0
        self._last_scan_s = media_time_s
        if media_time_s - self._began_s < WAIT_S or media_time_s < self._next_scan_s:
            return None
        self._tried = None
        self._scans += 1
        gap_s = min(2.0 ** (self._scans - EAGER_TRIALS), LONGEST_GAP_S) if self._scans > EAGER_TRIALS else 0.0
        self._next_scan_s = media_time_s + gap_s
        self._next_look_s = media_time_s + CHECK_GAP_S
        return Trial()

    def add(self, result: TrialResult, *, media_time_s: float, cpu_s: float = 0.0) -> int:
        """Add the result of a trial; return the turn to make, degrees, clockwise, or 0.

        Args:
            result: What `try_orientations` has returned.
            media_time_s: Time of the newest frame, s.
            cpu_s: CPU time that the trial has taken, s; 0 if it does not matter, as for a file.
        """
        rest_s = cpu_s / self._cpu_share
        self._next_scan_s = max(self._next_scan_s, media_time_s + rest_s)
        self._next_look_s = max(self._next_look_s, media_time_s + rest_s)
        if result.sighting is None:
            self._note_no_sighting(result.upright_score)
            return 0
        self._fruitless[self._tried] = 0
        if self._sightings and self._sightings[-1].turn != result.sighting.turn:
            self._sightings.clear()
        self._sightings.append(result.sighting)
        return result.sighting.turn if len(self._sightings) >= VOTES else 0

    def _note_no_sighting(self, upright_score: float | None) -> None:
        """Note an upright face; give up a face of which nothing is known after several looks."""
        self._fruitless[self._tried] += 1
        is_given_up = self._fruitless[self._tried] >= (FOLLOW_UPS if self._tried is None else CHECKS)
        if upright_score is None and not is_given_up:
            return
        if self._tried is None:
            self._sightings.clear()
            self._fruitless[None] = 0
        else:
            self._upright[self._tried] = float("inf") if upright_score is None else upright_score


def try_orientations(detector: Detector, gray: Gray, trial: Trial, *, region: Box | None = None) -> TrialResult:
    """Look for a face in all four orientations.

    Args:
        detector: Scans and looks.
        gray: (H, W) uint8.
        trial: What to try.
        region: The part of the frame to scan if the trial names no face; it may reach beyond the frame. None scans all.
    """
    height, width = gray.shape
    if trial.last is not None and not _has_changed(gray, trial.last):
        return TrialResult()
    part = region or Box(0, 0, width, height)
    if trial.near is not None:
        part = trial.near.expanded(1 + 4 * MARGIN)
    part = part.clipped(width, height)
    if not part.area:
        return TrialResult()
    pixels = gray[part.y : part.y + part.h, part.x : part.x + part.w]
    turned = {turn: turn_image(pixels, turn) for turn in TILT_DEG}
    if trial.near is not None:
        faces = _compare(detector, turned, [trial.near.moved(-part.x, -part.y)])
    else:
        faces = [face for turn in OTHER_TURNS for face in _compare(detector, turned, _scan(detector, turned, turn))]
    faces = [face for face in faces if not face.turn or face.score >= detector.sure_score]
    if not faces:
        return TrialResult()
    surest = max(faces, key=lambda face: face.score)
    if not surest.turn:
        return TrialResult(upright_score=surest.score)
    box = surest.box.moved(part.x, part.y)
    return TrialResult(sighting=Sighting(surest.turn, surest.score, box, _cut(gray, box)))


def find_turn(detector: Detector, gray: Gray) -> int | None:
    """Return the turn after which the faces of an image are upright, degrees, clockwise; None if it shows none.

    Args:
        detector: scans and looks.
        gray: (H, W) uint8.
    """
    turned = {turn: turn_image(gray, turn) for turn in TILT_DEG}
    faces: list[_Candidate] = []
    for turn in (0, *OTHER_TURNS):
        faces += _compare(detector, turned, _scan(detector, turned, turn))
        if any(face.score >= detector.sure_score for face in faces):
            break
    return max(faces, key=lambda face: face.score).turn if faces else None


class _Candidate(NamedTuple):
    """A face in the orientation in which a look is surest of it.

    Attributes:
        score: how sure the look is.
        turn: the turn after which it is upright, degrees, clockwise.
        box: its place before any turn.
    """

    score: float
    turn: int
    box: Box


def _scan(detector: Detector, turned: Mapping[int, Gray], turn: int) -> list[Box]:
    """Return the largest faces that a scan finds after a turn, as they are before any turn."""
    found = detector.scan(turned[turn])[:MOST_CANDIDATES]
    return [turn_box(detection.box, 360 - turn, *turned[turn].shape[::-1]) for detection in found]


def _compare(detector: Detector, turned: Mapping[int, Gray], places: Sequence[Box]) -> list[_Candidate]:
    """Compare the orientations at each place; leave out those without a face of certain orientation."""
    return [face for near in places if (face := _compare_at(detector, turned, near)) is not None]


def _compare_at(detector: Detector, turned: Mapping[int, Gray], near: Box) -> _Candidate | None:
    """Return the face near a place, in the orientation in which a look is surest of it.

    Returns None if there is no face, or only one that is tilted so far that its orientation is uncertain.

    Args:
        detector: Looks.
        turned: The same pixels, by turn.
        near: Expected box of the face before any turn.
    """
    height, width = turned[0].shape
    faces: dict[int, Detection] = {}
    for turn, pixels in turned.items():
        box = turn_box(near, turn, width, height)
        found = detector.look(pixels, box, margin=MARGIN, sizes=SIZES, roll_deg=0.0, is_new=True)
        upright = [face for face in found if abs(face.roll_deg or 0.0) <= TILT_DEG[0]]
        if upright:
            faces[turn] = upright[0]
    if not faces:
        return None
    best_score = max(face.score for face in faces.values())
    least_score = best_score - SURER * abs(best_score)
    tilts = {turn: abs(face.roll_deg or 0.0) for turn, face in faces.items() if face.score >= least_score}
    best = 0 if 0 in tilts else min(tilts, key=lambda turn: tilts[turn])
    if tilts[best] > TILT_DEG[best]:
        return None
    return _Candidate(faces[best].score, best, turn_box(faces[best].box, 360 - best, *turned[best].shape[::-1]))


def _has_changed(gray: Gray, last: Sighting) -> bool:
    change = cv2.absdiff(_cut(gray, last.box), last.pixels)
    return int(change.max()) >= MIN_CHANGE


def _cut(gray: Gray, box: Box) -> Gray:
    """Return the part of the box inside the frame, shrunk so that noise averages out, (24, 24) uint8."""
    height, width = gray.shape
    x, y, w, h = box.clipped(width, height).xywh
    if not w or not h:
        return np.zeros((PATCH_PX, PATCH_PX), np.uint8)
    return np.asarray(
        cv2.resize(gray[y : y + h, x : x + w], (PATCH_PX, PATCH_PX), interpolation=cv2.INTER_AREA), np.uint8
    )
