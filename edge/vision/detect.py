"""Finds faces in a frame with a Haar cascade."""

from pathlib import Path

import cv2
import numpy as np

from edge.config import DetectSettings
from edge.errors import ConfigError
from edge.records import Box, Detection, Gray

DEBIAN_CASCADES = Path("/usr/share/opencv4/haarcascades")
"""Where Debian's package opencv-data puts the cascades."""


def find_cascade(name: str) -> Path:
    """Return the cascade file `name`: a path as it is, or a file name that OpenCV or Debian's opencv-data has.

    Raises:
        ConfigError: it is in none of the places.
    """
    bundled = getattr(cv2, "data", None)
    folders = [Path()] + ([Path(bundled.haarcascades)] if bundled is not None else []) + [DEBIAN_CASCADES]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise ConfigError(
        f"expected the Haar cascade {name}, found it neither in opencv-python (cv2.data) nor in {DEBIAN_CASCADES}"
        " nor as a path: install opencv-python-headless<5 or opencv-data, or set detect.cascade"
    )


class HaarDetector:
    """Full-frame Haar detection. One thread alone may use an instance."""

    def __init__(self, settings: DetectSettings) -> None:
        """Load the cascade.

        Raises:
            ConfigError: the cascade is missing, or no cascade.
        """
        path = find_cascade(settings.cascade)
        self._settings = settings
        try:
            self._cascade = cv2.CascadeClassifier(str(path))
        except (cv2.error, AttributeError, SystemError) as error:  # OpenCV's binding raises each of them
            raise ConfigError(
                f"{path}: expected a Haar cascade and OpenCV 4, found a file that OpenCV {cv2.__version__} cannot load"
            ) from error
        if self._cascade.empty():
            raise ConfigError(f"{path}: expected a Haar cascade, found a file that has none")

    def detect(self, gray: Gray) -> list[Detection]:
        """Return the faces in `gray`, (H, W) uint8, largest first; a box may reach beyond the picture's edge.

        The picture's edge is repeated outwards before the search, since a cascade wants some room around a face:
        a tight portrait is lost without it. A box is left square where it reaches into that border, so that the face
        is cropped undistorted.
        """
        settings = self._settings
        border = round(settings.border * min(gray.shape))
        searched = gray
        if border:
            searched = np.asarray(cv2.copyMakeBorder(gray, *(border,) * 4, cv2.BORDER_REPLICATE), dtype=np.uint8)
        found, _, weights = self._cascade.detectMultiScale3(
            searched,
            scaleFactor=settings.scale_factor,
            minNeighbors=settings.min_neighbors,
            minSize=(settings.min_face_px, settings.min_face_px),
            outputRejectLevels=True,
        )
        detections = [
            Detection(Box(int(x) - border, int(y) - border, int(w), int(h)), float(weight))
            for (x, y, w, h), weight in zip(found, np.ravel(weights), strict=True)
        ]
        height, width = gray.shape
        touching = [detection for detection in detections if detection.box.clipped(width, height).area > 0]
        return sorted(touching, key=lambda detection: detection.box.area, reverse=True)
