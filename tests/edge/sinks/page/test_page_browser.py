"""The page in a real Chromium: what a user sees, hears and can operate."""

import re
import shutil
import threading
from contextlib import contextmanager

import numpy as np
import pytest
from page_parts import camera
from ports import free_port
from samples import make_reading, make_status
from waiting import wait_for

from edge.counters import Counters
from edge.pipeline.build import build_steps
from edge.pipeline.pipeline import Pipeline
from edge.pipeline.sinks import SinkContext, new_optional_sinks
from edge.scenes.catalogue import make_scene
from edge.settings.schema import Settings, SourceSettings
from edge.settings.sinks import PageSettings
from edge.sinks.base import Sink
from edge.sources.scene import SceneSource

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: make test installs it")
expect = sync_api.expect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: make setup-system installs it"),
]

TIMEOUT_MS = 60_000
"""For each condition that the browser waits for; a busy machine is slow."""

expect.set_options(timeout=TIMEOUT_MS)

TOKEN = "Zm9vYmFyYmF6cXV4Zm9vYmFy"  # noqa: S105  # a made-up token

PIXELS = """() => {
  const small = new OffscreenCanvas(32, 24).getContext("2d", { willReadFrequently: true });
  small.drawImage(document.getElementById("picture"), 0, 0, 32, 24);
  return small.getImageData(0, 0, 32, 24).data.join();
}"""
"""JavaScript that returns the canvas, scaled down, since the tests read it often."""


@pytest.fixture(scope="module")
def chromium():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Tab:
    """A tab of the browser.

    Attributes:
        requests: every URL that it requested.
        console: everything that it wrote to its console, and uncaught errors.
    """

    def __init__(self, context):
        self.page = context.new_page()
        self.page.set_default_timeout(TIMEOUT_MS)
        self.requests, self.console = [], []
        context.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.console.append(message.text))
        self.page.on("pageerror", lambda error: self.console.append(str(error)))

    def expect_text(self, selector, pattern):
        expect(self.page.locator(selector)).to_contain_text(re.compile(pattern))

    def watch(self, number):
        """Wait for `number` pictures, each different from the one before; return them."""
        seen = [self.page.evaluate(PIXELS)]
        while len(seen) < number:
            self.page.wait_for_function(f"before => ({PIXELS})() !== before", arg=seen[-1])
            seen.append(self.page.evaluate(PIXELS))
        return seen


@pytest.fixture
def open_tab(chromium):
    """Return a function that opens a tab in a context of its own, so that tabs share no cookies."""
    contexts = []

    def open_one(address, **options):
        contexts.append(chromium.new_context(**options))
        tab = Tab(contexts[-1])
        tab.page.goto(address)
        return tab

    yield open_one
    for context in contexts:
        context.close()


class EmotionSink(Sink):
    """A sink that collects the emotions of all readings."""

    name = "emotions"

    def __init__(self):
        self.emotions = set()

    def write(self, observation):
        self.emotions.update(reading.emotion for reading in observation.readings)


@contextmanager
def pipeline_with_page():
    """Run the whole pipeline with a rendered scene as its camera; yield the page's URL and the set of emotions."""
    settings = Settings(source=SourceSettings(fps=10.0), page=PageSettings(enabled=True, port=0))
    counters, steps, others = Counters(), build_steps(settings)(is_still_images=False), EmotionSink()
    sinks = new_optional_sinks(
        settings, SinkContext(make_status, counters, steps.track_classifier.model, steps.track_classifier.labels)
    )
    source = SceneSource(make_scene("slow", fps=10.0, duration_s=3600.0), live=True, color=True)
    pipeline = Pipeline(source, steps, [others], counters, settings, frame_sinks=sinks.frames)
    thread = threading.Thread(target=pipeline.run)
    thread.start()
    try:
        (page,) = sinks.frames
        wait_for(lambda: page.note or page.error)
        assert not page.error
        yield page.note, others.emotions
    finally:
        pipeline.ask_stop()
        wait_for(lambda: not thread.is_alive())


def test_it_shows_moving_video_and_the_right_emotion(open_tab):
    """The label on the page is one that other sinks receive, and the run ends normally while a viewer watches."""
    with pipeline_with_page() as (address, emotions):
        tab = open_tab(address)
        tab.expect_text("#faces", "Face 1")
        assert len(set(tab.watch(4))) == 4
        tab.expect_text("#boxes", r"\w+ \d+%")
        label = tab.page.locator("#boxes text").first.text_content().split()[0]
        wait_for(lambda: label in emotions)
        tab.expect_text("#state", "running")
        tab.expect_text("#counters", r"\d\.\d frames/s")


def test_it_requests_nothing_from_other_machines(open_page, open_tab):
    """The browser reports no error either, as it would for code or style that the security policy forbids."""
    page = open_page()
    with camera(page, make_reading()):
        tab = open_tab(page.address)
        tab.watch(3)
        tab.expect_text("#faces", "Face 1")
    assert {url.rpartition("?")[0] or url for url in tab.requests} >= {
        f"{page.address}/events",
        f"{page.address}/frame",
    }
    assert [url for url in tab.requests if not url.startswith(f"{page.address}/")] == []
    assert tab.console == []


def test_it_reconnects_after_a_restart_of_the_server(open_page, open_tab):
    """It reports the lost connection, and does not mistake the new server's first face for an old one."""
    first = open_page(port=free_port())
    with camera(first, make_reading("happy", track_id=7)):
        tab = open_tab(first.address)
        tab.expect_text("#faces", "Face 7")
    first.close()
    tab.expect_text("#state", "no connection")
    tab.expect_text("#notice", "does not respond")
    second = open_page(port=int(first.address.rpartition(":")[2]))
    with camera(second, make_reading("sad", track_id=1)):
        tab.expect_text("#faces", "Face 1")
        tab.expect_text("#state", "running")
        tab.watch(2)
        expect(tab.page.locator("#faces li")).to_have_count(1)
        expect(tab.page.locator("#notice")).to_be_hidden()


def test_an_open_page_follows_changed_settings(open_page, open_tab):
    """After a restart with other classes the legend has those, and a stopped video stays stopped."""
    first = open_page(port=free_port(), labels=("angry", "disgust", "happy"))
    tab = open_tab(first.address)
    legend = tab.page.locator("#legend li")
    expect(legend).to_have_text(["angry", "disgust", "happy", "uncertain"])
    tab.page.get_by_role("button", name="Stop the video").click()
    first.close()
    tab.expect_text("#state", "no connection")
    second = open_page(port=int(first.address.rpartition(":")[2]), labels=("angry", "happy"), picture="blur")
    expect(legend).to_have_text(["angry", "happy", "uncertain"])
    tab.expect_text("#video", "The settings blur the picture")
    tab.expect_text("#toggle", "Start the video")
    tab.expect_text("#state", "running")
    assert second._frames.viewers == 0


def test_what_is_unknown_is_shown_as_such(open_page, open_tab):
    """While the camera is lost the page shows no number of faces, and announces none."""
    lost = {"state": "camera lost", "camera_error": "gone", "retry_in_s": 3.0, "faces": None, "fps": 0.0}
    page = open_page(status=lambda: make_status(**lost, latency_ms_p50=None, latency_ms_p95=None, camera_fps=None))
    tab = open_tab(page.address)
    tab.expect_text("#counters", r"Faces\s*unknown")
    tab.expect_text("#counters", r"Latency\s*unknown")
    tab.expect_text("#counters", r"Processed\s*0\.0 frames/s")
    assert tab.page.locator("#spoken").text_content() == ""
    assert tab.console == []


def test_a_lost_camera_is_shown_until_it_is_back(open_page, open_tab):
    """The notice names the reason and the next attempt, and disappears with the first frame."""
    now = {"state": "camera lost", "camera_error": "/dev/video0: it was unplugged", "retry_in_s": 3.2}
    page = open_page(status=lambda: make_status(**now))
    tab = open_tab(page.address)
    tab.expect_text("#state", "camera lost")
    tab.expect_text("#notice", "Camera lost: /dev/video0: it was unplugged. Trying again in 4 s.")
    now.clear()
    with camera(page, make_reading()):
        expect(tab.page.locator("#notice")).to_be_hidden()
        tab.expect_text("#state", "running")
        tab.watch(2)


def test_the_rotation_of_a_camera_is_shown_next_to_its_name(open_page, open_tab):
    """A rotation shows with its origin as soon as there is one."""
    fields = {}
    page = open_page(status=lambda: make_status(**fields))
    tab = open_tab(page.address)
    expect(tab.page.locator("#source")).to_have_text("/dev/video0")
    fields["rotation"] = 90
    expect(tab.page.locator("#source")).to_have_text("/dev/video0, turned by 90°")
    fields["rotation_found"] = True
    expect(tab.page.locator("#source")).to_have_text("/dev/video0, turned by 90°, found automatically")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_in_the_light_and_in_the_dark(open_page, open_tab, scheme):
    """At 400 px nothing is cut off, the button is large enough for a finger, and the background follows the scheme."""
    page = open_page()
    readings = [
        make_reading(track_id=face, emotion=emotion) for face, emotion in enumerate(("happy", "sad", "neutral"), 1)
    ]
    with camera(page, *readings):
        tab = open_tab(page.address, viewport={"width": 400, "height": 800}, color_scheme=scheme)
        tab.expect_text("#faces", "Face 3")
        tab.expect_text("#counters", "frames/s")
    assert tab.page.evaluate("document.documentElement.scrollWidth") == 400
    assert tab.page.locator("#toggle").bounding_box()["height"] >= 44
    color = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", color))) < 384) == (scheme == "dark")


def test_the_video_stops_and_starts_by_keyboard(open_page, open_tab):
    """While it is stopped no frame is encoded."""
    page = open_page()
    with camera(page, make_reading()) as source:
        tab = open_tab(page.address)
        tab.watch(2)
        tab.expect_text("#counters", "1 of 4")
        tab.page.keyboard.press("Tab")
        tab.page.keyboard.press("Enter")
        tab.expect_text("#toggle", "Start the video")
        tab.expect_text("#notice", "The video is stopped")
        tab.expect_text("#counters", "0 of 4")
        source.wait_for_frames(1)  # a frame that was on its way is encoded
        encoded = page._frames.encoded
        tab.expect_text("#faces", "Face 1")  # the events go on
        before = tab.page.evaluate(PIXELS)
        source.wait_for_frames(10)
        assert page._frames.encoded == encoded
        tab.page.keyboard.press("Space")
        tab.expect_text("#toggle", "Stop the video")
        tab.page.wait_for_function(f"before => ({PIXELS})() !== before", arg=before)


def test_a_screen_reader_announces_what_others_see(open_page, open_tab):
    """Controls and time lines have roles and names, and a changed emotion is announced."""
    page = open_page()
    with camera(page, make_reading("happy")):
        tab = open_tab(page.address)
        expect(tab.page.get_by_role("button", name="Stop the video")).to_be_visible()
        expect(tab.page.get_by_role("status")).to_have_text("running")
        line = tab.page.get_by_role("img", name="Face 1 in the last ten minutes: happy 100%")
        expect(line).to_be_visible()
        tab.expect_text("#spoken", "face 1 happy")
    with camera(page, make_reading("sad")):
        tab.expect_text("#spoken", "face 1 sad")


def test_a_viewer_too_many_sees_the_reason(open_page, open_tab, monkeypatch):
    """The notice replaces the video; the rest of the page works."""
    monkeypatch.setattr("edge.sinks.page.frames.LEASE_S", 3600.0)  # a busy browser keeps its place
    page = open_page(watchers=1)
    with camera(page, make_reading()):
        first = open_tab(page.address)
        first.watch(2)
        second = open_tab(page.address)
        second.expect_text("#notice", "All 1 viewer places are in use")
        second.expect_text("#faces", "Face 1")


def test_it_opens_with_its_token(open_page, open_tab, tmp_path):
    """The token is entered in the form, and stays in no address."""
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    page = open_page(token_file=str(tmp_path / "token"))
    with camera(page, make_reading()):
        tab = open_tab(page.address)
        tab.page.get_by_label("Enter the token").fill(TOKEN)
        tab.page.keyboard.press("Enter")
        tab.expect_text("#faces", "Face 1")
        tab.watch(2)
        assert TOKEN not in tab.page.url


def test_in_boxes_mode_the_picture_stays_empty(open_page, open_tab):
    """Box, label and bar are drawn on an empty canvas."""
    page = open_page(picture="boxes")
    with camera(page, make_reading("sad", confidence=0.61), picture=np.full((480, 640, 3), 200, np.uint8)):
        tab = open_tab(page.address)
        tab.expect_text("#boxes", "sad 61%")
        assert set(tab.page.evaluate(PIXELS).split(",")) == {"0"}


def test_another_site_can_neither_read_nor_frame_it(open_page, open_tab):
    """Nor can the other site, which is a made-up one in the same browser, show the page's images."""
    page = open_page()
    tab = open_tab("about:blank")
    tab.page.context.route(
        "http://other.example/",
        lambda route: route.fulfill(
            content_type="text/html",
            body=f"<iframe src='{page.address}/'></iframe><img src='{page.address}/static/icon.svg'>",
        ),
    )
    with camera(page, make_reading()):
        tab.page.goto("http://other.example/")
        read = f"fetch('{page.address}/status').then(response => response.text()).catch(() => 'refused')"
        assert tab.page.evaluate(read) == "refused"
        assert tab.page.evaluate("document.images[0].naturalWidth") == 0
        assert "Counters" not in tab.page.frames[1].content()
