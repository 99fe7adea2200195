"""Live page: the cost of one frame; test_sink_cost.py measures a run with a viewer."""

import cv2
import numpy as np
import pytest

from edge.records import Frame, FrameWithReadings, Observation, Reading
from edge.scenes.catalogue import make_scene
from edge.sinks.page.encode import jpeg_encoder


@pytest.mark.parametrize("shows", ["full", "blur"])
def test_encode_a_frame(benchmark, shows):
    """Encode a colour frame of 640x480 as JPEG, which happens once for all viewers."""
    color, (box, *_) = make_scene("slow").frame(20)
    reading = Reading(1, box, "happy", 0.9, {"happy": 0.9}, 0, 0.0, 0.0)
    shown = FrameWithReadings(
        Frame(color[..., 1], 0, 0.0, 0.0, "", color), Observation(0, "", 0.0, 0.0, (reading,), (1,))
    )
    image = benchmark(jpeg_encoder(shows, width=640, quality=80), shown)
    benchmark.extra_info["bytes"] = len(image)


def test_colour_of_a_usb_camera(benchmark):
    """Convert a camera's frame to colour, which happens for each frame if the page may show it."""
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 2), np.uint8)
    benchmark(cv2.cvtColor, image, cv2.COLOR_YUV2BGR_YUY2)
