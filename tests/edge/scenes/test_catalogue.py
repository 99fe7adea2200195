"""Each named scene shows what its name and description promise."""

import numpy as np
import pytest

from edge.errors import ConfigError
from edge.scenes.catalogue import SCENE_NAMES, describe_scene, make_scene


def face_counts(name, **options):
    """Return the number of faces at each tenth of a second."""
    scene = make_scene(name, **options)
    step = round(scene.fps / 10)
    return [len(scene.frame(index)[1]) for index in range(0, scene.frame_count, step)]


@pytest.mark.parametrize("name", SCENE_NAMES)
@pytest.mark.parametrize("size", [(640, 480), (1280, 720)])
def test_every_scene_can_be_rendered(name, size):
    """Each scene renders at either size, with all boxes inside the frame, and has a description."""
    width, height = size
    scene = make_scene(name, width=width, height=height)
    for index in (0, scene.frame_count // 2, scene.frame_count - 1):
        image, boxes = scene.frame(index)
        assert image.shape == (height, width, 3)
        assert all(box == box.clipped(width, height) for box in boxes)
    assert describe_scene(name).endswith(".")


@pytest.mark.parametrize(("name", "faces"), [("empty", 0), ("one", 1), ("slow", 1), ("three", 3), ("five", 5)])
def test_the_number_of_faces_is_constant(name, faces):
    """A scene with a fixed number of faces has that number in every frame, at either size."""
    assert set(face_counts(name)) == {faces}
    assert set(face_counts(name, width=1280, height=720)) == {faces}


@pytest.mark.parametrize("name", ["empty", "one"])
def test_without_motion_all_frames_are_equal(name):
    """A scene without motion renders the same image for every frame."""
    scene = make_scene(name)
    assert np.array_equal(scene.frame(0)[0], scene.frame(100)[0])


def test_slow_moves_two_px_per_frame():
    """The face of the scene `slow` moves 2 px per frame at any frame rate."""
    for fps in (15.0, 30.0):
        scene = make_scene("slow", fps=fps)
        x = [scene.frame(index)[1][0].center[0] for index in (0, 40)]
        assert x[1] - x[0] == pytest.approx(80, abs=2)


def test_fast_crosses_the_frame_in_a_second():
    """The face of the scene `fast` covers half the frame's width in half a second."""
    scene = make_scene("fast", fps=30)
    x = [scene.frame(index)[1][0].center[0] for index in (10, 10 + 15)]
    assert x[1] - x[0] == pytest.approx(320, abs=2)


def without_repeats(values):
    """Return the values with runs of equal ones reduced to one."""
    return [value for number, value in enumerate(values) if number == 0 or values[number - 1] != value]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("crossing", [2, 1, 2]),
        ("entering", [0, 1]),
        ("leaving", [1, 0]),
        ("hidden", [1, 0, 1, 0, 1]),
        ("pillar", [1, 0, 1]),
        ("demo", [0, 1, 2, 1, 0]),
    ],
)
def test_faces_come_and_go_as_described(name, expected):
    """In a scene with a changing number of faces, the numbers follow each other as its description says."""
    assert without_repeats(face_counts(name)) == expected


def test_faces_grow_with_the_frame_or_keep_their_pixels():
    """In a larger frame a face fills the same share of it, or keeps its px with `scale_faces=False`."""
    sizes = [
        make_scene("one", width=1280, height=960, scale_faces=scale_faces).frame(0)[1][0].w
        for scale_faces in (True, False)
    ]
    assert sizes == [220, 110]


def test_a_scene_can_be_made_longer():
    """A scene with a longer duration keeps its motion going to the end."""
    scene = make_scene("slow", duration_s=60)
    assert scene.frame_count == 1800
    assert len(scene.frame(1799)[1]) == 1


def test_an_unknown_scene_is_an_error():
    """The error for an unknown scene lists the known ones."""
    with pytest.raises(ConfigError, match="choose one of empty, one, slow"):
        make_scene("nix")


def test_all_scenes_but_the_demo_have_a_busy_wall():
    """Scenes to measure on have a furnished wall and the demo clip a plain one; either can be chosen for any scene."""
    assert {name for name in SCENE_NAMES if make_scene(name).clutter == "plain"} == {"demo"}
    assert make_scene("demo", clutter="busy").clutter == "busy"
    assert make_scene("one", clutter="plain").clutter == "plain"
