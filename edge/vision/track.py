"""Follows faces from frame to frame by the overlap of their boxes."""

from collections.abc import Sequence

from edge.config import TrackSettings
from edge.records import Box, Detection, Track


class _Face:
    """A face that is being followed."""

    def __init__(self, box: Box, position_s: float) -> None:
        self.track_id: int | None = None  # given once it is confirmed, so that ids of false faces are not used up
        self.box = box
        self.hits = 1
        self.missed = 0
        self.seen_s = position_s


class Tracker:
    """Gives each face an id that holds while the face is in sight. One thread alone may use an instance.

    A face is confirmed after `min_hits` frames in a row and ends after `max_missed_s` without being found; until it is
    confirmed, one miss ends it. Ids count from 1.
    """

    def __init__(self, settings: TrackSettings, *, min_hits: int | None = None) -> None:
        """min_hits: instead of the settings', for pictures that are seen only once."""
        self._settings = settings
        self._min_hits = settings.min_hits if min_hits is None else min_hits
        self._faces: list[_Face] = []
        self._next_id = 1

    def reset(self) -> None:
        """Forget every face and count from 1 again."""
        self._faces = []
        self._next_id = 1

    def update(self, detections: Sequence[Detection], *, position_s: float) -> tuple[Track, ...]:
        """Take the next frame's detections; return the confirmed faces, those missed in this frame included.

        Args:
            detections: in any order.
            position_s: the frame's time, s; never smaller than the last.
        """
        free = list(detections)
        for face, detection in self._match(free):
            free.remove(detection)
            face.box = detection.box
            face.hits += 1
            face.missed = 0
            face.seen_s = position_s
        for face in self._faces:
            if face.seen_s != position_s:
                face.missed += 1
        self._faces = [face for face in self._faces if self._lives(face, position_s)]
        self._faces += [_Face(detection.box, position_s) for detection in free]
        return tuple(self._confirmed())

    def _match(self, detections: Sequence[Detection]) -> list[tuple[_Face, Detection]]:
        """Pair faces with detections, the largest overlap first."""
        overlaps = [
            (face.box.iou(detection.box), number, face, detection)
            for number, face in enumerate(self._faces)
            for detection in detections
        ]
        pairs: list[tuple[_Face, Detection]] = []
        for overlap, _, face, detection in sorted(overlaps, key=lambda row: (-row[0], row[1])):
            if overlap < self._settings.min_iou or overlap == 0.0:
                break
            if all(face is not taken and detection is not used for taken, used in pairs):
                pairs.append((face, detection))
        return pairs

    def _lives(self, face: _Face, position_s: float) -> bool:
        if face.hits < self._min_hits:
            return face.missed == 0
        return position_s - face.seen_s <= self._settings.max_missed_s

    def _confirmed(self) -> list[Track]:
        tracks = []
        for face in self._faces:
            if face.hits < self._min_hits:
                continue
            if face.track_id is None:
                face.track_id = self._next_id
                self._next_id += 1
            tracks.append(Track(face.track_id, face.box, face.hits, face.missed))
        return tracks
