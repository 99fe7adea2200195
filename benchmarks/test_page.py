"""Live page: what a picture costs; what watchers cost a run is in test_sinks.py."""

import cv2
import numpy as np
import pytest

from edge.records import Frame, Observation, Reading, Shown
from edge.scenes.catalogue import make_scene
from edge.sinks.page.picture import image_maker


@pytest.mark.parametrize("shows", ["full", "blur"])
def test_one_picture(benchmark, shows):
    """640x480 in colour, to JPEG; once for all who watch."""
    color, (box, *_) = make_scene("slow").frame(20)
    reading = Reading(1, box, "happy", 0.9, {"happy": 0.9}, 0, 0.0, 0.0)
    shown = Shown(Frame(color[..., 1], 0, 0.0, 0.0, "", color), Observation(0, "", 0.0, 0.0, (reading,), (1,)))
    image = benchmark(image_maker(shows, width=640, quality=80), shown)
    benchmark.extra_info["bytes"] = len(image)


def test_colour_of_a_usb_camera(benchmark):
    """Made of each frame where the page may show it, whether or not anybody watches."""
    picture = np.random.default_rng(0).integers(0, 256, (480, 640, 2), np.uint8)
    benchmark(cv2.cvtColor, picture, cv2.COLOR_YUV2BGR_YUY2)
