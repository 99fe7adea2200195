"""The page receives only as much of a picture as the privacy setting allows."""

from importlib.resources import files

import cv2
import numpy as np
import pytest
from samples import FACE, make_frame_with_readings, make_reading

from edge.settings.schema import DetectSettings
from edge.sinks.page.encode import blur, jpeg_encoder
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


def test_the_detector_finds_no_face_in_a_blurred_picture(scene):
    """Without any reading the picture is still too coarse for the detector that finds the face in the original."""
    assert detect(scene)
    assert not detect(blur(scene, make_frame_with_readings(picture=scene)))


SHAPES = [(480, 640), (640, 480), (1080, 1920), (64, 640), (500, 500)]


@pytest.fixture(params=SHAPES, ids=lambda shape: f"{shape[1]}x{shape[0]}")
def undetected(request):
    """A picture that a photographed face fills, of which there is no reading; and the face's height in px."""
    height, width = request.param
    face = cv2.imread(str(files("edge") / "assets/astronaut_face.png"), cv2.IMREAD_GRAYSCALE)
    scale = min(height / face.shape[0], width / face.shape[1])
    face = cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)[:height, :width]
    picture = np.full((height, width), 90, np.uint8)
    top, left = (height - face.shape[0]) // 2, (width - face.shape[1]) // 2
    picture[top : top + face.shape[0], left : left + face.shape[1]] = face
    return picture, face.shape[0]


def energy_above(picture, cycles_per_px):
    """Return the energy of a picture's detail that is finer than a spatial frequency."""
    spectrum = np.fft.fft2(picture.astype(float) - picture.mean())
    frequency = np.hypot(np.fft.fftfreq(picture.shape[0])[:, None], np.fft.fftfreq(picture.shape[1])[None])
    return float((np.abs(spectrum[frequency > cycles_per_px]) ** 2).sum())


def test_an_undetected_face_keeps_no_detail_by_which_people_recognise(undetected):
    """Of the detail finer than 7 x 10 pixels a face can hold, less than a fiftieth of the energy is left."""
    picture, face_px = undetected
    blurred = blur(picture, make_frame_with_readings(picture=picture))
    finest = 10 / 2 / face_px  # ten pixels over the height of a face hold five cycles
    assert energy_above(blurred, finest) < energy_above(picture, finest) / 50


@pytest.mark.parametrize(("height", "width"), SHAPES)
def test_a_blurred_picture_depends_on_a_few_means_alone(height, width):
    """Whatever the detail is, pictures with the same mean in each cell give the same result."""
    rows, columns = (round(side * 6 / min(height, width)) for side in (height, width))
    assert min(rows, columns) == 6
    rng = np.random.default_rng(5)
    cells = rng.integers(60, 196, (rows, columns)).astype(np.uint8)
    plain = cv2.resize(cells, (columns * 40, rows * 40), interpolation=cv2.INTER_NEAREST)
    checks = np.indices(plain.shape).sum(axis=0) % 2 * 100 - 50  # changes every pixel, and no mean
    detailed = (plain.astype(int) + checks).astype(np.uint8)
    results = [blur(picture, make_frame_with_readings(picture=picture)) for picture in (plain, detailed)]
    assert np.abs(results[0].astype(int) - results[1]).max() <= 1


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
