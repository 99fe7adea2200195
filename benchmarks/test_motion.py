"""Motion gate: the cost of each frame before any detection."""

import itertools

import pytest

from edge.records import Box
from edge.settings.schema import ScheduleSettings
from edge.vision.motion import MotionGate


@pytest.mark.parametrize("changes", [False, True], ids=["at rest", "moving"])
def test_motion_gate(benchmark, gray, next_gray, changes):
    """Update the gate with a frame, and query motion and the change since the last scan."""
    settings = ScheduleSettings()
    gate = MotionGate(threshold=settings.motion_threshold, min_share=settings.motion_share)
    height, width = gray.shape
    whole = Box(0, 0, width, height)
    gate.update(gray, media_time_s=0.0)
    gate.mark_scanned(whole)
    frames = itertools.cycle([next_gray if changes else gray, gray])
    times = itertools.count(1)

    def step():
        gate.update(next(frames), media_time_s=next(times) / 30)
        return gate.detect_motion(()), gate.changed_since_scan(())

    benchmark(step)
