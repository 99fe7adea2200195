"""Motion gate: what each frame costs before anything is looked for."""

import itertools

import pytest

from edge.settings import ScheduleSettings
from edge.vision.motion import MotionGate


@pytest.mark.parametrize("changes", [False, True], ids=["at rest", "moving"])
def test_motion_gate(benchmark, gray, next_gray, changes):
    """Take a frame and tell whether something moves, and what has changed since the last scan."""
    settings = ScheduleSettings()
    gate = MotionGate(threshold=settings.motion_threshold, min_share=settings.motion_share)
    gate.update(gray, position_s=0.0)
    gate.mark_scanned()
    frames = itertools.cycle([next_gray if changes else gray, gray])
    times = itertools.count(1)

    def step():
        gate.update(next(frames), position_s=next(times) / 30)
        return gate.moving(()), gate.changed_since_scan(())

    benchmark(step)
