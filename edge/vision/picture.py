"""Judges whether a camera shows anything: not the same picture for ever, not black, not covered, not out of focus."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import Gray, PictureFault

FAULTS: dict[PictureFault, str] = {
    "frozen": "the camera repeats one picture: unplug it and plug it in again",
    "dark": "the picture is black: is the lens covered, or is there no light?",
    "covered": "the picture shows nothing: is the lens covered?",
    "out of focus": "the picture is out of focus: turn the lens, or clean it",
}
"""Each fault as a sentence for the user, with what to do."""

CHECK_EVERY_S = 1.0
"""Time between two looks at the picture, s: a look takes a third of a millisecond on a desktop."""

MIN_CHECKS = 3
"""Looks that must agree on a fault, however rarely the camera is read."""

CLEAR_S = 2.0
"""Time for which the picture must be good again until a fault is over, s. A frozen picture is over when it changes."""

DARK_LUMA = 24
"""Luma of the brightest hundredth of the picture, below which it is black. Video black is 16 on some cameras."""

PLAIN_STEP = 3.0
"""Change of luma between neighbouring coarse cells below which the picture has no edge.

Source: 588 photographs and 54 frames of clips have at least 28; drawn scenes at a twentieth of their brightness 2.5,
which are dark by then.
"""

MIN_SHARPNESS = 0.38
"""Steepest edge on the fine scale divided by that on the coarse one, below which the picture is out of focus.

Source: nine clips and the drawn scenes have at least 0.62, and at most 0.38 with a Gaussian blur of 6 px at 640 px of
width, which makes a face of 100 px unreadable; with 4 px they have 0.38 to 0.51. Of 588 photographs of 350 px, which
are soft, 0.5 % have less.
"""

_FINE_WIDTH, _FINE_CELL_PX, _COARSE = 320, 2, 4
"""Width of the fine copy, px; smallest shrinking to it; and how much smaller the coarse copy is."""

_FINE_RANK, _COARSE_RANK = 24, 3
"""Number of steeper steps to leave out on each scale: a few hot pixels are no edge."""


class PictureMonitor:
    """Watches the pictures of a camera and reports a fault that lasts. Use an instance from one thread only.

    A sensor's noise makes every picture different, even as JPEG: in a lit scene no two of 60 pictures were
    bit-identical with a noise of 0.2 levels or more, at qualities from 30 to 90. Only black pictures repeat, and these
    are reported as dark.

    Args:
        after_s: time for which a fault must last until it is reported, s.

    Attributes:
        fault: the present fault; None if there is none.
    """

    def __init__(self, *, after_s: float) -> None:
        self.fault: PictureFault | None = None
        self._after_s = after_s
        self._checked_s = float("-inf")
        self._last: Gray | None = None
        self._seen: PictureFault | None = None
        self._since_s = 0.0
        self._checks = 0

    def update(self, gray: Gray, *, media_time_s: float) -> PictureFault | None:
        """Look at the newest frame, (H, W) uint8, if it is time to; return the present fault.

        Args:
            gray: the frame as the camera gave it. It is kept until the next look, so it must not change.
            media_time_s: time of the frame, s.
        """
        if media_time_s - self._checked_s < CHECK_EVERY_S:
            return self.fault
        self._checked_s = media_time_s
        seen = judge_picture(gray)
        if seen is None and self._last is not None and np.array_equal(self._last, gray):
            seen = "frozen"
        self._last = gray
        if seen != self._seen:
            self._seen, self._since_s, self._checks = seen, media_time_s, 0
        self._checks += 1
        lasted_s = media_time_s - self._since_s
        if seen is None:
            if self.fault == "frozen" or lasted_s >= CLEAR_S:
                self.fault = None
        elif lasted_s >= self._after_s and self._checks >= MIN_CHECKS:
            self.fault = seen
        return self.fault


def judge_picture(gray: Gray) -> PictureFault | None:
    """Return what is wrong with a single picture, (H, W) uint8; None if it shows something."""
    height, width = gray.shape
    shrink = max(_FINE_CELL_PX, width / _FINE_WIDTH)
    fine = _shrunk(gray, round(width / shrink), round(height / shrink))
    coarse = _shrunk(fine, fine.shape[1] // _COARSE, fine.shape[0] // _COARSE)
    if np.percentile(coarse, 99) < DARK_LUMA:
        return "dark"
    coarse_step = _steepest(coarse, _COARSE_RANK)
    if coarse_step < PLAIN_STEP:
        return "covered"
    return "out of focus" if _steepest(fine, _FINE_RANK) < MIN_SHARPNESS * coarse_step else None


def _shrunk(gray: Gray, width: int, height: int) -> Gray:
    size = (max(3, width), max(3, height))
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _steepest(gray: Gray, rank: int) -> float:
    """Return the steepest step of luma over a pixel, in levels, after the `rank` steepest ones."""
    steps = _count_steps(gray[:, 2:], gray[:, :-2]) + _count_steps(gray[2:], gray[:-2])
    steeper = np.cumsum(steps[::-1])
    return float(255 - np.searchsorted(steeper, rank + 1)) / 2


def _count_steps(left: Gray, right: Gray) -> NDArray[np.int64]:
    """Return how often each difference, 0 to 255, occurs between two pictures."""
    return np.bincount(np.asarray(cv2.absdiff(left, right), np.uint8).ravel(), minlength=256)
