"""What a scene shows is what it says it shows."""

import cv2
import numpy as np
import pytest

from edge.records import Box
from edge.scenes import head
from edge.scenes.light import Light, changing
from edge.scenes.motion import Pose, still
from edge.scenes.render import MovingFace, Scene


def scene_with(*poses, **options):
    faces = tuple(MovingFace(still(pose)) for pose in poses)
    return Scene("test", 320, 240, fps=10, duration_s=1, faces=faces, **options)


def test_a_frame_is_a_picture_of_the_size_asked_for():
    """Frames are (H, W, 3) uint8, and may be painted on without harm to the next."""
    scene = scene_with(Pose(160, 120, 80))
    picture, _ = scene.frame(0)
    assert picture.shape == (240, 320, 3)
    assert picture.dtype == np.uint8
    picture[:] = 0
    assert scene.frame(1)[0].any()
    assert scene.frame_count == 10


def test_the_same_scene_gives_the_same_pixels():
    """Drawing has no memory and no chance; another seed is another wall."""
    first, again, other = scene_with(seed=1), scene_with(seed=1), scene_with(seed=2)
    assert np.array_equal(first.frame(3)[0], again.frame(3)[0])
    assert not np.array_equal(first.frame(3)[0], other.frame(3)[0])


def test_only_the_head_changes_the_wall():
    """The face is drawn about its box, and nothing else is touched."""
    box = Box(120, 80, 80, 80)
    (found,) = scene_with(Pose(160, 120, 80)).frame(0)[1]
    assert found == box
    change = cv2.absdiff(scene_with(Pose(160, 120, 80)).frame(0)[0], scene_with().frame(0)[0]).max(axis=2)
    assert np.count_nonzero(change[80:160, 120:200]) > 0.8 * box.area
    ys, xs = np.nonzero(change)
    scale = 80 / head.FACE_IN_PICTURE.w
    assert xs.min() >= 120 - head.FACE_IN_PICTURE.x * scale - 1
    assert ys.max() <= 160 + (177 - 54 - 97) * scale + 1


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("size", [48, 97, 160])
def test_the_detector_frames_the_face_as_the_scene_does(mirrored, size):
    """The true box is where the cascade finds the face, at any size, mirrored or not."""
    face = MovingFace(still(Pose(160, 120, size)), mirrored=mirrored)
    picture, (truth,) = Scene("test", 320, 240, 10, 1, (face,)).frame(0)
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_alt2.xml")
    found = cascade.detectMultiScale(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), 1.1, 3, minSize=(40, 40))
    assert len(found) == 1
    assert truth.iou(Box(*(int(value) for value in found[0]))) > 0.75


def test_mirrored_swaps_left_and_right():
    """The mirrored face is the other's mirror image, about its box."""
    plain, mirrored = head.scaled_head(97, mirrored=False), head.scaled_head(97, mirrored=True)
    assert np.array_equal(plain.color, mirrored.color[:, ::-1])
    assert plain.face.x + mirrored.face.x + 97 == plain.color.shape[1]


@pytest.mark.parametrize(
    ("x", "box"),
    [
        (40, Box(0, 80, 80, 80)),
        (20, Box(0, 80, 60, 80)),
        (0, Box(0, 80, 40, 80)),
        (-1, None),
        (-100, None),
        (320, Box(280, 80, 40, 80)),
        (321, None),
    ],
)
def test_a_face_counts_while_half_of_it_is_in_the_picture(x, box):
    """At the edge the box is cut off; a face of which less than half is left does not count."""
    assert scene_with(Pose(x, 120, 80)).frame(0)[1] == (() if box is None else (box,))


def test_a_face_behind_another_does_not_count():
    """Later faces stand in front; one that is covered by more than half is not there, the one in front is whole."""
    far, half_way, nearly = Pose(150, 120, 80), Pose(190, 120, 80), Pose(189, 120, 80)
    assert scene_with(far, half_way).frame(0)[1] == (Box(110, 80, 80, 80), Box(150, 80, 80, 80))
    assert scene_with(far, nearly).frame(0)[1] == (Box(149, 80, 80, 80),)


def test_a_pillar_hides_a_face():
    """Where a pillar stands there is no face, in the picture and in the truth."""
    pillar = Box(100, 0, 120, 240)
    picture, boxes = scene_with(Pose(160, 120, 80), pillars=(pillar,)).frame(0)
    assert boxes == ()
    assert len(np.unique(picture[80:160, 120:200].reshape(-1, 3), axis=0)) == 1


def test_light_changes_the_whole_picture():
    """A gain of a half halves every grey level; a gamma above 1 darkens the middle and leaves black and white."""
    bright = scene_with().frame(0)[0]
    dark = scene_with(light=lambda _time_s: Light(gain=0.5)).frame(0)[0]
    assert np.abs(dark.astype(int) * 2 - bright).max() <= 1
    soft = scene_with(light=lambda _time_s: Light(gamma=2.0)).frame(0)[0]
    assert soft.mean() < bright.mean() - 20


def test_changing_light_is_even_between_its_stops():
    """Between two stops gain and gamma change evenly; before and after them the light is steady."""
    light = changing((1, Light(0.5, 1.0)), (3, Light(1.0, 2.0)))
    assert [light(time_s) for time_s in (0, 1, 2, 3, 9)] == [
        Light(0.5, 1.0),
        Light(0.5, 1.0),
        Light(0.75, 1.5),
        Light(1.0, 2.0),
        Light(1.0, 2.0),
    ]


@pytest.mark.parametrize("size", [(640, 480), (1280, 720)])
def test_a_busy_wall_has_far_more_edges_and_no_face(size):
    """The room gives a cascade work, yet none that OpenCV's surer cascade takes for a face."""
    width, height = size
    plain, busy = (
        cv2.cvtColor(Scene("test", width, height, 10, 1, clutter=clutter).frame(0)[0], cv2.COLOR_BGR2GRAY)
        for clutter in ("plain", "busy")
    )
    plain_edges, busy_edges = (np.count_nonzero(cv2.Canny(wall, 60, 120)) for wall in (plain, busy))
    assert busy_edges > 0.03 * busy.size
    assert busy_edges > 3 * plain_edges
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_alt2.xml")
    assert len(cascade.detectMultiScale(busy, 1.1, 3, minSize=(30, 30))) == 0


def test_sights_name_each_face_and_what_is_seen_of_it():
    """Each face keeps its number; one that is half outside or mostly covered says how little of it is seen."""
    far, near, outside = Pose(150, 120, 80), Pose(190, 120, 80), Pose(0, 40, 40)
    sights = scene_with(far, near, outside).sights(0)
    assert [(sight.number, sight.share) for sight in sights] == [(0, 0.5), (1, 1.0), (2, 0.5)]
    assert sights[2].box == Box(0, 20, 20, 40)
