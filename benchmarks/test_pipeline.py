"""The whole pipeline with its log, by number of faces and by resolution: each round is two seconds of frames."""

import pytest

from benchmarks.measure import run_film
from edge.benchmark.film import draw
from edge.scenes.catalogue import make_scene
from edge.settings import Settings

FRAMES = 60


@pytest.mark.parametrize("scene", ["empty", "one", "slow", "three", "five"])
def test_by_faces(benchmark, scene):
    """At 640x480; the start, with its scan of the whole frame, is part of it."""
    film = draw(make_scene(scene), count=FRAMES)
    benchmark.extra_info["frames"] = FRAMES
    benchmark.pedantic(run_film, args=(film, Settings()), rounds=3, warmup_rounds=1)


@pytest.mark.parametrize(("width", "height"), [(320, 240), (640, 480), (1280, 720), (1920, 1080)])
def test_by_resolution(benchmark, width, height):
    """One face that fills the same part of the picture."""
    film = draw(make_scene("slow", width=width, height=height), count=FRAMES)
    benchmark.extra_info["frames"] = FRAMES
    benchmark.pedantic(run_film, args=(film, Settings()), rounds=3, warmup_rounds=1)
