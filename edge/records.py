"""What travels through the pipeline: frozen records, each made by one step and used by the next."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]
"""(H, W) uint8 luma, 0 black to 255 white."""

Color = NDArray[np.uint8]
"""(H, W, 3) uint8, blue-green-red."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture from a source.

    gray: (H, W) uint8 luma, read-only.
    index: counts *captured* frames from 0, so that a gap shows a drop.
    captured_at: s on the monotonic clock; latency is measured from here.
    position_s: s on the source's own time line (media time for a video, `captured_at` for a camera);
        tracking and smoothing measure by this, so that a file gives the same log twice.
    source: the camera's name, or the file's path relative to the folder given.
    color: (H, W, 3) uint8 BGR where a sink asked for it, else None.
    """

    gray: Gray
    index: int
    captured_at: float
    position_s: float
    source: str
    color: Color | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in whole pixels, origin at the top left of the picture, x to the right and y down."""

    x: int
    y: int
    w: int
    h: int

    @property
    def area(self) -> int:
        """Pixels inside."""
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
        """Intersection over union with `other`, 0.0 (apart) to 1.0 (equal)."""
        intersection = self._intersection(other)
        return intersection / (self.area + other.area - intersection) if intersection else 0.0

    def overlap(self, other: "Box") -> float:
        """Share of the smaller box that the larger one covers, 0.0 (apart) to 1.0 (inside)."""
        intersection = self._intersection(other)
        return intersection / min(self.area, other.area) if intersection else 0.0

    def _intersection(self, other: "Box") -> int:
        width = min(self.x + self.w, other.x + other.w) - max(self.x, other.x)
        height = min(self.y + self.h, other.y + other.h) - max(self.y, other.y)
        return width * height if width > 0 and height > 0 else 0

    def expanded(self, factor: float, *, shift_y: float = 0.0) -> "Box":
        """The box scaled by `factor` about its middle, moved down by `shift_y` of its height. May leave the picture."""
        center_x, center_y = self.center
        width, height = self.w * factor, self.h * factor
        center_y += shift_y * self.h
        return Box(round(center_x - width / 2), round(center_y - height / 2), round(width), round(height))

    def moved(self, dx: float, dy: float) -> "Box":
        """The box moved by (dx, dy) px."""
        return Box(round(self.x + dx), round(self.y + dy), self.w, self.h)

    def scaled(self, factor: float) -> "Box":
        """The same place in a picture whose sides are `factor` times as long."""
        return Box(round(self.x * factor), round(self.y * factor), round(self.w * factor), round(self.h * factor))

    def clipped(self, width: int, height: int) -> "Box":
        """The part inside a picture of `width` x `height` px; w or h is 0 where nothing is inside."""
        left, top = min(max(self.x, 0), width), min(max(self.y, 0), height)
        right, bottom = min(max(self.x + self.w, left), width), min(max(self.y + self.h, top), height)
        return Box(left, top, right - left, bottom - top)


@dataclass(frozen=True, slots=True)
class Detection:
    """A face found in one frame.

    box: square; it may reach beyond the picture's edge.
    weight: the cascade's level weight (larger is surer; not a probability).
    looks: in how many frames it was seen by now. velocity: of its middle, (x, y) px a second, where two frames tell it.
    """

    box: Box
    weight: float
    looks: int = 1
    velocity: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Track:
    """A face followed over frames.

    hits: frames in which it was found. missed: frames since it was last found; 0 means found in this one.
    """

    track_id: int
    box: Box
    hits: int
    missed: int


@dataclass(frozen=True, slots=True, eq=False)
class TrackedFrame:
    """A frame with the faces that are followed in it, those missed for the moment included."""

    frame: Frame
    tracks: tuple[Track, ...]


@dataclass(frozen=True, slots=True, eq=False)
class EmotionScores:
    """A model's answer for one face. probabilities: (K,) float32, sums to 1, in the order of the model's labels."""

    probabilities: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Reading:
    """What is said of one face in one frame. It carries no pixels.

    box: inside the picture.
    emotion: one of the model's labels, or `uncertain`.
    confidence: 0.0 to 1.0, the (smoothed) probability of the likeliest label.
    probabilities: label to probability, sums to 1.
    latency_s: s from `captured_at` to the moment the reading was made.
    unclear: why the face could not be classified (too small, too dark, too blurred), else None; the other fields then
        say what was last known of it.
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


@dataclass(frozen=True, slots=True)
class Counts:
    """What was seen in a minute, without a word on whose face it was.

    duration_s: how long that was in truth, on the source's own time line, s.
    frames: processed. frames_with_face: those of them in which a face was found. most_faces: in one frame.
    emotions: emotion to number of readings; one that was not seen is left out.
    """

    duration_s: float
    frames: int
    frames_with_face: int
    most_faces: int
    emotions: dict[str, int]


@dataclass(frozen=True, slots=True)
class Observation:
    """All that is said of one frame; what every sink is given.

    readings: one for each face found in this frame.
    present: ids of the faces still followed, those missed for the moment included. A sink that sees an id vanish
        from here knows that the face has left, even where frames in between were dropped.
    counts: where nothing else may be told, a minute's; there are no readings then, nobody is present, and there is no
        other observation until the next minute has passed. Else None.
    """

    frame_index: int
    source: str
    captured_at: float
    position_s: float
    readings: tuple[Reading, ...]
    present: tuple[int, ...]
    counts: Counts | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A frame with all that is said of it: what viewers are given, and nothing else is. It is shared, never copied."""

    frame: Frame
    observation: Observation
