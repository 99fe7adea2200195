"""Finds faces in a whole picture, or in a part of it, with a Haar cascade."""

import cv2
import msgspec
import numpy as np

from edge.records import Box, Detection, Gray
from edge.settings import DetectSettings, ScanSettings
from edge.vision.cascade import open_cascade


class HaarDetector:
    """Looks for faces of every size. One thread alone may use an instance.

    search_px: the picture is shrunk until the smallest face looked for has this side, px; None leaves it as it is.
        A cascade's cost grows with the picture's area, and faces much larger than the cascade's own 20 px gain little.
    """

    def __init__(self, settings: DetectSettings, *, search_px: int | None = None) -> None:
        """Load the cascade.

        Raises:
            ConfigError: the cascade is missing, or no cascade.
        """
        self._settings = settings
        self._scale = min(1.0, search_px / settings.min_face_px) if search_px else 1.0
        self._cascade = open_cascade(settings.cascade)

    def detect(self, gray: Gray, *, region: Box | None = None) -> list[Detection]:
        """Return the faces in `gray`, (H, W) uint8, largest first; a box may reach beyond the picture's edge.

        region: the part of the picture to search; None is all of it.

        The searched part's edge is repeated outwards before the search, since a cascade wants some room around a face:
        a tight portrait is lost without it. A box is left square where it reaches into that border, so that the face
        is cropped undistorted.
        """
        height, width = gray.shape
        part = Box(0, 0, width, height) if region is None else region.clipped(width, height)
        searched = gray[part.y : part.y + part.h, part.x : part.x + part.w]
        if self._scale < 1.0:
            size = (max(1, round(part.w * self._scale)), max(1, round(part.h * self._scale)))
            searched = np.asarray(cv2.resize(searched, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
        detections = [
            Detection(box.scaled(1 / self._scale).moved(part.x, part.y), weight)
            for box, weight in self._search(searched, smallest=round(self._settings.min_face_px * self._scale))
        ]
        touching = [detection for detection in detections if detection.box.clipped(width, height).area > 0]
        return sorted(touching, key=lambda detection: detection.box.area, reverse=True)

    def _search(self, gray: Gray, *, smallest: int) -> list[tuple[Box, float]]:
        """(box, weight) of each face of at least `smallest` px."""
        border = round(self._settings.border * min(gray.shape))
        if border:
            gray = np.asarray(cv2.copyMakeBorder(gray, *(border,) * 4, cv2.BORDER_REPLICATE), dtype=np.uint8)
        found, _, weights = self._cascade.detectMultiScale3(
            gray,
            scaleFactor=self._settings.scale_factor,
            minNeighbors=self._settings.min_neighbors,
            minSize=(smallest, smallest),
            outputRejectLevels=True,
        )
        return [
            (Box(int(x) - border, int(y) - border, int(w), int(h)), float(weight))
            for (x, y, w, h), weight in zip(found, np.ravel(weights), strict=True)
        ]


def new_scanner(detect: DetectSettings, scan: ScanSettings) -> HaarDetector:
    """Make the detector that scans a stream.

    Raises:
        ConfigError: the cascade is missing, or no cascade.
    """
    coarser = msgspec.structs.replace(
        detect, scale_factor=scan.scale_factor, min_neighbors=scan.min_neighbors, border=scan.border
    )
    return HaarDetector(coarser, search_px=scan.face_px)
