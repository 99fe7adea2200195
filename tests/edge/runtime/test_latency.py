"""`StepTimes` counts durations and summarizes them as percentiles and a histogram."""

import pytest

from edge.runtime.latency import SAMPLES, StepTimes


def test_percentiles_are_nearest_ranks_in_ms():
    """Of the durations 1 ms to 100 ms the percentiles are 51, 96 and 100 ms."""
    times = StepTimes()
    for ms in range(100, 0, -1):
        times.add(ms / 1e3)
    figures = times.percentiles()
    assert (round(figures.p50), round(figures.p95), round(figures.p99)) == (51, 96, 100)


def test_nothing_measured_has_no_percentiles():
    """A step that never ran has no percentiles, rather than zeros."""
    assert StepTimes().percentiles() is None


def test_only_the_newest_samples_are_kept():
    """Percentiles use the newest samples only, so that memory is bounded, while the count includes all."""
    times = StepTimes()
    for _ in range(SAMPLES):
        times.add(1.0)
    for _ in range(SAMPLES):
        times.add(0.001)
    assert times.count == 2 * SAMPLES
    assert times.percentiles().p99 == 1.0


def test_measure_times_its_block():
    """`measure` adds the duration of its block."""
    times = StepTimes()
    with times.measure():
        pass
    assert times.count == 1


def test_the_histogram_keeps_all_durations():
    """The histogram is cumulative with inclusive upper bounds, and keeps every duration."""
    times = StepTimes()
    for seconds in (0.0001, 0.0005, 0.0006, 0.3, 60.0):
        times.add(seconds)
    spread = times.histogram().counts
    assert (spread[0.0005], spread[0.001], spread[0.25], spread[0.5], spread[2.5], spread[float("inf")]) == (
        2, 3, 3, 4, 4, 5,
    )  # fmt: skip
    assert times.histogram().total_s == pytest.approx(60.3012)
