"""Detects faces with YuNet, through OpenCV's own decoder.

Source: Wu et al. 2023, DOI 10.1007/s11633-023-1423-y. Its weights are in no package: the user names the file.
"""

import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError
from edge.records import Box, Detection, Gray
from edge.vision.detector import Detector, keep_plausible
from edge.vision.turn import Affine, cut_upright, map_points, upright_to_image

SCAN_PX = 320
"""Longer side to which an image is shrunk for a scan, px: a frame of 640 x 480 at half resolution."""

LOOK_PX = 96
"""Side to which a look's window is scaled, px."""

SCAN_SCORE, NEW_SCORE, KNOWN_SCORE = 0.6, 0.7, 0.5
"""Smallest scores, 0 to 1: of a face that a scan proposes, of a new face in a look, of a known face in a look."""

SURE_SCORE = 0.86
"""Score that only upright faces reach, 0 to 1.

Source: on six clips turned by 90, 180 and 270 degrees, sampled every third frame, looks at faces turned back score 0.87
to 0.93, but for heads that tilt by 28 degrees and more, and faces in other orientations up to 0.857 (OpenCV 4.11,
`yunet_n_640_640.onnx`).
"""

LOOK_MARGIN = 0.5
"""Smallest margin of a look's window, as a share of the face's size."""

SIDE_FACTOR = 1.0
CENTER_SHARE = 0.23
"""From YuNet's box to the Haar cascade's: side as a multiple of the mean of width and height; center as a share of the
way from the eyes to the mouth."""

MAX_UPRIGHT_DEG = 10.0
"""Largest roll at which the net gets the window as it is: it finds 0.73 of the faces at 25 degrees."""


class YuNetDetector(Detector):
    """Finds faces up to about 20 degrees of roll, and measures the roll. Use an instance from one thread only."""

    tile_px = 320
    sure_score = SURE_SCORE

    def __init__(self, path: str) -> None:
        """Load the net.

        Args:
            path: the ONNX file, with a fixed or a dynamic input.

        Raises:
            ConfigError: no file is named, or OpenCV cannot load it.
        """
        if not path:
            raise ConfigError(
                'detect.method = "yunet": expected its ONNX file in detect.yunet_model, found none: name it'
            )
        file = Path(path)
        try:
            content = np.frombuffer(file.read_bytes(), np.uint8)
        except OSError as error:
            raise ConfigError(
                f"detect.yunet_model: expected YuNet's ONNX file, found none at {file} ({error.strerror}): name another"
            ) from error
        try:
            self._net = cv2.FaceDetectorYN.create(
                "onnx", content, np.empty(0, np.uint8), (LOOK_PX, LOOK_PX), KNOWN_SCORE, 0.3, 100
            )
            self._detect(np.zeros((LOOK_PX, LOOK_PX), np.uint8), KNOWN_SCORE)
        except cv2.error as error:
            raise ConfigError(
                f"detect.yunet_model: expected YuNet's ONNX file, found one that OpenCV {cv2.__version__} cannot use:"
                f" {file}: name another"
            ) from error

    def scan(self, gray: Gray, *, region: Box | None = None) -> list[Detection]:
        """See `Detector.scan`."""
        height, width = gray.shape
        part = (Box(0, 0, width, height) if region is None else region).clipped(width, height)
        if part.area == 0:
            return []
        scale = min(1.0, SCAN_PX / max(part.w, part.h))
        size = (max(1, round(part.w * scale)), max(1, round(part.h * scale)))
        pixels = cv2.resize(
            gray[part.y : part.y + part.h, part.x : part.x + part.w], size, interpolation=cv2.INTER_AREA
        )
        to_image = np.array([[1 / scale, 0.0, part.x], [0.0, 1 / scale, part.y]])
        found = [_map_face(row, to_image) for row in self._detect(np.asarray(pixels, np.uint8), SCAN_SCORE)]
        return sorted(found, key=lambda detection: detection.box.area, reverse=True)

    def look(
        self, gray: Gray, near: Box, *, margin: float, sizes: tuple[float, float], roll_deg: float, is_new: bool
    ) -> list[Detection]:
        """See `Detector.look`. The window is turned upright by `roll_deg`."""
        window = near.expanded(1 + 2 * max(margin, LOOK_MARGIN))
        turn_deg = roll_deg if abs(roll_deg) > MAX_UPRIGHT_DEG else 0.0
        to_image = upright_to_image(window.center, side=LOOK_PX, scale=window.w / LOOK_PX, roll_deg=turn_deg)
        pixels = cut_upright(gray, to_image, side=LOOK_PX)
        rows = self._detect(pixels, NEW_SCORE if is_new else KNOWN_SCORE)
        return keep_plausible([_map_face(row, to_image) for row in rows], near, sizes)

    def _detect(self, pixels: Gray, min_score: float) -> list[NDArray[np.float64]]:
        """Return the faces in an image, each (15,): x, y, w, h, five points, score."""
        self._net.setInputSize(pixels.shape[::-1])
        self._net.setScoreThreshold(min_score)
        _, rows = self._net.detect(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR))
        return [] if rows is None else [row.astype(np.float64) for row in rows]


def _map_face(row: NDArray[np.float64], to_image: Affine) -> Detection:
    """Turn a face in net pixels into a detection in the image, framed as the Haar cascade frames it."""
    points = map_points(row[4:14].reshape(5, 2), to_image)
    (right_eye, left_eye), mouth = points[:2], points[3:5].mean(axis=0)
    eyes = (right_eye + left_eye) / 2
    side = SIDE_FACTOR * float(row[2:4].mean()) * math.hypot(*to_image[:, 0])
    x, y = eyes + CENTER_SHARE * (mouth - eyes)
    roll_deg = math.degrees(math.atan2(left_eye[1] - right_eye[1], left_eye[0] - right_eye[0]))
    box = Box(round(x - side / 2), round(y - side / 2), round(side), round(side))
    return Detection(box, float(row[14]), roll_deg=roll_deg)
