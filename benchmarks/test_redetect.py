"""Re-detection: finding a known face again in its window."""

import pytest

from edge.settings import Settings
from edge.vision.follow import MARGIN, SIZES
from edge.vision.redetect import Redetector


@pytest.mark.parametrize("number", [0, 1, 2])
def test_redetect(benchmark, scene_boxes, gray, number):
    """A face at rest, by its size."""
    redetector = Redetector(Settings().detect.cascade)
    box = scene_boxes[number]
    benchmark.extra_info["face_px"] = box.w
    assert benchmark(redetector.look, gray, box, margin=MARGIN, sizes=SIZES)
