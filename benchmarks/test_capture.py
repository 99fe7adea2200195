"""Capture: what it costs until a frame is in memory. Not part of a frame's CPU figure; reported beside it."""

from pathlib import Path

import cv2

from edge.scenes.__main__ import write_clip
from edge.scenes.catalogue import make_scene
from edge.sources.opencv import luma
from edge.sources.video import VideoSource


def test_luma_of_a_colour_frame(benchmark):
    """A camera that gives colour costs this more than one that gives its luma plane."""
    benchmark(luma, make_scene("three").frame(20)[0])


def test_decode_a_frame_of_a_clip(benchmark, tmp_path: Path):
    """MPEG-4 at 640x480, one thread or more as FFmpeg likes."""
    clip = tmp_path / "clip.mp4"
    write_clip(make_scene("three", duration_s=10), clip)
    source = VideoSource(clip)
    benchmark.pedantic(source.read, rounds=200, warmup_rounds=20)
    source.close()


def test_decode_a_jpeg_frame_to_luma(benchmark):
    """Many USB cameras give Motion JPEG."""
    encoded = cv2.imencode(".jpg", make_scene("three").frame(20)[0])[1]
    benchmark(cv2.imdecode, encoded, cv2.IMREAD_GRAYSCALE)
