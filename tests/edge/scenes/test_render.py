"""A rendered scene matches its ground truth."""

import cv2
import numpy as np
import pytest

from edge.records import Box
from edge.scenes import head
from edge.scenes.animation import Light, Pose, stationary
from edge.scenes.render import MovingFace, Scene


def scene_with(*poses, **options):
    faces = tuple(MovingFace(stationary(pose)) for pose in poses)
    return Scene("test", 320, 240, fps=10, duration_s=1, faces=faces, **options)


def test_a_frame_has_the_scenes_size_and_is_writable():
    """Frames are (H, W, 3) uint8, and drawing on one leaves the next unchanged."""
    scene = scene_with(Pose(160, 120, 80))
    image, _ = scene.frame(0)
    assert image.shape == (240, 320, 3)
    assert image.dtype == np.uint8
    image[:] = 0
    assert scene.frame(1)[0].any()
    assert scene.frame_count == 10


def test_rendering_is_reproducible():
    """Equal scenes render equal pixels; another seed gives another wall."""
    first, again, other = scene_with(seed=1), scene_with(seed=1), scene_with(seed=2)
    assert np.array_equal(first.frame(3)[0], again.frame(3)[0])
    assert not np.array_equal(first.frame(3)[0], other.frame(3)[0])


def test_only_the_head_changes_the_wall():
    """Adding a face changes the pixels of its box and of the head around it, and no others."""
    box = Box(120, 80, 80, 80)
    (found,) = scene_with(Pose(160, 120, 80)).frame(0)[1]
    assert found == box
    change = cv2.absdiff(scene_with(Pose(160, 120, 80)).frame(0)[0], scene_with().frame(0)[0]).max(axis=2)
    assert np.count_nonzero(change[80:160, 120:200]) > 0.8 * box.area
    ys, xs = np.nonzero(change)
    scale = 80 / head.FACE_BOX.w
    assert xs.min() >= 120 - head.FACE_BOX.x * scale - 1
    assert ys.max() <= 160 + (177 - 54 - 97) * scale + 1


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("size", [48, 97, 160])
def test_the_ground_truth_matches_the_detectors_box(mirrored, size):
    """The cascade finds the face at its true box, at any size, mirrored or not."""
    face = MovingFace(stationary(Pose(160, 120, size)), mirrored=mirrored)
    image, (truth,) = Scene("test", 320, 240, 10, 1, (face,)).frame(0)
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_alt2.xml")
    found = cascade.detectMultiScale(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), 1.1, 3, minSize=(40, 40))
    assert len(found) == 1
    assert truth.iou(Box(*(int(value) for value in found[0]))) > 0.75


def test_mirrored_swaps_left_and_right():
    """The mirrored head is the mirror image of the other, and so is the place of its face."""
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
def test_a_face_counts_while_half_of_it_is_in_the_frame(x, box):
    """A true box is clipped at the frame's edge; a face with less than half its box inside does not count."""
    assert scene_with(Pose(x, 120, 80)).frame(0)[1] == (() if box is None else (box,))


def test_a_face_behind_another_does_not_count():
    """Later faces stand in front; a face that they cover by more than half does not count, and they stay whole."""
    far, half_way, nearly = Pose(150, 120, 80), Pose(190, 120, 80), Pose(189, 120, 80)
    assert scene_with(far, half_way).frame(0)[1] == (Box(110, 80, 80, 80), Box(150, 80, 80, 80))
    assert scene_with(far, nearly).frame(0)[1] == (Box(149, 80, 80, 80),)


def test_a_pillar_hides_a_face():
    """A face behind a pillar is neither in the image nor in the ground truth."""
    pillar = Box(100, 0, 120, 240)
    image, boxes = scene_with(Pose(160, 120, 80), pillars=(pillar,)).frame(0)
    assert boxes == ()
    assert len(np.unique(image[80:160, 120:200].reshape(-1, 3), axis=0)) == 1


def test_light_changes_the_whole_image():
    """A gain of a half halves every grey level; a gamma above 1 darkens the middle tones."""
    bright = scene_with().frame(0)[0]
    dark = scene_with(light=lambda _time_s: Light(gain=0.5)).frame(0)[0]
    assert np.abs(dark.astype(int) * 2 - bright).max() <= 1
    soft = scene_with(light=lambda _time_s: Light(gamma=2.0)).frame(0)[0]
    assert soft.mean() < bright.mean() - 20


@pytest.mark.parametrize("size", [(640, 480), (1280, 720)])
def test_a_busy_wall_has_far_more_edges_and_no_face(size):
    """The furnished wall has many edges for a cascade to look at, and the stricter cascade finds no face in it."""
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


def test_annotations_name_each_face_and_its_visibility():
    """Annotations hold each face's index, and a visibility of a half for a face half outside or half covered."""
    far, near, outside = Pose(150, 120, 80), Pose(190, 120, 80), Pose(0, 40, 40)
    faces = scene_with(far, near, outside).annotations(0)
    assert [(face.face_index, face.visibility) for face in faces] == [(0, 0.5), (1, 1.0), (2, 0.5)]
    assert faces[2].box == Box(0, 20, 20, 40)
