"""The contract of all face detectors."""

from abc import ABC, abstractmethod

from edge.records import Box, Detection, Gray


class Detector(ABC):
    """Finds faces: all faces of an image, or one face near its expected place.

    The scan and the tracking run on different threads, so each has an instance of its own.

    Attributes:
        tile_px: side of the largest region in which one scan finds small faces, px; larger regions are scanned again in
            tiles of this side. None if a scan finds small faces in any region.
        sure_score: score of a look that only upright faces reach; faces that are upside down, or patterns that look
            like a face, score less.
    """

    tile_px: int | None = None
    sure_score: float = 0.0

    @abstractmethod
    def scan(self, gray: Gray, *, region: Box | None = None) -> list[Detection]:
        """Return the faces in an image, or in a region of it, largest first.

        Args:
            gray: (H, W) uint8.
            region: the part of the image to search; None searches all of it. It may reach beyond the image.

        Returns:
            Detections whose boxes touch the image and may reach beyond its edge.
        """

    @abstractmethod
    def look(
        self, gray: Gray, near: Box, *, margin: float, sizes: tuple[float, float], roll_deg: float, is_new: bool
    ) -> list[Detection]:
        """Return the faces in the window around `near`, the one with the largest overlap first.

        Args:
            gray: (H, W) uint8.
            near: expected box of the face.
            margin: margin of the window on each side of `near`, as a share of its size. A detector may use more.
            sizes: smallest and largest size of the face, as multiples of the size of `near`.
            roll_deg: expected rotation of the head in the image, degrees, clockwise.
            is_new: whether the face is not known yet, so that the detector must be surer.
        """


def keep_plausible(
    found: list[Detection], near: Box, sizes: tuple[float, float], *, reach: float = 0.75
) -> list[Detection]:
    """Return the detections that may be the face expected at `near`, the one with the largest overlap first.

    Args:
        found: detections of a look.
        near: expected box of the face.
        sizes: smallest and largest size of the face, as multiples of the size of `near`.
        reach: largest distance of the centers along an axis, as a multiple of the size of `near`.
    """
    low, high = sizes[0] * near.w, sizes[1] * near.w
    (x, y), limit = near.center, reach * near.w
    kept = [
        detection
        for detection in found
        if low <= detection.box.w <= high
        and abs(detection.box.center[0] - x) <= limit
        and abs(detection.box.center[1] - y) <= limit
    ]
    return sorted(kept, key=lambda detection: near.iou(detection.box), reverse=True)
