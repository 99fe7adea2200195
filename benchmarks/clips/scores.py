"""Scores the log of a clip against its reference: faces found, false boxes, track ids, changes of label."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from benchmarks.clips.footage import PIXEL_PARTS, Reference, ReferenceFace
from edge.errors import MediaError
from edge.records import Box

MIN_HEIGHT_PX = 48
"""Height from which a reference face must be found."""

FOUND_IOU = 0.4
"""IoU from which a reading finds a reference face. Lower than usual: detectors disagree about where a face ends."""

FALSE_IOU = 0.2
"""IoU with any reference box, or doubtful box, below which a reading is false."""

ALARMING = frozenset({"angry", "fear", "surprise"})
"""Labels that a person who only talks should not get."""

STEADY_S = 0.5
"""Time for which a face has to be found in every frame to count as found, s."""

ROLL_BANDS = {"<10": 10.0, "10-20": 20.0, "20-35": 35.0, ">35": 181.0}
"""Name of each band of the head's roll to its upper end, degrees to either side."""


class LoggedFace(msgspec.Struct, frozen=True):
    """A reading of the log; `box` is in tenths of a pixel, like the reference's."""

    track: int | None
    box: Box
    emotion: str | None


class BandScore(msgspec.Struct):
    """Reference faces of a band of roll, and how many of them were found."""

    faces: int = 0
    found: int = 0


class ClipScore(msgspec.Struct):
    """The figures of one clip, or the sums over several.

    Attributes:
        minutes: Length of the film, minutes.
        bands: Reference faces of `MIN_HEIGHT_PX` or more, by roll.
        readings: Number of readings with a box.
        false: Readings that meet neither a reference box, of any size, nor a doubtful one.
        doubles: Readings beyond the first that find the same reference face.
        ids: Number of distinct track ids.
        persons: Number of people in the film.
        changes: Readings whose emotion differs from that of the same track's previous reading.
        alarms: Readings with one of `ALARMING`.
        face_minutes: Length of all readings, minutes.
    """

    minutes: float = 0.0
    bands: dict[str, BandScore] = msgspec.field(default_factory=lambda: {band: BandScore() for band in ROLL_BANDS})
    readings: int = 0
    false: int = 0
    doubles: int = 0
    ids: int = 0
    persons: int = 0
    changes: int = 0
    alarms: int = 0
    face_minutes: float = 0.0

    @property
    def faces(self) -> int:
        """Number of reference faces that must be found."""
        return sum(band.faces for band in self.bands.values())

    @property
    def found(self) -> int:
        """Number of them that were found."""
        return sum(band.found for band in self.bands.values())

    @property
    def recall(self) -> float | None:
        """Share of the reference faces that were found, 0 to 1; None if there are none."""
        return self.found / self.faces if self.faces else None

    @property
    def false_per_minute(self) -> float:
        """False boxes per minute of film."""
        return self.false / self.minutes if self.minutes else 0.0

    @property
    def ids_per_person(self) -> float | None:
        """Track ids per person; None if there are no people."""
        return self.ids / self.persons if self.persons else None

    @property
    def changes_per_minute(self) -> float | None:
        """Changes of label per minute of face; None without a reading."""
        return self.changes / self.face_minutes if self.face_minutes else None


def read_log(path: Path, reference: Reference) -> list[list[LoggedFace]]:
    """Return the readings with a box of each frame of the clip.

    Raises:
        MediaError: The log is not of one run that logged every reading of this clip.
    """
    faces: list[list[LoggedFace]] = [[] for _ in reference.faces]
    previous = 0
    for number, text in enumerate(path.read_bytes().splitlines(), start=1):
        line = msgspec.json.decode(text)
        if "event" in line:
            raise MediaError(f"{path}:{number}: expected a log of mode `all`, found one of changes")
        frame = line["frame"]
        if not previous <= frame < len(faces):
            raise MediaError(
                f"{path}:{number}: expected a frame from {previous} to {len(faces) - 1}, found {frame}: "
                "use a log of its own for each run"
            )
        previous = frame
        if line.get("box"):
            box = Box(*(PIXEL_PARTS * side for side in line["box"]))
            faces[frame].append(LoggedFace(line["track"], box, line["emotion"]))
    return faces


def score_clip(reference: Reference, faces: Sequence[Sequence[LoggedFace]]) -> ClipScore:
    """Compare the readings of each frame with the reference."""
    score = ClipScore(minutes=len(reference.faces) / reference.fps / 60, persons=reference.persons)
    labels: dict[int | None, str | None] = {}
    for wanted, doubtful, found in zip(reference.faces, reference.doubtful, faces, strict=True):
        _add_boxes(score, wanted, doubtful, [face.box for face in found])
        score.readings += len(found)
        for face in found:
            score.changes += face.emotion != labels.get(face.track, face.emotion)
            labels[face.track] = face.emotion
            score.alarms += face.emotion in ALARMING
    score.ids = len(labels.keys() - {None})
    score.face_minutes = score.readings / reference.fps / 60
    return score


def _add_boxes(
    score: ClipScore, wanted: Sequence[ReferenceFace], doubtful: Sequence[Box], found: Sequence[Box]
) -> None:
    for face in wanted:
        hits = sum(face.box.iou(box) >= FOUND_IOU for box in found)
        score.doubles += max(0, hits - 1)
        if face.box.h >= PIXEL_PARTS * MIN_HEIGHT_PX:
            band = score.bands[roll_band(face.roll)]
            band.faces += 1
            band.found += hits > 0
    known = [*(face.box for face in wanted), *doubtful]
    score.false += sum(all(box.iou(other) < FALSE_IOU for other in known) for box in found)


def roll_band(roll: float) -> str:
    """Return the name of the band that a head's roll, degrees, is in."""
    return next(name for name, end in ROLL_BANDS.items() if abs(roll) < end)


def add_scores(scores: Iterable[ClipScore]) -> ClipScore:
    """Return the sums over several clips."""
    total = ClipScore()
    for score in scores:
        for name, band in score.bands.items():
            total.bands[name].faces += band.faces
            total.bands[name].found += band.found
        for field in ("minutes", "readings", "false", "doubles", "ids", "persons", "changes", "alarms", "face_minutes"):
            setattr(total, field, getattr(total, field) + getattr(score, field))
    return total


def found_after_s(references: Sequence[Reference], faces: Sequence[Sequence[LoggedFace]]) -> float | None:
    """Return the time, s, from which a face is found in every frame of `STEADY_S`; None if there is no such time.

    Frames without a reference face do not count. A single hit is no find: a cascade meets a face upside down in one
    frame out of ten.

    Args:
        references: References of the same clip. Several are for a runtime that may turn the picture before it looks; a
            reading that meets any of them counts.
        faces: The readings of each frame.
    """
    fps = references[0].fps
    steady, streak, start = max(1, round(STEADY_S * fps)), 0, 0
    for frame, found in enumerate(faces):
        wanted = [face.box for reference in references for face in reference.faces[frame]]
        if not wanted:
            continue
        if not any(face.box.iou(box) >= FOUND_IOU for face in found for box in wanted):
            streak = 0
            continue
        start = start if streak else frame
        streak += 1
        if streak == steady:
            return start / fps
    return None
