"""The records that travel through the pipeline: immutable, each made by one step and used by the next."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]
"""(H, W) uint8 luma, 0 black to 255 white."""

Color = NDArray[np.uint8]
"""(H, W, 3) uint8, blue-green-red."""


PictureFault = Literal["frozen", "dark", "covered", "out of focus"]
"""The fault of a camera's picture that hides every face."""


class TimeLine(Enum):
    """The time that a frame's `media_time_s` measures.

    Attributes:
        CLOCK: the monotonic clock, as for a camera.
        MEDIA: the position in a video file.
        NONE: nothing, as for still images.
    """

    CLOCK = "clock"
    MEDIA = "media"
    NONE = "none"


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture from a source.

    Attributes:
        gray: (H, W) uint8 luma, read-only.
        index: number of the frame, counted from 0 as frames are captured, so that a gap shows a drop.
        captured_at: time of capture on the monotonic clock, s; latency is measured from here.
        media_time_s: time on the source's own time line, s: media time for a video, `captured_at` for a camera.
            Tracking and smoothing use it, so that a file gives the same log every time.
        source: the camera's name, or the file's path relative to the folder that the settings name.
        color: (H, W, 3) uint8 BGR if a sink shows it, else None.
        rotation: rotation of the picture after its capture, degrees, clockwise.
        time_line: what `media_time_s` counts.
        opening: how often the source had been opened; another number means that nothing is known about the time
            between the two frames.
    """

    gray: Gray
    index: int
    captured_at: float
    media_time_s: float
    source: str
    color: Color | None = None
    rotation: int = 0
    time_line: TimeLine = TimeLine.CLOCK
    opening: int = 0


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in whole pixels; the origin is the top left of the picture, x points right and y down.

    Attributes:
        x: left edge, px.
        y: upper edge, px.
        w: width, px.
        h: height, px.
    """

    x: int
    y: int
    w: int
    h: int

    @property
    def area(self) -> int:
        """Number of pixels inside."""
        return self.w * self.h

    @property
    def xywh(self) -> tuple[int, int, int, int]:
        """x, y, w, h, px."""
        return self.x, self.y, self.w, self.h

    @property
    def center(self) -> tuple[float, float]:
        """(x, y) of the middle, px."""
        return self.x + self.w / 2, self.y + self.h / 2

    def iou(self, other: "Box") -> float:
        """Return the intersection over union with `other`, 0.0 (apart) to 1.0 (equal)."""
        intersection = self._intersection(other)
        return intersection / (self.area + other.area - intersection) if intersection else 0.0

    def overlap(self, other: "Box") -> float:
        """Return the share of the smaller box that the larger one covers, 0.0 (apart) to 1.0 (inside)."""
        intersection = self._intersection(other)
        return intersection / min(self.area, other.area) if intersection else 0.0

    def _intersection(self, other: "Box") -> int:
        width = min(self.x + self.w, other.x + other.w) - max(self.x, other.x)
        height = min(self.y + self.h, other.y + other.h) - max(self.y, other.y)
        return width * height if width > 0 and height > 0 else 0

    def expanded(self, factor: float, *, shift_y: float = 0.0) -> "Box":
        """Return the box scaled by `factor` about its middle and moved down by `shift_y` of its height.

        It may reach beyond the picture.
        """
        center_x, center_y = self.center
        width, height = self.w * factor, self.h * factor
        center_y += shift_y * self.h
        return Box(round(center_x - width / 2), round(center_y - height / 2), round(width), round(height))

    def grown(self, margin: int) -> "Box":
        """Return the box with `margin` px added on each side."""
        return Box(self.x - margin, self.y - margin, self.w + 2 * margin, self.h + 2 * margin)

    def moved(self, dx: float, dy: float) -> "Box":
        """Return the box moved by (dx, dy) px."""
        return Box(round(self.x + dx), round(self.y + dy), self.w, self.h)

    def scaled(self, factor: float) -> "Box":
        """Return the same place in a picture whose sides are `factor` times as long."""
        return Box(round(self.x * factor), round(self.y * factor), round(self.w * factor), round(self.h * factor))

    def clipped(self, width: int, height: int) -> "Box":
        """Return the part inside a picture of `width` x `height` px; its w or h is 0 if nothing is inside."""
        left, top = min(max(self.x, 0), width), min(max(self.y, 0), height)
        right, bottom = min(max(self.x + self.w, left), width), min(max(self.y + self.h, top), height)
        return Box(left, top, right - left, bottom - top)


@dataclass(frozen=True, slots=True)
class Detection:
    """A face found in one frame.

    Attributes:
        box: square; it may reach beyond the image's edge.
        score: the detector's confidence; larger is better. A net's is 0 to 1, a cascade's is its level weight in a scan
            and its number of hits in a look.
        roll_deg: rotation of the head in the image, degrees, clockwise; None if the detector does not know it.
        hits: number of frames in which it was found so far.
        velocity: velocity of its center, (x, y) px per second; zero until two frames show it.
    """

    box: Box
    score: float
    roll_deg: float | None = None
    hits: int = 1
    velocity: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Track:
    """A face tracked over frames.

    Attributes:
        track_id: number of the face; it stays the same while the face is in sight.
        box: the box where it was last found.
        hits: number of frames in which it was found.
        missed: number of frames since it was last found; 0 if it was found in this one.
        roll_deg: rotation of the head in the image, degrees, clockwise; 0 while it is unknown.
    """

    track_id: int
    box: Box
    hits: int
    missed: int
    roll_deg: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class TrackedFrame:
    """A frame with the faces that are tracked in it.

    Attributes:
        frame: the frame.
        tracks: the confirmed tracks, including those missed in this frame.
        picture_fault: what is wrong with the camera's picture, such as `frozen`; None if nothing is.
    """

    frame: Frame
    tracks: tuple[Track, ...]
    picture_fault: PictureFault | None = None


@dataclass(frozen=True, slots=True, eq=False)
class EmotionScores:
    """A model's prediction for one face.

    Attributes:
        probabilities: (K,) float32, sums to 1, in the order of the model's labels.
    """

    probabilities: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Reading:
    """The emotion of one face in one frame. It contains no pixels.

    Attributes:
        track_id: the face's track.
        box: the face's box, inside the picture.
        emotion: one of the model's labels, or `uncertain`.
        confidence: smoothed probability of the most likely label, 0.0 to 1.0.
        probabilities: label to smoothed probability; they sum to 1.
        frame_index: number of the frame.
        captured_at: time when the frame was captured on the monotonic clock, s.
        latency_s: time from `captured_at` until the reading was made, s.
        unclear: why the face could not be classified (too small, too dark, too blurred), else None; `emotion`,
            `confidence` and `probabilities` are then the last known ones.
    """

    track_id: int
    box: Box
    emotion: str
    confidence: float
    probabilities: dict[str, float]
    frame_index: int
    captured_at: float
    latency_s: float
    unclear: str | None = None

    @property
    def label(self) -> str:
        """The emotion, under the name that models and data sets use for it."""
        return self.emotion


@dataclass(frozen=True, slots=True)
class MinuteCounts:
    """The counts of a minute, which do not tell one face from another.

    Attributes:
        duration_s: actual duration on the source's own time line, s.
        frames: number of frames processed.
        frames_with_face: number of frames in which a face was found.
        most_faces: largest number of faces in one frame.
        emotions: emotion to number of readings, without the emotions that were not read.
    """

    duration_s: float
    frames: int
    frames_with_face: int
    most_faces: int
    emotions: dict[str, int]


@dataclass(frozen=True, slots=True)
class Observation:
    """All readings of one frame, without its pixels; every sink receives it.

    Attributes:
        frame_index: number of the frame.
        source: the frame's source.
        captured_at: time when the frame was captured on the monotonic clock, s.
        media_time_s: time of the frame on the source's own time line, s.
        readings: one reading for each face found in this frame.
        present: ids of the tracks, including those missed in this frame. When an id is no longer here, the face has
            left, even if frames in between were dropped.
        counts: with `privacy.counts_only`, the counts of the last minute. `readings` and `present` are then empty, and
            there is one observation a minute. Else None.
        time_line: what `media_time_s` counts.
        picture_fault: what is wrong with the camera's picture, such as `frozen`, so that no face can be seen; None if
            nothing is.
    """

    frame_index: int
    source: str
    captured_at: float
    media_time_s: float
    readings: tuple[Reading, ...]
    present: tuple[int, ...]
    counts: MinuteCounts | None = None
    time_line: TimeLine = TimeLine.CLOCK
    picture_fault: PictureFault | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FrameWithReadings:
    """A frame with its readings, for sinks that show pictures; no other sink receives pixels. Shared, never copied.

    Attributes:
        frame: the frame.
        observation: its readings.
    """

    frame: Frame
    observation: Observation
