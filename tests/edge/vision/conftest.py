"""Fixtures of the vision tests."""

import pytest

from edge.scenes.catalogue import make_scene
from edge.sources.base import luma


@pytest.fixture(scope="session")
def gray_and_boxes():
    """Render a frame of a scene: return its luma and the true boxes of its faces."""

    def render(name, index=10, **options):
        color, boxes = make_scene(name, **options).frame(index)
        return luma(color), boxes

    return render
