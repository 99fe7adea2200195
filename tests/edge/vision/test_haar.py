"""The Haar detector finds faces in an image or a region, and refuses a file that is not a cascade."""

import cv2
import numpy as np
import pytest

from edge.errors import ConfigError
from edge.records import Box
from edge.scenes.head import FACE_BOX, HEAD_IMAGE
from edge.settings.schema import DetectSettings
from edge.vision.haar import FACE_PX, HaarDetector, find_cascade, open_cascade

BLACK = np.zeros((480, 640), np.uint8)
CASCADE = "haarcascade_frontalface_alt2.xml"


class FakeCascade:
    """Returns the given boxes, and records the size of each searched image and the smallest face."""

    def __init__(self, *boxes):
        self._boxes = boxes
        self.searched = []

    def detectMultiScale3(self, gray, **options):  # noqa: N802  # OpenCV's name
        self.searched.append((gray.shape, options["minSize"]))
        return [box.xywh for box in self._boxes], None, np.ones((len(self._boxes), 1))


@pytest.fixture
def detector_with(monkeypatch):
    """Create a detector that runs the given fake cascade."""

    def create(cascade, *, search_px=None, **settings):
        monkeypatch.setattr("edge.vision.haar.open_cascade", lambda _name: cascade)
        return HaarDetector(DetectSettings(**{"border": 0.0} | settings), search_px=search_px)

    return create


def test_three_faces_are_found_in_place_and_sorted_by_size(detector, gray_and_boxes):
    """Each of three known faces has a detection that covers it, largest first, and there is no false one."""
    gray, boxes = gray_and_boxes("three")
    found = [detection.box for detection in detector.scan(gray)]
    assert len(found) == len(boxes) == 3
    assert all(max(box.iou(other) for other in found) > 0.5 for box in boxes)
    assert [box.area for box in found] == sorted((box.area for box in found), reverse=True)


def test_an_image_without_faces_gives_no_detection(detector, gray_and_boxes):
    """Neither a textured wall nor a black image contains a face."""
    assert detector.scan(gray_and_boxes("empty", 0)[0]) == []
    assert detector.scan(BLACK) == []


def test_the_border_makes_a_face_at_the_edge_detectable(gray_and_boxes):
    """A face with a fifth outside the image is found with the border, and missed without it."""
    gray, (box, *_) = gray_and_boxes("one", 0)
    cut = gray[:, box.x + box.w // 5 :]
    assert HaarDetector(DetectSettings(border=0.25)).scan(cut)
    assert not HaarDetector(DetectSettings(border=0.0)).scan(cut)


def test_a_box_at_the_edge_stays_square(detector, gray_and_boxes):
    """The box of a face that is partly outside reaches beyond the image instead of being clipped."""
    gray, (box, *_) = gray_and_boxes("one", 0)
    cut = gray[:, box.x + box.w // 5 :]
    (detection,) = detector.scan(cut)
    assert detection.box.w == detection.box.h
    assert detection.box.x < 0
    assert detection.box.clipped(cut.shape[1], cut.shape[0]).area > 0


def test_faces_smaller_than_min_face_px_are_ignored(gray_and_boxes):
    """With `min_face_px` at the largest face's size, smaller faces are not detected."""
    gray, boxes = gray_and_boxes("three")
    limit = max(box.w for box in boxes)
    found = HaarDetector(DetectSettings(min_face_px=limit)).scan(gray)
    assert 1 <= len(found) < 3
    assert all(detection.box.w >= limit for detection in found)


@pytest.mark.slow
def test_at_least_98_percent_of_photographs_have_a_face(datasets, detector):
    """On every sixth of the real photographs, which show one face each, 98 % or more have a detection."""
    paths = sorted((datasets / "photos").rglob("*.jpg"))[::6]
    found = sum(bool(detector.scan(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))) for path in paths)
    assert found / len(paths) >= 0.98


@pytest.mark.parametrize("search_px", [None, 30])
def test_only_the_region_is_searched(gray_and_boxes, search_px):
    """Of three faces only the one in the region is found, and its box is in the whole image's pixels."""
    gray, boxes = gray_and_boxes("three")
    wanted = boxes[1]
    detector = HaarDetector(DetectSettings(), search_px=search_px)
    (found,) = detector.scan(gray, region=wanted.expanded(1.5))
    assert found.box.iou(wanted) > 0.5


def test_a_region_is_clipped_to_the_image(detector_with):
    """Only the part of a region inside the image is searched, and boxes count from the image's corner."""
    cascade = FakeCascade(Box(10, 20, 50, 50))
    (found,) = detector_with(cascade).scan(BLACK, region=Box(-40, -40, 200, 200))
    assert cascade.searched == [((160, 160), (48, 48))]
    assert found.box == Box(10, 20, 50, 50)
    (found,) = detector_with(cascade).scan(BLACK, region=Box(540, 400, 200, 200))
    assert cascade.searched[1:] == [((80, 100), (48, 48))]
    assert found.box == Box(550, 420, 50, 50)


def test_search_px_shrinks_the_image_to_the_smallest_face(detector_with):
    """From 60 px to 20 px a third of each side remains, and boxes are scaled back to full size."""
    cascade = FakeCascade(Box(10, 20, 30, 30))
    (found,) = detector_with(cascade, search_px=20, min_face_px=60).scan(BLACK)
    assert cascade.searched == [((160, 213), (20, 20))]
    assert found.box == Box(30, 60, 90, 90)


def test_search_px_never_enlarges_the_image(detector_with):
    """An image is searched at full resolution if the smallest face is smaller than `search_px`."""
    cascade = FakeCascade(Box(10, 20, 30, 30))
    (found,) = detector_with(cascade, search_px=30, min_face_px=20).scan(BLACK)
    assert cascade.searched == [((480, 640), (20, 20))]
    assert found.box == Box(10, 20, 30, 30)


def test_a_region_of_one_pixel_gives_no_detection():
    """A region of one pixel keeps that pixel when it is shrunk, so OpenCV does not fail on an empty image."""
    assert HaarDetector(DetectSettings(), search_px=20).scan(BLACK, region=Box(0, 0, 1, 1)) == []


def test_a_box_wholly_in_the_border_is_dropped(detector_with):
    """A detection that touches no pixel of the image is dropped: there would be nothing to crop."""
    cascade = FakeCascade(Box(0, 0, 100, 100), Box(60, 60, 100, 100))
    (found,) = detector_with(cascade, border=0.25).scan(BLACK)
    assert found.box == Box(-60, -60, 100, 100)


def test_a_bundled_cascade_is_found_by_name():
    """A bare file name is searched in OpenCV's own folder."""
    assert find_cascade("haarcascade_frontalface_default.xml").is_file()


def test_a_file_in_the_working_directory_takes_precedence(tmp_path, monkeypatch):
    """A user's own file is preferred to the bundled one of the same name."""
    (tmp_path / CASCADE).write_bytes(find_cascade(CASCADE).read_bytes())
    monkeypatch.chdir(tmp_path)
    assert find_cascade(CASCADE).resolve() == tmp_path / CASCADE
    assert not open_cascade(CASCADE).empty()


def test_without_cv2_data_debians_folder_and_paths_still_work(tmp_path, monkeypatch):
    """Debian's OpenCV has no cv2.data: its own folder is searched, and a path is used as it is."""
    copy = tmp_path / "copy.xml"
    copy.write_bytes(find_cascade(CASCADE).read_bytes())
    monkeypatch.delattr(cv2, "data")
    monkeypatch.setattr("edge.vision.haar.DEBIAN_CASCADES", tmp_path)
    assert find_cascade("copy.xml") == copy
    assert find_cascade(str(copy)) == copy


def test_a_missing_cascade_error_names_all_three_places():
    """The error for an unknown name lists the searched places and the package to install."""
    with pytest.raises(ConfigError, match=r"cv2\.data.*/usr/share/opencv4.*path.*opencv-data"):
        find_cascade("none.xml")


def test_a_folder_is_not_a_cascade(tmp_path):
    """An existing path that is not a file counts as missing."""
    with pytest.raises(ConfigError, match="expected the Haar cascade"):
        find_cascade(str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"<xml>no cascade</xml>", b"\x00\x01random"])
def test_a_file_that_is_not_a_cascade_is_refused(tmp_path, content):
    """Creating a detector with an empty, unrelated or binary file fails with an error that names the file."""
    path = tmp_path / "cascade.xml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"cascade\.xml"):
        HaarDetector(DetectSettings(cascade=str(path)))


def test_an_opencv_file_without_a_cascade_is_refused(tmp_path):
    """OpenCV loads an empty file of its own format without an error, but it would detect nothing."""
    path = tmp_path / "nothing.xml"
    path.write_text('<?xml version="1.0"?>\n<opencv_storage>\n</opencv_storage>\n')
    with pytest.raises(ConfigError, match=r"nothing\.xml: expected a Haar cascade, found a file without one"):
        open_cascade(str(path))


def test_an_opencv_without_cascade_support_is_reported(monkeypatch):
    """OpenCV 5 dropped cascades: the error names the installed OpenCV version."""
    monkeypatch.delattr(cv2, "CascadeClassifier")
    with pytest.raises(ConfigError, match=rf"OpenCV 4, found a file that OpenCV {cv2.__version__} cannot load"):
        open_cascade(CASCADE)


USUAL = {"margin": 0.2, "sizes": (0.85, 1.2), "roll_deg": 0.0, "is_new": False}
NOISE = np.random.default_rng(0).integers(0, 256, (120, 160), dtype=np.uint8)


class FakeLookCascade:
    """Returns the given boxes, and records the searched images."""

    def __init__(self, *boxes):
        self._boxes = boxes
        self.searched = []

    def detectMultiScale2(self, gray, **_options):  # noqa: N802  # OpenCV's name
        self.searched.append(gray)
        return [box.xywh for box in self._boxes], np.arange(1, len(self._boxes) + 1)


@pytest.fixture(scope="module")
def looker():
    return HaarDetector(DetectSettings())


@pytest.fixture
def looker_with(monkeypatch):
    """Create a looker that runs the given fake cascade."""

    def create(cascade):
        monkeypatch.setattr("edge.vision.haar.open_cascade", lambda _name: cascade)
        return HaarDetector(DetectSettings())

    return create


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (0.08, 0), (-0.08, 0.05), (0, -0.08)])
def test_faces_are_found_from_a_box_that_is_slightly_off(looker, gray_and_boxes, dx, dy):
    """Five faces of 60 to 84 px are found from a box that is off by 8 % of their size."""
    gray, boxes = gray_and_boxes("five")
    for box in boxes:
        found = looker.look(gray, box.moved(dx * box.w, dy * box.h), **USUAL)
        assert found
        assert found[0].box.iou(box) > 0.6


def test_an_empty_window_gives_no_face(looker, gray_and_boxes):
    """Nothing is found in the windows of faces that have left the image."""
    _, boxes = gray_and_boxes("five")
    empty, _ = gray_and_boxes("empty")
    assert all(looker.look(empty, box, **USUAL) == [] for box in boxes)


def test_a_larger_margin_reaches_further(looker, gray_and_boxes):
    """A face that has moved by half its size is missed with the usual margin and found with a large one."""
    gray, (box, *_) = gray_and_boxes("one")
    off = box.moved(0.5 * box.w, 0)
    assert not [found for found in looker.look(gray, off, **USUAL) if found.box.iou(box) > 0.5]
    assert looker.look(gray, off, **{**USUAL, "margin": 0.8})[0].box.iou(box) > 0.6


def test_a_face_outside_the_size_limits_is_ignored(looker, gray_and_boxes):
    """A face half as large as expected is not the face in question."""
    gray, (box, *_) = gray_and_boxes("one")
    assert looker.look(gray, box.expanded(2.0), **USUAL) == []


def test_a_face_is_found_beyond_the_edge(looker, gray_and_boxes):
    """With a fifth of the face outside, replicating the image's edge is enough to find it."""
    gray, (box, *_) = gray_and_boxes("one")
    cut = gray[:, box.x + box.w // 5 :]
    (found, *_) = looker.look(cut, Box(-box.w // 5, box.y, box.w, box.h), **USUAL)
    assert found.box.x < 0


@pytest.mark.parametrize("outside", [Box(-500, 0, 100, 100), Box(900, 100, 100, 100), Box(100, 900, 100, 100)])
def test_a_window_outside_the_image_gives_no_face(looker, gray_and_boxes, outside):
    """A face that has left the image is not searched, and no cut-out of size 0 makes OpenCV fail."""
    gray, _ = gray_and_boxes("one")
    assert looker.look(gray, outside, **USUAL) == []


def test_a_face_smaller_than_the_search_size_is_not_enlarged(gray_and_boxes):
    """Faces of 30 to 40 px are found at their own resolution."""
    gray, boxes = gray_and_boxes("five", width=320, height=240)
    looker = HaarDetector(DetectSettings())
    small = [box for box in boxes if box.w < FACE_PX]
    assert len(small) >= 3
    for box in small:
        found = looker.look(gray, box, **USUAL)
        assert found
        assert found[0].box.iou(box) > 0.6


def test_the_best_match_comes_first(looker_with):
    """Detections are sorted by their overlap with the expected box, and each keeps its number of hits as its score."""
    near = Box(80, 60, 40, 40)
    looker = looker_with(FakeLookCascade(Box(0, 0, 40, 40), Box(8, 8, 40, 40), Box(2, 2, 40, 40)))
    found = looker.look(NOISE, near, **USUAL)
    assert [detection.box for detection in found] == [near, near.moved(-6, -6), near.moved(-8, -8)]
    assert [detection.score for detection in found] == [2.0, 3.0, 1.0]


@pytest.mark.parametrize("side", [FACE_PX // 2, FACE_PX, 61, 97, 160])
def test_a_window_always_has_its_full_size(looker_with, side):
    """At every edge, corner and fraction of a pixel, the part outside the image is padded to the window's size."""
    cascade = FakeLookCascade()
    looker = looker_with(cascade)
    margin = round(0.2 * side)
    full_size = (side + 2 * margin) * min(1.0, FACE_PX / side)
    for x in range(-side - margin + 1, 160 + margin - 1, 7):
        for y in range(-side - margin + 1, 120 + margin - 1, 5):
            assert looker.look(NOISE, Box(x, y, side, side), **USUAL) == []
    assert cascade.searched
    assert all(abs(length - full_size) <= 2 for gray in cascade.searched for length in gray.shape)


def test_a_sliver_of_a_large_window_keeps_a_pixel(looker_with):
    """Two visible pixels of a window of 560, a fifth of a pixel when shrunk, are not rounded down to none."""
    cascade = FakeLookCascade()
    for near in (Box(-478, -100, 400, 400), Box(-100, -478, 400, 400)):
        assert looker_with(cascade).look(NOISE, near, **USUAL) == []
    assert cascade.searched
    assert all(min(gray.shape) > 50 for gray in cascade.searched)


@pytest.mark.parametrize("roll_deg", [25, -25, 40])
def test_a_known_face_is_followed_as_it_tilts(roll_deg):
    """The window is turned in steps of 20 degrees; a face that is not known yet is searched at one turn only."""
    head = cv2.imread(str(HEAD_IMAGE), cv2.IMREAD_GRAYSCALE)
    matrix = cv2.getRotationMatrix2D(FACE_BOX.center, -roll_deg, 120 / FACE_BOX.w)
    matrix[:, 2] += np.subtract((320, 240), FACE_BOX.center)
    image = cv2.warpAffine(head, matrix, (640, 480), borderMode=cv2.BORDER_CONSTANT, borderValue=110)
    near, expected = Box(260, 180, 120, 120), USUAL | {"roll_deg": roll_deg * 0.5}
    (found, *_) = HaarDetector(DetectSettings()).look(image, near, **expected)
    assert found.box.iou(near) > 0.5
    assert found.roll_deg == pytest.approx(roll_deg, abs=25)
    if abs(roll_deg) > 30:
        assert HaarDetector(DetectSettings()).look(image, near, **USUAL | {"is_new": True}) == []


class FakeHits(FakeLookCascade):
    """Finds a face in the middle of each searched image, so many times."""

    def __init__(self, hits):
        super().__init__()
        self._hits = hits

    def detectMultiScale2(self, gray, *, minNeighbors, minSize, **_options):  # noqa: N802, N803  # OpenCV's names
        self.searched.append((gray, minSize))
        if self._hits < minNeighbors:
            return (), ()
        height, width = gray.shape
        return [(width // 4, height // 4, width // 2, height // 2)], np.array([self._hits])


@pytest.fixture
def hits_with(monkeypatch):
    """Return the number of faces in a look of a detector whose two cascades have so many hits."""

    def hits_with(first, second, *, is_new=True, **settings):
        cascades = {"first": FakeHits(first), "second": FakeHits(second)}
        monkeypatch.setattr("edge.vision.haar.open_cascade", cascades.get)
        names = {"cascade": "first", "confirm_cascade": "second"} | settings
        detector = HaarDetector(DetectSettings(**names))
        return len(detector.look(NOISE, Box(60, 40, 40, 40), **USUAL | {"is_new": is_new}))

    return hits_with


@pytest.mark.parametrize(
    ("first", "second", "found"), [(40, 30, 1), (3, 5, 1), (6, 2, 1), (3, 4, 0), (5, 2, 0), (40, 1, 0), (2, 30, 0)]
)
def test_a_new_face_needs_both_cascades(hits_with, first, second, found):
    """Each must find it, and both together often enough."""
    assert hits_with(first, second) == found


def test_a_known_face_needs_the_first_cascade_alone(hits_with):
    """A known face is followed through frames in which the second cascade does not find it."""
    assert hits_with(1, 0, is_new=False) == 1


def test_without_a_second_cascade_the_first_decides(hits_with):
    """A cascade for anything but frontal faces has no second one."""
    assert hits_with(3, 0, confirm_cascade="") == 1


@pytest.mark.parametrize("side", [FACE_PX // 2, FACE_PX, 90])
def test_the_second_cascade_searches_faces_of_about_the_found_size(monkeypatch, side):
    """Its window holds the face with some margin, at the size at which the first one found it."""
    cascades = {"first": FakeHits(9), "second": FakeHits(9)}
    monkeypatch.setattr("edge.vision.haar.open_cascade", cascades.get)
    detector = HaarDetector(DetectSettings(cascade="first", confirm_cascade="second"))
    (found,) = detector.look(NOISE, Box(50, 20, side, side), **USUAL | {"is_new": True, "margin": 0.5})
    ((gray, least),) = cascades["second"].searched
    face_px = min(found.box.w, FACE_PX)
    assert gray.shape[0] == pytest.approx(1.6 * face_px, abs=2)
    assert least[0] == pytest.approx(0.64 * face_px, abs=1)


def test_a_missing_second_cascade_is_refused():
    """The detector is not created: a face must not be the first thing that shows it."""
    with pytest.raises(ConfigError, match=r"none\.xml"):
        HaarDetector(DetectSettings(confirm_cascade="none.xml"))
