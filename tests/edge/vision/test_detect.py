"""Faces are found where they are known to be."""

import cv2
import numpy as np
import pytest

from edge.errors import ConfigError
from edge.scenes.catalogue import make_scene
from edge.settings import DetectSettings
from edge.sources.opencv import luma
from edge.vision.cascade import find_cascade
from edge.vision.detect import HaarDetector


def gray_and_boxes(name, index, **size):
    color, boxes = make_scene(name, **size).frame(index)
    return luma(color), boxes


def test_three_faces_are_found_where_they_are(detector):
    """Each of three known faces has a detection that covers it, largest first, and there is nothing else."""
    gray, boxes = gray_and_boxes("three", 10)
    found = [detection.box for detection in detector.detect(gray)]
    assert len(found) == len(boxes) == 3
    assert all(max(box.iou(other) for other in found) > 0.5 for box in boxes)
    assert [box.area for box in found] == sorted((box.area for box in found), reverse=True)


def test_nothing_is_found_where_nothing_is(detector):
    """A textured background is no face; neither is a black picture."""
    assert detector.detect(gray_and_boxes("empty", 0)[0]) == []
    assert detector.detect(np.zeros((480, 640), np.uint8)) == []


def test_a_face_that_reaches_beyond_the_edge_is_found_thanks_to_the_border():
    """A face a fifth of which is outside the picture is found with the border, and lost without it."""
    gray, (box, *_) = gray_and_boxes("one", 0)
    cut = gray[:, box.x + box.w // 5 :]
    assert HaarDetector(DetectSettings(border=0.25)).detect(cut)
    assert not HaarDetector(DetectSettings(border=0.0)).detect(cut)


def test_boxes_are_square_and_touch_the_picture(detector):
    """A face that is half out of the picture has an undistorted box that reaches beyond the edge."""
    gray, (box, *_) = gray_and_boxes("one", 0)
    cut = gray[:, box.x + box.w // 5 :]
    (detection,) = detector.detect(cut)
    assert detection.box.w == detection.box.h
    assert detection.box.x < 0
    assert detection.box.clipped(cut.shape[1], cut.shape[0]).area > 0


def test_faces_below_the_smallest_size_are_left_alone():
    """min_face_px is obeyed."""
    gray, boxes = gray_and_boxes("three", 10)
    limit = max(box.w for box in boxes)
    found = HaarDetector(DetectSettings(min_face_px=limit)).detect(gray)
    assert 1 <= len(found) < 3
    assert all(detection.box.w >= limit for detection in found)


def test_the_bundled_cascade_is_found_by_name():
    """A bare file name is looked up where OpenCV keeps its cascades."""
    assert find_cascade("haarcascade_frontalface_default.xml").is_file()


def test_a_missing_cascade_names_all_three_places():
    """The error says where it was looked for, and what to do."""
    with pytest.raises(ConfigError, match=r"cv2\.data.*/usr/share/opencv4.*path.*opencv-data"):
        find_cascade("none.xml")


def test_without_cv2_data_debians_place_and_a_path_still_work(tmp_path, monkeypatch):
    """Debian's own OpenCV has no cv2.data; a path is taken as it is."""
    original = find_cascade("haarcascade_frontalface_alt2.xml")
    copy = tmp_path / "copy.xml"
    copy.write_bytes(original.read_bytes())
    monkeypatch.delattr(cv2, "data")
    monkeypatch.setattr("edge.vision.cascade.DEBIAN_CASCADES", tmp_path)
    assert find_cascade("copy.xml") == copy
    assert find_cascade(str(copy)) == copy


@pytest.mark.parametrize("content", [b"", b"<xml>no cascade</xml>", b"\x00\x01random"])
def test_a_file_that_is_no_cascade(tmp_path, content):
    """It is refused at the start, with its name."""
    path = tmp_path / "cascade.xml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"cascade\.xml"):
        HaarDetector(DetectSettings(cascade=str(path)))


def test_at_least_98_of_100_photographs_have_a_face(datasets, detector):
    """On every sixth of the real photographs, which show one face each."""
    paths = sorted((datasets / "photos").rglob("*.jpg"))[::6]
    found = sum(bool(detector.detect(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))) for path in paths)
    assert found / len(paths) >= 0.98
