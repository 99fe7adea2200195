"""Re-detection: detecting a known face again in its window."""

import pytest

from edge.settings.schema import Settings
from edge.vision.haar import HaarDetector
from edge.vision.schedule import MARGIN, SIZES


@pytest.mark.parametrize("number", [0, 1, 2])
def test_redetect(benchmark, scene_boxes, gray, number):
    """Detect a face at rest again; the three faces have different sizes."""
    looker = HaarDetector(Settings().detect)
    box = scene_boxes[number]
    benchmark.extra_info["face_px"] = box.w
    assert benchmark(looker.look, gray, box, margin=MARGIN, sizes=SIZES, roll_deg=0.0, is_new=False)
