"""Compares detected boxes with true ones: recall, precision, identity switches."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge.records import Box
from edge.scenes.render import MIN_VISIBILITY, FaceAnnotation, Scene

MIN_IOU = 0.5
"""Smallest overlap of a correct box. Source: the usual limit, of PASCAL VOC."""

IGNORED_SHARE = 0.1
"""A face with at least this visibility but less than `MIN_VISIBILITY` counts neither as missed nor as false."""


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """A face that a detector or the pipeline reported.

    Attributes:
        frame: index of the frame.
        box: of the face.
        track: id of its track; 0 for a detector, which has no tracks.
    """

    frame: int
    box: Box
    track: int = 0


@dataclass(slots=True)
class DetectionScore:
    """Counts over many frames.

    Attributes:
        faces: true faces.
        hits: true faces that were detected.
        false: boxes that meet no true face.
        switches: identity switches: times that a face was detected in another track than the last time.
    """

    faces: int = 0
    hits: int = 0
    false: int = 0
    switches: int = 0

    @property
    def recall(self) -> float | None:
        """Share of the true faces that were detected, 0 to 1; None if there were none."""
        return self.hits / self.faces if self.faces else None

    @property
    def precision(self) -> float | None:
        """Share of the detected boxes that are correct, 0 to 1; None if there were none."""
        return self.hits / (self.hits + self.false) if self.hits + self.false else None


def match_boxes(truths: Sequence[Box], detected: Sequence[Box]) -> list[tuple[int, int]]:
    """Match true and detected boxes one to one, largest overlap first; return pairs of their indices."""
    overlaps = sorted(
        ((true.iou(box), i, j) for i, true in enumerate(truths) for j, box in enumerate(detected)), reverse=True
    )
    pairs: list[tuple[int, int]] = []
    for overlap, i, j in overlaps:
        if overlap < MIN_IOU:
            break
        if all(i != taken and j != used for taken, used in pairs):
            pairs.append((i, j))
    return pairs


def score_detections(scene: Scene, detected: Iterable[DetectedFace], frames: Iterable[int]) -> DetectionScore:
    """Compare the faces detected in `frames`, in rising order, with the scene's true faces."""
    by_frame: dict[int, list[DetectedFace]] = {}
    for face in detected:
        by_frame.setdefault(face.frame, []).append(face)
    score = DetectionScore()
    tracks: dict[int, int] = {}
    for frame in frames:
        _add_frame(score, scene.annotations(frame), by_frame.get(frame, []), tracks)
    return score


def _add_frame(
    score: DetectionScore, faces: Sequence[FaceAnnotation], detected: Sequence[DetectedFace], tracks: dict[int, int]
) -> None:
    visible = [face for face in faces if face.visibility >= MIN_VISIBILITY]
    pairs = match_boxes([face.box for face in visible], [face.box for face in detected])
    score.faces += len(visible)
    score.hits += len(pairs)
    for i, j in pairs:
        number, track = visible[i].face_index, detected[j].track
        score.switches += tracks.get(number, track) != track
        tracks[number] = track
    used = {j for _, j in pairs}
    rest = [face.box for j, face in enumerate(detected) if j not in used]
    ignored = [face.box for face in faces if IGNORED_SHARE <= face.visibility < MIN_VISIBILITY]
    score.false += len(rest) - len(match_boxes(ignored, rest))
