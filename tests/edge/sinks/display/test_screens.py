"""The display shows what matters most: a problem with the camera, then faces, then the state without a face."""

import pytest
from display_parts import PAGE, make_face
from samples import make_observation, make_status

from edge.records import MinuteCounts
from edge.sinks.display.screens import (
    FaceOnScreen,
    FacesScreen,
    MessageScreen,
    SharesScreen,
    choose_screen,
    page_address,
)
from edge.status import SinkStatus

HAPPY = make_observation(make_face("happy", 0.9, 90))


def test_faces_are_shown_nearest_first():
    """The largest face is the nearest; confidence is rounded, so that noise does not redraw the screen."""
    observation = make_observation(make_face("sad", 0.512345, 40), make_face("happy", 0.9, 90))
    screen = FacesScreen((FaceOnScreen("happy", 0.9), FaceOnScreen("sad", 0.51)))
    assert choose_screen(observation, make_status()) == screen


def test_without_a_face_the_address_of_the_page_is_shown():
    """If there is a live page, its address is below the message; without an observation the screen is the same."""
    screen = MessageScreen("nobody", "no face", footer="192.168.1.20:8080")
    assert choose_screen(make_observation(), make_status(sinks=[PAGE])) == screen
    assert choose_screen(None, make_status()) == MessageScreen("nobody", "no face")


def test_after_the_start_the_address_of_the_page_fills_the_screen():
    """A face has precedence, and without a live page there is no such screen."""
    starting = make_status(sinks=[PAGE], uptime_s=5.0)
    assert choose_screen(None, starting) == MessageScreen("page", "live page", footer="192.168.1.20:8080")
    assert isinstance(choose_screen(HAPPY, starting), FacesScreen)
    assert choose_screen(None, make_status(uptime_s=5.0)).title == "no face"


@pytest.mark.parametrize(
    ("facts", "title", "text"),
    [
        ({"state": "camera lost", "camera_error": "gone", "retry_in_s": 1.2}, "camera lost", "again in 2 s: gone"),
        ({"state": "camera lost", "camera_error": "gone"}, "camera lost", "gone"),
        ({"state": "stalled"}, "no picture", "the camera gives none"),
        ({"state": "starting"}, "starting", "waiting for the first picture"),
    ],
)
def test_a_problem_with_the_camera_has_precedence(facts, title, text):
    """It is shown even if the last observation, a moment ago, had a face."""
    screen = choose_screen(HAPPY, make_status(**facts))
    assert (screen.title, screen.text) == (title, text)


def test_a_throttled_board_is_shown():
    """There is an icon next to faces, and the reason if there is no face; past throttling is not shown."""
    throttled = make_status(throttled=["throttled", "under-voltage since boot"], temperature_c=82.4)
    assert choose_screen(HAPPY, throttled).throttled
    assert choose_screen(None, throttled) == MessageScreen("throttled", "throttled", "throttled, 82 C")
    recovered = make_status(throttled=["throttled since boot"])
    assert not choose_screen(HAPPY, recovered).throttled
    assert choose_screen(None, recovered).title == "no face"


def test_counts_are_shown_as_shares():
    """With `privacy.counts_only` the share of each emotion is shown, the most frequent first."""
    counts = MinuteCounts(60.0, 100, 50, 1, {"sad": 10, "happy": 30})
    shares = SharesScreen((("happy", 0.75), ("sad", 0.25)))
    assert choose_screen(make_observation(counts=counts), make_status()) == shares


@pytest.mark.parametrize(
    ("sinks", "address"),
    [
        ([PAGE], "192.168.1.20:8080"),
        ([SinkStatus(name="page", note="https://pi.local/")], "https://pi.local"),
        ([SinkStatus(name="page", note="http://pi:8080", error="port in use")], ""),
        ([SinkStatus(name="mqtt", note="http://broker")], ""),
        ([], ""),
    ],
)
def test_the_address_is_that_of_the_live_page(sinks, address):
    """The address of another sink, or of a page that does not work, is not used."""
    assert page_address(make_status(sinks=sinks)) == address
