"""The eight ways in which an image can be turned and mirrored."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Flip = Literal["none", "horizontal", "vertical"]


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight ways in which an image can be turned and mirrored, in libcamera's terms.

    Attributes:
        transpose: Whether rows and columns are swapped, before anything else.
        hflip: Whether left and right are swapped.
        vflip: Whether top and bottom are swapped.
    """

    transpose: bool = False
    hflip: bool = False
    vflip: bool = False

    @classmethod
    def of(cls, rotation: int, flip: Flip = "none") -> "Orientation":
        """Return the orientation that first turns by `rotation`, degrees, clockwise, and then mirrors.

        Args:
            rotation: 0, 90, 180 or 270.
            flip: `horizontal` swaps left and right, `vertical` top and bottom.
        """
        return cls(
            transpose=rotation in {90, 270},
            hflip=(rotation in {90, 180}) != (flip == "horizontal"),
            vflip=(rotation in {180, 270}) != (flip == "vertical"),
        )

    @classmethod
    def of_exif(cls, number: int) -> "Orientation":
        """Return the orientation that EXIF numbers from 1 to 8; an image with any other number stays as it is."""
        number -= 1
        if not 0 <= number < 8:  # noqa: PLR2004  # EXIF knows eight
            return cls()
        # Source: Exif 3.0, tag Orientation: from 5 on the stored rows are the image's columns.
        turned = number >= 4  # noqa: PLR2004
        return cls(turned, hflip=number in {1, 2, 5, 6}, vflip=number in {2, 3, 6, 7})

    @classmethod
    def of_matrix(cls, a: float, b: float, c: float, d: float) -> "Orientation":
        """Return the orientation nearest to the map from (x, y) to (a x + c y, b x + d y), with y downwards."""
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(transpose=True, hflip=c < 0, vflip=b < 0)
        return cls(hflip=a < 0, vflip=d < 0)

    def after(self, done: "Orientation") -> "Orientation":
        """Return what is left to do for an image to which `done` was applied, so that it ends in this orientation."""
        transpose = self.transpose != done.transpose
        hflip, vflip = (done.vflip, done.hflip) if transpose else (done.hflip, done.vflip)
        return Orientation(transpose, self.hflip != hflip, self.vflip != vflip)

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the image in this orientation: `pixels` itself if there is nothing to do, else a read-only copy.

        Args:
            pixels: (H, W) or (H, W, 3) uint8.
        """
        if self == UPRIGHT:
            return pixels
        turned = cv2.transpose(pixels) if self.transpose else pixels
        if self.hflip or self.vflip:
            turned = cv2.flip(turned, -1 if self.hflip and self.vflip else int(self.hflip))
        turned.flags.writeable = False
        return np.asarray(turned, dtype=np.uint8)


UPRIGHT = Orientation()
"""The orientation that leaves an image as it is."""
