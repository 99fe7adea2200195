"""Follows faces from frame to frame by the overlap of their boxes."""

from collections.abc import Sequence

from edge.records import Box, Detection, Gray, Track
from edge.settings import TrackSettings

VELOCITY_WEIGHT = 0.5
"""How much the newest step counts in a face's velocity: enough to turn with it, not enough to follow a box's jitter."""

COAST_S = 0.3
"""A face that is missed is thought to move on for this long; then it may as well have stopped."""


class Face:
    """A face that is being followed; it belongs to its tracker.

    track_id: None until it is confirmed, so that ids of false faces are not used up.
    box: where it was last found. velocity: of its middle, (x, y) px a second.
    hits: frames in which it was found. missed: frames since. seen_s: time of the last hit.
    template, carried: what it looked like when the cascade last found it, if that is to be used, and in how many frames
        it was since.
    """

    def __init__(self, detection: Detection, position_s: float) -> None:
        self.track_id: int | None = None
        self.box = detection.box
        self.velocity = detection.velocity
        self.hits = detection.looks
        self.missed = 0
        self.seen_s = position_s
        self.template: Gray | None = None
        self.carried = 0

    def predicted(self, position_s: float) -> Box:
        """Where it is expected at `position_s`."""
        elapsed_s = min(position_s - self.seen_s, COAST_S)
        return self.box.moved(self.velocity[0] * elapsed_s, self.velocity[1] * elapsed_s)

    def hit(self, box: Box, position_s: float) -> None:
        """Take where it was found."""
        elapsed_s = position_s - self.seen_s
        if elapsed_s > 0:
            (x, y), (old_x, old_y) = box.center, self.box.center
            weight = VELOCITY_WEIGHT if self.hits > 1 else 1.0
            self.velocity = (
                self.velocity[0] + weight * ((x - old_x) / elapsed_s - self.velocity[0]),
                self.velocity[1] + weight * ((y - old_y) / elapsed_s - self.velocity[1]),
            )
        self.box, self.seen_s = box, position_s
        self.hits += 1
        self.missed = 0


class Tracker:
    """Gives each face an id that holds while the face is in sight. One thread alone may use an instance.

    A face is confirmed after `min_hits` frames in a row and ends after `max_missed_s` without being found; until it is
    confirmed, one miss ends it. Ids count from 1.

    faces: all that are followed now, those not confirmed yet included.
    """

    def __init__(self, settings: TrackSettings) -> None:
        self.faces: list[Face] = []
        self._settings = settings
        self._next_id = 1

    def update(self, detections: Sequence[Detection], *, position_s: float) -> tuple[Track, ...]:
        """Take the next frame's detections; return the confirmed faces, those missed in this frame included.

        Args:
            detections: in any order.
            position_s: the frame's time, s; never smaller than the last.
        """
        free = list(detections)
        found = self._match(free, position_s)
        for face, detection in found:
            free.remove(detection)
            face.hit(detection.box, position_s)
        for face in self.faces:
            if all(face is not hit for hit, _ in found):
                face.missed += 1
        self.faces = [face for face in self.faces if self._lives(face, position_s)]
        self.faces += [Face(detection, position_s) for detection in free]
        return tuple(self._confirmed())

    def _match(self, detections: Sequence[Detection], position_s: float) -> list[tuple[Face, Detection]]:
        """Pair faces with detections, the largest overlap with where a face is expected first."""
        overlaps = [
            (face.predicted(position_s).iou(detection.box), number, face, detection)
            for number, face in enumerate(self.faces)
            for detection in detections
        ]
        pairs: list[tuple[Face, Detection]] = []
        for overlap, _, face, detection in sorted(overlaps, key=lambda row: (-row[0], row[1])):
            if overlap < self._settings.min_iou or overlap == 0.0:
                break
            if all(face is not taken and detection is not used for taken, used in pairs):
                pairs.append((face, detection))
        return pairs

    def _lives(self, face: Face, position_s: float) -> bool:
        if face.hits < self._settings.min_hits:
            return face.missed == 0
        return position_s - face.seen_s <= self._settings.max_missed_s

    def _confirmed(self) -> list[Track]:
        tracks = []
        for face in self.faces:
            if face.hits < self._settings.min_hits:
                continue
            if face.track_id is None:
                face.track_id = self._next_id
                self._next_id += 1
            tracks.append(Track(face.track_id, face.box, face.hits, face.missed))
        return tracks
