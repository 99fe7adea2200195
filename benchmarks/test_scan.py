"""Scan: detecting new faces as the schedule does, and on the full frame."""

import pytest

from benchmarks.full_frame_haar import DETECTORS
from edge.pipeline.build import build_steps
from edge.settings.schema import Settings


@pytest.mark.parametrize("is_still_images", [False, True], ids=["of a stream", "of a picture"])
def test_scan(benchmark, gray, is_still_images):
    """Scan a whole frame: a stream's is scaled down first, a still image is not."""
    assert benchmark(build_steps(Settings())(is_still_images=is_still_images).scanner.scan, gray)


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.name)
def test_full_frame(benchmark, gray, detector):
    """Run the full-frame cascades that the schedule is compared with."""
    assert benchmark.pedantic(detector.detect, args=(gray,), rounds=5, warmup_rounds=1)
