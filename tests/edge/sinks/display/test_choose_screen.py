"""A display shows what matters most: what is wrong, then faces, then that there is none."""

import pytest
from said import PAGE, observation, status

from edge.records import Counts
from edge.sinks.display.choose import choose_screen, page_address
from edge.sinks.display.screens import Faces, Notice, Shares, ShownFace
from edge.status import SinkStatus


def test_faces_are_shown_the_nearest_first():
    """The largest, that is; with two digits of confidence, so that noise draws nothing anew."""
    seen = observation(("sad", 0.512345, 40), ("happy", 0.9, 90))
    assert choose_screen(seen, status()) == Faces((ShownFace("happy", 0.9), ShownFace("sad", 0.51)))


def test_without_a_face_it_says_so_and_where_the_page_is():
    assert choose_screen(observation(), status(sinks=[PAGE])) == Notice("nobody", "no face", foot="192.168.1.20:8080")
    assert choose_screen(None, status()) == Notice("nobody", "no face")


def test_after_the_start_the_address_has_the_screen_for_itself():
    """Unless there is a face, or no page."""
    begun = status(sinks=[PAGE], uptime_s=5.0)
    assert choose_screen(None, begun) == Notice("page", "live page", foot="192.168.1.20:8080")
    assert isinstance(choose_screen(observation(("sad", 0.5, 40)), begun), Faces)
    assert choose_screen(None, status(uptime_s=5.0)).title == "no face"


@pytest.mark.parametrize(
    ("facts", "title", "text"),
    [
        ({"state": "camera lost", "camera_error": "gone", "retry_in_s": 1.2}, "camera lost", "again in 2 s: gone"),
        ({"state": "camera lost", "camera_error": "gone"}, "camera lost", "gone"),
        ({"state": "stalled"}, "no picture", "the camera gives none"),
        ({"state": "starting"}, "starting", "waiting for the first picture"),
    ],
)
def test_a_missing_camera_goes_before_everything(facts, title, text):
    """Even before a face that was there a moment ago."""
    screen = choose_screen(observation(("happy", 0.9, 90)), status(**facts))
    assert (screen.title, screen.text) == (title, text)


def test_a_board_that_is_held_back_says_so():
    """In the corner beside a face, with the reason where there is none; what is over by now is not told."""
    hot = status(throttled=["throttled", "under-voltage since boot"], temperature_c=82.4)
    assert choose_screen(observation(("happy", 0.9, 90)), hot).slow
    assert choose_screen(None, hot) == Notice("slow", "throttled", "throttled, 82 C")
    cooled = status(throttled=["throttled since boot"])
    assert not choose_screen(observation(("happy", 0.9, 90)), cooled).slow
    assert choose_screen(None, cooled).title == "no face"


def test_where_only_counts_may_be_told_shares_are_shown():
    """The most frequent first."""
    counts = Counts(60.0, 100, 50, 1, {"sad": 10, "happy": 30})
    assert choose_screen(observation(counts=counts), status()) == Shares((("happy", 0.75), ("sad", 0.25)))


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
def test_the_address_is_the_pages(sinks, address):
    """Of nobody else, and only while it serves."""
    assert page_address(status(sinks=sinks)) == address
