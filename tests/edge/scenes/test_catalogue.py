"""The named scenes do what their names say."""

import numpy as np
import pytest

from edge.errors import ConfigError
from edge.scenes.catalogue import SCENE_NAMES, describe_scene, make_scene


def counts(name, **options):
    """Return how many faces there are, for each tenth of a second."""
    scene = make_scene(name, **options)
    step = round(scene.fps / 10)
    return [len(scene.frame(index)[1]) for index in range(0, scene.frame_count, step)]


@pytest.mark.parametrize("name", SCENE_NAMES)
@pytest.mark.parametrize("size", [(640, 480), (1280, 720)])
def test_every_scene_can_be_drawn(name, size):
    """Each scene gives pictures of either size, boxes inside them, and one line about itself."""
    width, height = size
    scene = make_scene(name, width=width, height=height)
    for index in (0, scene.frame_count // 2, scene.frame_count - 1):
        picture, boxes = scene.frame(index)
        assert picture.shape == (height, width, 3)
        assert all(box == box.clipped(width, height) for box in boxes)
    assert describe_scene(name).endswith(".")


@pytest.mark.parametrize(("name", "faces"), [("empty", 0), ("one", 1), ("slow", 1), ("three", 3), ("five", 5)])
def test_the_number_of_faces_holds(name, faces):
    """Scenes with a fixed number of faces have it in every frame, in either size."""
    assert set(counts(name)) == {faces}
    assert set(counts(name, width=1280, height=720)) == {faces}


@pytest.mark.parametrize("name", ["empty", "one"])
def test_without_motion_nothing_changes(name):
    """Scenes at rest give the same picture again and again."""
    scene = make_scene(name)
    assert np.array_equal(scene.frame(0)[0], scene.frame(100)[0])


def test_slow_moves_two_px_a_frame():
    """The slow face moves 2 px a frame, whatever the rate."""
    for fps in (15.0, 30.0):
        scene = make_scene("slow", fps=fps)
        x = [scene.frame(index)[1][0].center[0] for index in (0, 40)]
        assert x[1] - x[0] == pytest.approx(80, abs=2)


def test_fast_crosses_the_picture_in_a_second():
    """In half a second the fast face gets half-way across."""
    scene = make_scene("fast", fps=30)
    x = [scene.frame(index)[1][0].center[0] for index in (10, 10 + 15)]
    assert x[1] - x[0] == pytest.approx(320, abs=2)


def runs(values):
    """Return the values without repetition."""
    return [value for number, value in enumerate(values) if number == 0 or values[number - 1] != value]


@pytest.mark.parametrize(
    ("name", "story"),
    [
        ("crossing", [2, 1, 2]),
        ("entering", [0, 1]),
        ("leaving", [1, 0]),
        ("hidden", [1, 0, 1, 0, 1]),
        ("pillar", [1, 0, 1]),
        ("demo", [0, 1, 0]),
    ],
)
def test_faces_come_and_go_as_told(name, story):
    """Scenes in which faces come and go tell their story."""
    assert runs(counts(name)) == story


def test_faces_grow_with_the_picture_or_keep_their_pixels():
    """In a larger picture a face fills the same part of it, or has the same px, as asked."""
    sizes = [
        make_scene("one", width=1280, height=960, scale_faces=scale_faces).frame(0)[1][0].w
        for scale_faces in (True, False)
    ]
    assert sizes == [220, 110]


def test_a_scene_can_last_as_long_as_asked():
    """A longer scene goes on moving."""
    scene = make_scene("slow", duration_s=60)
    assert scene.frame_count == 1800
    assert len(scene.frame(1799)[1]) == 1


def test_an_unknown_scene_is_an_error():
    """A misspelt name is answered with the list."""
    with pytest.raises(ConfigError, match="take one of empty, one, slow"):
        make_scene("nix")


def test_scenes_are_busy_but_for_the_clip_that_ships():
    """What is measured stands before a furnished wall; the clip stays as it is; each can be had the other way."""
    assert {name for name in SCENE_NAMES if make_scene(name).clutter == "plain"} == {"demo"}
    assert make_scene("demo", clutter="busy").clutter == "busy"
    assert make_scene("one", clutter="plain").clutter == "plain"
