"""Detects faces with a Haar cascade: upright ones everywhere, and turned ones near a known place."""

import math
from pathlib import Path

import cv2
import msgspec
import numpy as np

from edge.errors import ConfigError
from edge.records import Box, Detection, Gray
from edge.settings.schema import DetectSettings, ScanSettings
from edge.vision.detector import Detector
from edge.vision.turn import cut_upright, upright_to_image

DEBIAN_CASCADES = Path("/usr/share/opencv4/haarcascades")
"""Folder where Debian's package opencv-data installs the cascades."""

FACE_PX = 47
"""Side to which the face is shrunk before a look, px: the cascade's own 20 px times 1.1^9, a step of its pyramid.

Source: measured on 195 photographed faces with the box known to 6 %: found again in 0.997 at 48 px, 0.998 at 43 px,
0.978 at 36 px, 0.957 at 32 px. At 43 px and less a tracked box grows: to 1.25 times the face, where it is 1.02 at 47.
"""

CONFIRM_MARGIN, CONFIRM_SIZE = 0.3, 0.64
"""Margin of the window in which the second cascade looks, and its smallest face, as shares of the face's size."""

SCALE_FACTOR = 1.1
"""Ratio between the face sizes that a look tries."""

KNOWN_NEIGHBORS, NEW_NEIGHBORS = 1, 3
"""Overlapping hits that make a face: one is enough for a known face, a new face needs as many as in a full scan.

Source: measured as for `FACE_PX`, at 43 px: one neighbor finds 0.998 of the known faces, two find 0.992.
"""

CONFIRMING_HITS, TOTAL_HITS = 2, 8
"""Overlapping hits of the second cascade, and of both together, that confirm a new face.

Source: 446 faces and 78 false detections of scans, from six clips and 130 photographs that were scaled to 50 to 130 px,
turned by up to 15 degrees and got noise; looks in the next frame. With `NEW_NEIGHBORS` alone 0.99 and 42 remain, with
the second cascade 0.98 and none; of 32 faces in a clip of 176x144 px, tilted by 11 degrees and more, 0.97 and 0.88.
"""

SURE_HITS = 8.0
"""Overlapping hits that only upright faces reach.

Source: on six clips turned by 180 degrees, sampled every third frame, looks at faces turned back have 31 hits and more,
in a clip of 176x144 px 4 to 30; false detections in the other orientations have 4 to 11.
"""

TURN_DEG = 20.0
"""Turn of the window in which a known face is looked for once more, degrees: the cascade finds 0.9 of the faces at 15
degrees of roll and 0.2 at 25, so that steps of 20 follow a head that tilts."""

MAX_TURN_DEG = 60.0
"""Largest turn that is tried, degrees: heads tilt no further."""


class HaarDetector(Detector):
    """Finds upright faces of every size in a scan; follows a known face as it tilts. Use it from one thread only.

    Args:
        settings: the cascade and how to run it.
        search_px: side to which the smallest face is shrunk before a scan, px; None scans at full resolution.
            A cascade's cost grows with the area, and faces much larger than the cascade's own 20 px gain little.
    """

    sure_score = SURE_HITS

    def __init__(self, settings: DetectSettings, *, search_px: int | None = None) -> None:
        """Load the cascades.

        Raises:
            ConfigError: a cascade is missing, or a file is not a cascade.
        """
        self._settings = settings
        self._scale = min(1.0, search_px / settings.min_face_px) if search_px else 1.0
        self._cascade = open_cascade(settings.cascade)
        self._second = open_cascade(settings.confirm_cascade) if settings.confirm_cascade else None

    def scan(self, gray: Gray, *, region: Box | None = None) -> list[Detection]:
        """See `Detector.scan`.

        The border of the searched region is replicated outwards first, since a cascade needs some room around a face:
        it would miss a tight portrait without it. A box that reaches into that border stays square, so that the face is
        cropped undistorted.
        """
        height, width = gray.shape
        part = Box(0, 0, width, height) if region is None else region.clipped(width, height)
        searched = gray[part.y : part.y + part.h, part.x : part.x + part.w]
        if self._scale < 1.0:
            size = (max(1, round(part.w * self._scale)), max(1, round(part.h * self._scale)))
            searched = np.asarray(cv2.resize(searched, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
        detections = [
            Detection(box.scaled(1 / self._scale).moved(part.x, part.y), score)
            for box, score in self._search(searched, min_px=round(self._settings.min_face_px * self._scale))
        ]
        touching = [detection for detection in detections if detection.box.clipped(width, height).area > 0]
        return sorted(touching, key=lambda detection: detection.box.area, reverse=True)

    def look(
        self, gray: Gray, near: Box, *, margin: float, sizes: tuple[float, float], roll_deg: float, is_new: bool
    ) -> list[Detection]:
        """See `Detector.look`.

        The window is turned by the expected roll. A known face that is not found there is looked for once more in the
        window turned by `TURN_DEG` to either side. A new face must be confirmed by the second cascade: what a cascade
        takes for a face by mistake, it finds at the same place in the next frame as well.
        """
        turn_deg = TURN_DEG * round(roll_deg / TURN_DEG)
        if is_new:
            found = self._look_turned(gray, near, turn_deg, margin=margin, sizes=sizes, neighbors=NEW_NEIGHBORS)
            return [detection for detection in found if self._is_confirmed(gray, detection)]
        for turn in (turn_deg, turn_deg + TURN_DEG, turn_deg - TURN_DEG):
            if abs(turn) > MAX_TURN_DEG:
                continue
            found = self._look_turned(gray, near, turn, margin=margin, sizes=sizes, neighbors=KNOWN_NEIGHBORS)
            if found:
                return found
        return []

    def _is_confirmed(self, gray: Gray, detection: Detection) -> bool:
        """Whether the second cascade finds the face as well, and both together find it often enough."""
        if self._second is None:
            return True
        window, scale = detection.box.expanded(1 + 2 * CONFIRM_MARGIN), min(1.0, FACE_PX / detection.box.w)
        searched = _cut_turned(gray, window, scale, detection.roll_deg or 0.0)
        if searched is None:
            return False
        least_px = round(CONFIRM_SIZE * scale * detection.box.w)
        _, hits = self._second.detectMultiScale2(
            searched, scaleFactor=SCALE_FACTOR, minNeighbors=CONFIRMING_HITS, minSize=(least_px, least_px)
        )
        most = int(max(np.ravel(hits), default=0))
        return most >= CONFIRMING_HITS and detection.score + most >= TOTAL_HITS

    def _look_turned(
        self, gray: Gray, near: Box, turn_deg: float, *, margin: float, sizes: tuple[float, float], neighbors: int
    ) -> list[Detection]:
        """Return the faces in the window around `near`, turned by `turn_deg`."""
        scale = min(1.0, FACE_PX / near.w)
        window = near.expanded(1 + 2 * margin)
        searched = _cut_turned(gray, window, scale, turn_deg)
        if searched is None:
            return []
        face_px = near.w * scale
        found, hits = self._cascade.detectMultiScale2(
            searched,
            scaleFactor=SCALE_FACTOR,
            minNeighbors=neighbors,
            minSize=(int(face_px * sizes[0]),) * 2,
            maxSize=(int(face_px * sizes[1]),) * 2,
        )
        boxes = [Box(*map(int, box)).scaled(1 / scale).moved(window.x, window.y) for box in found]
        if turn_deg:
            boxes = [_turned_about(box, window.center, turn_deg) for box in boxes]
        detections = [
            Detection(box, float(count), roll_deg=turn_deg) for box, count in zip(boxes, np.ravel(hits), strict=True)
        ]
        return sorted(detections, key=lambda detection: near.iou(detection.box), reverse=True)

    def _search(self, gray: Gray, *, min_px: int) -> list[tuple[Box, float]]:
        """Return (box, level weight) of each face of at least `min_px`."""
        border = round(self._settings.border * min(gray.shape))
        if border:
            gray = np.asarray(cv2.copyMakeBorder(gray, *(border,) * 4, cv2.BORDER_REPLICATE), dtype=np.uint8)
        found, _, weights = self._cascade.detectMultiScale3(
            gray,
            scaleFactor=self._settings.scale_factor,
            minNeighbors=self._settings.min_neighbors,
            minSize=(min_px, min_px),
            outputRejectLevels=True,
        )
        return [
            (Box(int(x) - border, int(y) - border, int(w), int(h)), float(weight))
            for (x, y, w, h), weight in zip(found, np.ravel(weights), strict=True)
        ]


def new_haar_scanner(detect: DetectSettings, scan: ScanSettings) -> HaarDetector:
    """Create the detector that scans a stream: coarser and cheaper than the one for still images.

    Raises:
        ConfigError: a cascade is missing, or a file is not a cascade.
    """
    coarser = msgspec.structs.replace(
        detect, scale_factor=scan.scale_factor, min_neighbors=scan.min_neighbors, border=scan.border
    )
    return HaarDetector(coarser, search_px=scan.face_px)


def open_cascade(name: str) -> cv2.CascadeClassifier:
    """Open the cascade that `find_cascade` finds under `name`. Use the result from one thread only.

    Raises:
        ConfigError: the cascade is missing, or the file is not a cascade.
    """
    path = find_cascade(name)
    try:
        with path.open("rb") as file:  # OpenCV would take a name as UTF-8 text
            cascade = cv2.CascadeClassifier(f"/proc/self/fd/{file.fileno()}")
    except OSError as error:
        raise ConfigError(f"{path}: expected a Haar cascade, found: {error.strerror}: set detect.cascade") from error
    except (cv2.error, AttributeError, SystemError) as error:  # OpenCV's binding raises each of them
        raise ConfigError(
            f"{path}: expected a Haar cascade and OpenCV 4, found a file that OpenCV {cv2.__version__} cannot load:"
            " set detect.cascade"
        ) from error
    if cascade.empty():
        raise ConfigError(f"{path}: expected a Haar cascade, found a file without one: set detect.cascade")
    return cascade


def find_cascade(name: str) -> Path:
    """Return the path of a cascade file.

    Args:
        name: a path, or the name of a file that comes with OpenCV or Debian's opencv-data; a path takes precedence.

    Raises:
        ConfigError: there is no such file in any of these places.
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


def _cut_turned(gray: Gray, window: Box, scale: float, turn_deg: float) -> Gray | None:
    """Return the window's pixels, turned upright, at `scale`; None if all of it is outside the image."""
    if turn_deg == 0.0:
        return _cut(gray, window, scale)
    side = max(1, round(window.w * scale))
    return cut_upright(gray, upright_to_image(window.center, side=side, scale=1 / scale, roll_deg=turn_deg), side=side)


def _cut(gray: Gray, window: Box, scale: float) -> Gray | None:
    """Return the window's pixels at `scale`, with the image's edge replicated outside it; None if all is outside."""
    height, width = gray.shape
    inside = window.clipped(width, height)
    if inside.area == 0:
        return None
    pixels = gray[inside.y : inside.y + inside.h, inside.x : inside.x + inside.w]
    size = (max(1, round(inside.w * scale)), max(1, round(inside.h * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1.0 else pixels
    if inside != window:
        left, top = round((inside.x - window.x) * scale), round((inside.y - window.y) * scale)
        right = max(0, round(window.w * scale) - left - size[0])
        bottom = max(0, round(window.h * scale) - top - size[1])
        small = cv2.copyMakeBorder(small, top, bottom, left, right, cv2.BORDER_REPLICATE)
    return np.asarray(small, dtype=np.uint8)


def _turned_about(box: Box, center: tuple[float, float], turn_deg: float) -> Box:
    """Return the box with its center turned about `center` by `turn_deg`, degrees, clockwise."""
    angle = math.radians(turn_deg)
    (x, y), (center_x, center_y) = box.center, center
    dx, dy = x - center_x, y - center_y
    moved_x = center_x + dx * math.cos(angle) - dy * math.sin(angle)
    moved_y = center_y + dx * math.sin(angle) + dy * math.cos(angle)
    return box.moved(moved_x - x, moved_y - y)
