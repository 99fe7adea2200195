"""YuNet runs from a file that the user names; every fault of that file is one line."""

import cv2
import numpy as np
import pytest

from edge.errors import ConfigError
from edge.records import Box
from edge.vision.yunet import LOOK_PX, YuNetDetector

IMAGE = np.full((480, 640), 120, np.uint8)


class FakeNet:
    """OpenCV's detector with one upright face in the middle of every image; records the sizes and thresholds."""

    def __init__(self):
        self.sizes = []
        self.thresholds = []

    def setInputSize(self, size):  # noqa: N802  # OpenCV's name
        self.sizes.append(tuple(size))

    def setScoreThreshold(self, score):  # noqa: N802  # OpenCV's name
        self.thresholds.append(score)

    def detect(self, image):
        height, width = image.shape[:2]
        side = min(width, height) / 2
        x, y = width / 2, height / 2
        points = [(-0.2, -0.2), (0.2, -0.2), (0.0, 0.0), (-0.15, 0.25), (0.15, 0.25)]
        row = [
            x - side / 2,
            y - side / 2,
            side,
            side,
            *[v for dx, dy in points for v in (x + dx * side, y + dy * side)],
        ]
        return 1, np.array([[*row, 0.9]], np.float32)


@pytest.fixture
def net(monkeypatch, tmp_path):
    fake = FakeNet()
    monkeypatch.setattr(cv2.FaceDetectorYN, "create", lambda *_: fake)
    (tmp_path / "yunet.onnx").write_bytes(b"onnx")
    return fake


@pytest.fixture
def detector(net, tmp_path):  # noqa: ARG001  # the fake net must be in place first
    return YuNetDetector(str(tmp_path / "yunet.onnx"))


def test_a_look_maps_the_face_to_the_image(detector):
    """The face in the middle of the window is the face in the middle of its box, upright."""
    near = Box(200, 100, 80, 80)
    (found,) = detector.look(IMAGE, near, margin=0.5, sizes=(0.7, 1.4), roll_deg=0.0, is_new=False)
    assert found.box.iou(near) > 0.8
    assert found.roll_deg == pytest.approx(0, abs=0.1)


def test_a_turned_window_gives_the_turned_face(detector):
    """The roll of a face in a window that was turned upright is the turn."""
    (found,) = detector.look(IMAGE, Box(200, 100, 80, 80), margin=0.5, sizes=(0.7, 1.4), roll_deg=40.0, is_new=False)
    assert found.roll_deg == pytest.approx(40, abs=0.1)


def test_a_scan_shrinks_a_large_region(detector, net):
    """A frame is scanned at half resolution, and the boxes are in its own pixels."""
    (found,) = detector.scan(IMAGE)
    assert net.sizes[-1] == (320, 240)
    assert found.box.center == pytest.approx((320, 240), abs=30)
    assert found.box.w == pytest.approx(240, abs=2)
    assert detector.scan(IMAGE, region=Box(700, 0, 50, 50)) == []


def test_a_new_face_needs_a_higher_score(detector, net):
    """The threshold of a look depends on whether the face is known."""
    for is_new in (True, False):
        detector.look(IMAGE, Box(200, 100, 80, 80), margin=0.5, sizes=(0.7, 1.4), roll_deg=0.0, is_new=is_new)
    assert net.thresholds[-2] > net.thresholds[-1]
    assert net.sizes[-1] == (LOOK_PX, LOOK_PX)


def test_no_file_or_none_that_exists_is_refused(tmp_path):
    """The weights are in no package: the message names the setting."""
    with pytest.raises(ConfigError, match=r"detect\.yunet_model, found none: name it"):
        YuNetDetector("")
    with pytest.raises(ConfigError, match=r"detect\.yunet_model: expected .* found none at .*none\.onnx"):
        YuNetDetector(str(tmp_path / "none.onnx"))


def test_a_file_that_opencv_cannot_load_is_refused(tmp_path):
    """Something else than YuNet's ONNX file is one line, not OpenCV's error."""
    path = tmp_path / "wrong.onnx"
    path.write_bytes(b"this is no net")
    with pytest.raises(ConfigError, match=r"found one that OpenCV [\d.]+ cannot use"):
        YuNetDetector(str(path))
