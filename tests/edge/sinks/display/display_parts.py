"""A face of a given size and the status of a live page, for the tests of the display."""

from samples import make_reading

from edge.records import Box
from edge.status import SinkStatus

PAGE = SinkStatus(name="page", note="http://192.168.1.20:8080, nobody watches")


def make_face(emotion, confidence, side):
    """Return the reading of a square face with `side` px."""
    return make_reading(emotion, confidence=confidence, box=Box(0, 0, side, side))
