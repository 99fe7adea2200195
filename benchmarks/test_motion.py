"""Motion gate: the cost of each frame before any detection."""

import itertools

import pytest

from edge.settings.schema import ScheduleSettings
from edge.vision.motion import MotionGate


@pytest.mark.parametrize("changes", [False, True], ids=["at rest", "moving"])
def test_motion_gate(benchmark, gray, next_gray, changes):
    """Update the gate with a frame, and query motion and the change since the last scan."""
    settings = ScheduleSettings()
    gate = MotionGate(threshold=settings.motion_threshold, min_share=settings.motion_share)
    gate.update(gray, media_time_s=0.0)
    gate.mark_scanned()
    frames = itertools.cycle([next_gray if changes else gray, gray])
    times = itertools.count(1)

    def step():
        gate.update(next(frames), media_time_s=next(times) / 30)
        return gate.moving(()), gate.changed_since_scan(())

    benchmark(step)
