"""Pipeline: two seconds of frames through all steps to the log, by number of faces and by resolution."""

import pytest

from benchmarks.pipeline_cost import measure_pipeline
from edge.benchmark.memory_source import render_frames
from edge.scenes.catalogue import make_scene
from edge.settings.schema import Settings

FRAMES = 60


@pytest.mark.parametrize("scene", ["empty", "one", "slow", "three", "five"])
def test_by_faces(benchmark, scene):
    """Run scenes with different numbers of faces at 640x480, including the initial scan."""
    rendered = render_frames(make_scene(scene), count=FRAMES)
    benchmark.extra_info["frames"] = FRAMES
    benchmark.pedantic(measure_pipeline, args=(rendered, Settings()), rounds=3, warmup_rounds=1)


@pytest.mark.parametrize(("width", "height"), [(320, 240), (640, 480), (1280, 720), (1920, 1080)])
def test_by_resolution(benchmark, width, height):
    """Run a scene with one face, which fills the same share of the frame, at different resolutions."""
    rendered = render_frames(make_scene("slow", width=width, height=height), count=FRAMES)
    benchmark.extra_info["frames"] = FRAMES
    benchmark.pedantic(measure_pipeline, args=(rendered, Settings()), rounds=3, warmup_rounds=1)
