"""Tracks faces from frame to frame by the overlap of their boxes."""

from collections.abc import Sequence

from edge.records import Box, Detection, Gray, Track
from edge.settings.schema import TrackSettings

VELOCITY_WEIGHT = 0.5
"""Weight of the newest step in a face's velocity: enough to follow a turn, too little to follow a box's jitter."""

ROLL_WEIGHT = 0.5
"""Weight of the newest roll: detectors measure it with an error of some degrees."""

COAST_S = 0.3
"""Time for which a missed face is expected to move on; after that it may as well have stopped, s."""


class TrackedFace:
    """A face that a `Tracker` tracks; only its tracker and the schedule use it.

    Attributes:
        track_id: None until the face is confirmed, so that false detections use up no ids.
        box: the box where it was last found.
        velocity: velocity of the box's center, (x, y) px per second.
        hits: number of frames in which it was found.
        missed: number of frames since it was last found.
        last_seen_s: time when it was last found, s.
        roll_deg: rotation of the head in the image, degrees, clockwise, smoothed; 0 while it is unknown.
        template: its image when the cascade last found it, for template matching; None if there is none.
        template_age: number of frames in which it was searched with `template`.
    """

    def __init__(self, detection: Detection, media_time_s: float) -> None:
        self.track_id: int | None = None
        self.box = detection.box
        self.velocity = detection.velocity
        self.hits = detection.hits
        self.missed = 0
        self.last_seen_s = media_time_s
        self.roll_deg = detection.roll_deg or 0.0
        self.template: Gray | None = None
        self.template_age = 0

    def predict(self, media_time_s: float) -> Box:
        """Return the box expected at `media_time_s`."""
        elapsed_s = min(media_time_s - self.last_seen_s, COAST_S)
        return self.box.moved(self.velocity[0] * elapsed_s, self.velocity[1] * elapsed_s)

    def update(self, detection: Detection, media_time_s: float) -> None:
        """Add a new detection of the face."""
        box = detection.box
        elapsed_s = media_time_s - self.last_seen_s
        if elapsed_s > 0:
            (x, y), (old_x, old_y) = box.center, self.box.center
            weight = VELOCITY_WEIGHT if self.hits > 1 else 1.0
            self.velocity = (
                self.velocity[0] + weight * ((x - old_x) / elapsed_s - self.velocity[0]),
                self.velocity[1] + weight * ((y - old_y) / elapsed_s - self.velocity[1]),
            )
        if detection.roll_deg is not None:
            turn_deg = (detection.roll_deg - self.roll_deg + 180) % 360 - 180  # the short way round
            self.roll_deg = (self.roll_deg + ROLL_WEIGHT * turn_deg + 180) % 360 - 180
        self.box, self.last_seen_s = box, media_time_s
        self.hits += 1
        self.missed = 0


class Tracker:
    """Gives each face an id that stays the same while the face is in sight. Use an instance from one thread only.

    A face is confirmed after `min_hits` consecutive frames and ends when it was not found for `max_missed_s`; before it
    is confirmed, a single miss ends it. Ids count from 1.

    Attributes:
        faces: all tracked faces, including those that are not confirmed yet.
    """

    def __init__(self, settings: TrackSettings) -> None:
        self.faces: list[TrackedFace] = []
        self._settings = settings
        self._next_id = 1

    def reset(self) -> None:
        """End all tracks; ids count on."""
        self.faces = []

    def update(self, detections: Sequence[Detection], *, media_time_s: float) -> tuple[Track, ...]:
        """Add the next frame's detections and return the confirmed tracks, including those missed in this frame.

        Args:
            detections: in any order.
            media_time_s: time of the frame, s; never smaller than the last.
        """
        unmatched = list(detections)
        matches = self._match(unmatched, media_time_s)
        for face, detection in matches:
            unmatched.remove(detection)
            face.update(detection, media_time_s)
        for face in self.faces:
            if all(face is not matched for matched, _ in matches):
                face.missed += 1
        self.faces = [face for face in self.faces if self._is_alive(face, media_time_s)]
        self.faces += [TrackedFace(detection, media_time_s) for detection in unmatched]
        return tuple(self._confirmed())

    def _match(self, detections: Sequence[Detection], media_time_s: float) -> list[tuple[TrackedFace, Detection]]:
        """Pair faces with detections greedily, the largest overlap with a face's predicted box first."""
        overlaps = [
            (face.predict(media_time_s).iou(detection.box), number, face, detection)
            for number, face in enumerate(self.faces)
            for detection in detections
        ]
        pairs: list[tuple[TrackedFace, Detection]] = []
        for overlap, _, face, detection in sorted(overlaps, key=lambda row: (-row[0], row[1])):
            if overlap < self._settings.min_iou or overlap == 0.0:
                break
            if all(face is not taken and detection is not used for taken, used in pairs):
                pairs.append((face, detection))
        return pairs

    def _is_alive(self, face: TrackedFace, media_time_s: float) -> bool:
        if face.hits < self._settings.min_hits:
            return face.missed == 0
        return media_time_s - face.last_seen_s <= self._settings.max_missed_s

    def _confirmed(self) -> list[Track]:
        tracks = []
        for face in self.faces:
            if face.hits < self._settings.min_hits:
                continue
            if face.track_id is None:
                face.track_id = self._next_id
                self._next_id += 1
            tracks.append(Track(face.track_id, face.box, face.hits, face.missed, face.roll_deg))
        return tracks
