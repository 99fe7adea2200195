"""Poses and light are the expected functions of time."""

import pytest

from edge.scenes.animation import (
    Light,
    Pose,
    back_and_forth,
    follow_keyframes,
    hidden_between,
    light_keyframes,
    stationary,
)

HERE = Pose(10, 20, 40)
THERE = Pose(110, 70, 80)


def test_a_stationary_face_stays():
    """A stationary face has the same pose at any time."""
    assert stationary(HERE)(0) == stationary(HERE)(1000) == HERE


@pytest.mark.parametrize(
    ("time_s", "pose"),
    [
        (0, HERE),
        (1, HERE),
        (2, Pose(60, 45, 60)),
        (3, THERE),
        (4, Pose(110, 70, 90)),
        (5, Pose(110, 70, 100)),
        (99, Pose(110, 70, 100)),
    ],
)
def test_poses_are_interpolated_between_keyframes(time_s, pose):
    """A face waits before its first keyframe, moves and grows linearly between two, and stays after the last."""
    assert follow_keyframes((1, HERE), (3, THERE), (5, Pose(110, 70, 100)))(time_s) == pose


@pytest.mark.parametrize(
    ("time_s", "pose"),
    [(0, HERE), (1, Pose(60, 45, 60)), (2, THERE), (3, Pose(60, 45, 60)), (4, HERE), (41, Pose(60, 45, 60))],
)
def test_back_and_forth_repeats(time_s, pose):
    """A face that goes back and forth is at the far end after half a period, back after a whole one, and repeats."""
    assert back_and_forth(HERE, THERE, period_s=4)(time_s) == pose


def test_a_hidden_face_has_no_pose():
    """A hidden face has no pose from the start of the interval, included, to its end, excluded."""
    motion = hidden_between(stationary(HERE), from_s=1, until_s=2)
    assert [motion(time_s) for time_s in (0.9, 1, 1.9, 2)] == [HERE, None, None, HERE]


def test_light_is_interpolated_between_keyframes():
    """Gain and gamma change linearly between two keyframes; before the first and after the last they are constant."""
    light = light_keyframes((1, Light(0.5, 1.0)), (3, Light(1.0, 2.0)))
    assert [light(time_s) for time_s in (0, 1, 2, 3, 9)] == [
        Light(0.5, 1.0),
        Light(0.5, 1.0),
        Light(0.75, 1.5),
        Light(1.0, 2.0),
        Light(1.0, 2.0),
    ]
