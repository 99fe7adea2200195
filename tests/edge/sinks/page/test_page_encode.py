"""The page receives only as much of a picture as the privacy setting allows."""

import cv2
import numpy as np
import pytest
from samples import FACE, make_frame_with_readings, make_reading

from edge.settings.schema import DetectSettings
from edge.sinks.page.encode import COARSE_COLUMNS, blur, jpeg_encoder
from edge.vision.haar import HaarDetector


def decode(image):
    return cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)


@pytest.fixture(scope="module")
def scene(demo_clip):
    """A frame of the bundled clip, (480, 640, 3) uint8, in which the detector finds a face."""
    capture = cv2.VideoCapture(str(demo_clip))
    for _ in range(60):
        _, picture = capture.read()
    capture.release()
    return picture


def detect(picture):
    return HaarDetector(DetectSettings()).scan(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))


def test_full_mode_shows_the_picture(scene):
    """With `full` the picture differs from the frame only by JPEG's loss."""
    picture = decode(jpeg_encoder("full", width=640, quality=90)(make_frame_with_readings(picture=scene)))
    assert picture.shape == scene.shape
    assert np.abs(picture.astype(int) - scene).mean() < 2


def test_a_wide_picture_is_scaled_down_and_a_narrow_one_is_not(scene):
    """`width` is an upper limit; the aspect ratio stays."""
    frame = make_frame_with_readings(picture=scene)
    assert decode(jpeg_encoder("full", width=320, quality=90)(frame)).shape == (240, 320, 3)
    assert decode(jpeg_encoder("full", width=1920, quality=90)(frame)).shape == (480, 640, 3)


@pytest.mark.parametrize("mode", ["boxes", "counts"])
def test_modes_without_a_picture_encode_nothing(mode):
    """In modes without a picture, not a byte of the frame is returned."""
    assert jpeg_encoder(mode, width=640, quality=90)(make_frame_with_readings(make_reading())) == b""


def test_blur_leaves_no_pixel_of_a_detected_face(scene):
    """Whatever is inside the box, the result is the same to the last byte."""
    rng = np.random.default_rng(3)
    encode = jpeg_encoder("blur", width=640, quality=80)
    images = set()
    for _ in range(3):
        other = scene.copy()
        other[FACE.y : FACE.y + FACE.h, FACE.x : FACE.x + FACE.w] = rng.integers(0, 256, (FACE.h, FACE.w, 3))
        images.add(encode(make_frame_with_readings(make_reading(), picture=other)))
    assert len(images) == 1


def test_blur_paints_over_hair_and_chin():
    """The area around the box is painted over too, since a cascade's box leaves out hair and chin."""
    picture = np.full((480, 640, 3), 255, np.uint8)
    blurred = blur(picture, make_frame_with_readings(make_reading(), picture=picture))
    around = FACE.expanded(1.3)
    assert blurred[around.y : around.y + around.h, around.x : around.x + around.w].max() < 200


def test_blur_hides_an_undetected_face(scene):
    """Without any reading the picture is still too coarse for the detector that finds the face in the original."""
    assert detect(scene)
    blurred = blur(scene, make_frame_with_readings(picture=scene))
    assert not detect(blurred)
    rows = round(COARSE_COLUMNS * 480 / 640)
    small = cv2.resize(scene, (COARSE_COLUMNS, rows), interpolation=cv2.INTER_AREA)
    assert np.array_equal(blurred, cv2.resize(small, (640, 480), interpolation=cv2.INTER_LINEAR))


def test_encoding_does_not_change_the_frame(scene):
    """The frame's arrays, which other sinks receive as well, are unchanged after encoding."""
    before = scene.copy()
    jpeg_encoder("blur", width=320, quality=80)(make_frame_with_readings(make_reading(), picture=scene))
    assert np.array_equal(scene, before)


def test_a_frame_without_colour_is_shown_in_gray():
    """If a frame has no colour, its luma plane is encoded."""
    frame = make_frame_with_readings()
    gray = type(frame.frame)(frame.frame.gray, 0, 0.0, 0.0, "camera")
    picture = decode(jpeg_encoder("full", width=640, quality=100)(type(frame)(gray, frame.observation)))
    assert np.abs(picture[..., 0].astype(int) - gray.gray).mean() < 4
