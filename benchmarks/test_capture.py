"""Capture: CPU time until a frame is in memory, which is not part of the pipeline's CPU time per frame."""

from pathlib import Path

import cv2

from edge.scenes.catalogue import make_scene
from edge.scenes.render import write_clip
from edge.sources.base import luma
from edge.sources.video import VideoSource


def test_luma_of_a_colour_frame(benchmark):
    """The extra cost of a camera that delivers colour instead of a luma plane."""
    benchmark(luma, make_scene("three").frame(20)[0])


def test_decode_a_frame_of_a_clip(benchmark, tmp_path: Path):
    """Decode MPEG-4 at 640x480, with as many threads as FFmpeg chooses."""
    clip = tmp_path / "clip.mp4"
    write_clip(make_scene("three", duration_s=10), clip)
    source = VideoSource(clip)
    benchmark.pedantic(source.read, rounds=200, warmup_rounds=20)
    source.close()


def test_decode_a_jpeg_frame_to_luma(benchmark):
    """Decode a frame of Motion JPEG, which many USB cameras deliver."""
    encoded = cv2.imencode(".jpg", make_scene("three").frame(20)[0])[1]
    benchmark(cv2.imdecode, encoded, cv2.IMREAD_GRAYSCALE)
