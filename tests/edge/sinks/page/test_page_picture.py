"""Of a picture the page is given what the privacy setting lets through, and no more."""

import cv2
import numpy as np
import pytest
from page_parts import FACE, make_reading, make_shown

from edge.settings import DetectSettings
from edge.sinks.page.picture import COARSE_COLUMNS, blur, image_maker
from edge.vision.detect import HaarDetector


def decoded(image):
    return cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)


@pytest.fixture(scope="module")
def scene(demo_clip):
    """A frame of the clip that ships, (480, 640, 3) uint8, in which a face is found."""
    capture = cv2.VideoCapture(str(demo_clip))
    for _ in range(60):
        _, picture = capture.read()
    capture.release()
    return picture


def faces_in(picture):
    return HaarDetector(DetectSettings()).detect(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))


def test_full_is_the_picture(scene):
    """As it is, but for JPEG's own loss."""
    picture = decoded(image_maker("full", width=640, quality=90)(make_shown(picture=scene)))
    assert picture.shape == scene.shape
    assert np.abs(picture.astype(int) - scene).mean() < 2


def test_a_wide_picture_is_shrunk_and_a_narrow_one_is_not(scene):
    shown = make_shown(picture=scene)
    assert decoded(image_maker("full", width=320, quality=90)(shown)).shape == (240, 320, 3)
    assert decoded(image_maker("full", width=1920, quality=90)(shown)).shape == (480, 640, 3)


@pytest.mark.parametrize("shows", ["boxes", "counts"])
def test_without_a_picture_not_a_byte_of_it_is_given(shows):
    assert image_maker(shows, width=640, quality=90)(make_shown(make_reading())) == b""


def test_of_a_face_that_was_found_no_pixel_is_left_in_a_blurred_picture(scene):
    """Whatever stood there, faces or noise, the result is the same to the last byte."""
    rng = np.random.default_rng(3)
    make_image = image_maker("blur", width=640, quality=80)
    images = set()
    for _ in range(3):
        other = scene.copy()
        other[FACE.y : FACE.y + FACE.h, FACE.x : FACE.x + FACE.w] = rng.integers(0, 256, (FACE.h, FACE.w, 3))
        images.add(make_image(make_shown(make_reading(), picture=other)))
    assert len(images) == 1


def test_hair_and_chin_are_painted_over_too():
    """A cascade's box leaves them out: its surroundings are gone as well."""
    picture = np.full((480, 640, 3), 255, np.uint8)
    blurred = blur(picture, make_shown(make_reading(), picture=picture))
    around = FACE.expanded(1.3)
    assert blurred[around.y : around.y + around.h, around.x : around.x + around.w].max() < 200


def test_a_face_that_was_not_found_is_not_recognised_either(scene):
    """Nothing was read, as of a face from the side: the whole is too coarse for the detector that finds it as it is."""
    assert faces_in(scene)
    blurred = blur(scene, make_shown(picture=scene))
    assert not faces_in(blurred)
    rows = round(COARSE_COLUMNS * 480 / 640)
    small = cv2.resize(scene, (COARSE_COLUMNS, rows), interpolation=cv2.INTER_AREA)
    assert np.array_equal(blurred, cv2.resize(small, (640, 480), interpolation=cv2.INTER_LINEAR))


def test_the_frame_itself_is_not_painted_on(scene):
    """Other viewers are given the same arrays."""
    before = scene.copy()
    image_maker("blur", width=320, quality=80)(make_shown(make_reading(), picture=scene))
    assert np.array_equal(scene, before)


def test_a_grey_camera_is_shown_in_grey():
    shown = make_shown()
    gray = type(shown.frame)(shown.frame.gray, 0, 0.0, 0.0, "camera")
    picture = decoded(image_maker("full", width=640, quality=100)(type(shown)(gray, shown.observation)))
    assert np.abs(picture[..., 0].astype(int) - gray.gray).mean() < 4
