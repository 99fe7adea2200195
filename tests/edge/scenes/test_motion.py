"""Where a face is at a time."""

import pytest

from edge.scenes.motion import Pose, along, back_and_forth, hidden, still

HERE = Pose(10, 20, 40)
THERE = Pose(110, 70, 80)


def test_still_stays():
    """A still face is where it was at any time."""
    assert still(HERE)(0) == still(HERE)(1000) == HERE


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
def test_along_goes_evenly_from_stop_to_stop(time_s, pose):
    """Before the first stop the face waits, between two it moves and grows evenly, after the last it stays."""
    assert along((1, HERE), (3, THERE), (5, Pose(110, 70, 100)))(time_s) == pose


@pytest.mark.parametrize(
    ("time_s", "pose"),
    [(0, HERE), (1, Pose(60, 45, 60)), (2, THERE), (3, Pose(60, 45, 60)), (4, HERE), (41, Pose(60, 45, 60))],
)
def test_back_and_forth_turns_and_goes_on(time_s, pose):
    """The face is there at half its period, back after a whole one, and goes on."""
    assert back_and_forth(HERE, THERE, period_s=4)(time_s) == pose


def test_hidden_is_gone_for_a_while():
    """There is no face from the first moment up to the last, which does not belong to it."""
    motion = hidden(still(HERE), from_s=1, until_s=2)
    assert [motion(time_s) for time_s in (0.9, 1, 1.9, 2)] == [HERE, None, None, HERE]
