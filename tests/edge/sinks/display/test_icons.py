"""The faces on the display differ without colour."""

from itertools import combinations

import numpy as np
import pytest

from edge.labels import EMOTIONS, UNCERTAIN
from edge.sinks.display.canvas import Canvas
from edge.sinks.display.icons import draw_face


@pytest.mark.parametrize(("radius", "colored"), [(14, False), (28, False), (60, True)])
def test_no_two_faces_look_alike(radius, colored):
    """By their features alone, without colour, any two faces differ in at least 3 % of the picture."""
    faces = {}
    for emotion in (*EMOTIONS, UNCERTAIN):
        canvas = Canvas(2 * radius + 2, 2 * radius + 2, colored=colored)
        draw_face(canvas, emotion, x=radius, y=radius, radius=radius)
        faces[emotion] = canvas.pixels.max(axis=2) > 127
    for one, other in combinations(faces, 2):
        assert np.mean(faces[one] != faces[other]) > 0.03, (one, other)
