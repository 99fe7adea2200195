"""The page in a real Chromium."""

import re
import shutil
import threading
from contextlib import contextmanager

import numpy as np
import pytest
from page_parts import camera, make_reading, make_status

from edge.extras import Surroundings, open_extras
from edge.meters import Meters
from edge.pipeline import Pipeline
from edge.run import build_steps
from edge.scenes.catalogue import make_scene
from edge.settings import Settings, SourceSettings
from edge.sink_settings import PageSettings
from edge.sources.scene import SceneSource

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: make test installs it")
expect = sync_api.expect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: make setup-system installs it")

PATIENCE_MS = 30_000
"""On a busy machine a browser takes its time."""

TOKEN = "Zm9vYmFyYmF6cXV4Zm9vYmFy"  # noqa: S105  # opens nothing

PIXELS = """() => {
  const small = new OffscreenCanvas(32, 24).getContext("2d", { willReadFrequently: true });
  small.drawImage(document.getElementById("picture"), 0, 0, 32, 24);
  return small.getImageData(0, 0, 32, 24).data.join();
}"""
"""What the page's canvas shows, made small, since it is asked for often."""


@pytest.fixture(scope="module")
def chromium():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Tab:
    """A tab of the browser. asked: every address that it asked for. complaints: what it wrote to its console."""

    def __init__(self, context):
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.asked, self.complaints = [], []
        context.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def has(self, selector, words):
        expect(self.page.locator(selector)).to_contain_text(re.compile(words), timeout=PATIENCE_MS)

    def pictures(self, number):
        """So many different pictures, one after the other."""
        seen = [self.page.evaluate(PIXELS)]
        while len(seen) < number:
            self.page.wait_for_function(f"before => ({PIXELS})() !== before", arg=seen[-1])
            seen.append(self.page.evaluate(PIXELS))
        return seen


@pytest.fixture
def open_tab(chromium):
    """Open a tab of its own context, so that it has no cookies but its own."""
    contexts = []

    def open_one(address, **options):
        contexts.append(chromium.new_context(**options))
        tab = Tab(contexts[-1])
        tab.page.goto(address)
        return tab

    yield open_one
    for context in contexts:
        context.close()


class Names:
    """A sink that keeps what faces were called. arrived: once for each frame."""

    name = "names"

    def __init__(self):
        self.said = set()
        self.arrived = threading.Semaphore(0)

    def write(self, observation):
        self.said.update(reading.emotion for reading in observation.readings)
        self.arrived.release()

    def close(self):
        """Nothing to finish."""


@contextmanager
def pipeline_with_page():
    """The whole pipeline, with a drawn scene as its camera; gives the page's address and what faces were called."""
    settings = Settings(source=SourceSettings(fps=10.0), page=PageSettings(enabled=True, port=0))
    meters, steps, names = Meters(), build_steps(settings)(stills=False), Names()
    extras = open_extras(settings, Surroundings(make_status, meters, steps.namer.model, steps.namer.labels))
    source = SceneSource(make_scene("slow", fps=10.0, duration_s=300.0), live=True, color=True)
    pipeline = Pipeline(source, steps, [names], meters, settings, viewers=extras.viewers)
    thread = threading.Thread(target=pipeline.run)
    thread.start()
    try:
        (page,) = extras.viewers
        while not page.note:
            assert names.arrived.acquire(timeout=30), page.error
        yield page.note, names.said
    finally:
        pipeline.ask_stop()
        thread.join(30)
        assert not thread.is_alive()


def test_it_shows_moving_video_and_the_right_name(open_tab):
    """What the page calls the face is what other sinks call it, and the run ends in good order while it is watched."""
    with pipeline_with_page() as (address, said):
        tab = open_tab(address)
        tab.has("#faces", "Face 1")
        assert len(set(tab.pictures(4))) == 4
        tab.has("#boxes", r"\w+ \d+%")
        assert tab.page.locator("#boxes text").first.text_content().split()[0] in said
        tab.has("#state", "running")
        tab.has("#counters", r"\d\.\d frames/s")


def test_it_asks_nobody_else_for_anything(open_page, open_tab):
    """Nor does the browser complain of what the page does, as it would of code or style that the policy forbids."""
    page = open_page()
    with camera(page, make_reading()):
        tab = open_tab(page.address)
        tab.pictures(3)
        tab.has("#faces", "Face 1")
    assert {url.rpartition("?")[0] or url for url in tab.asked} >= {f"{page.address}/events", f"{page.address}/frame"}
    assert [url for url in tab.asked if not url.startswith(f"{page.address}/")] == []
    assert tab.complaints == []


def test_it_survives_a_restart_of_the_server(open_page, open_tab):
    """It says that the server is gone, finds the new one, and does not mistake its first face for the old one's."""
    first = open_page()
    with camera(first, make_reading("happy", face=7)):
        tab = open_tab(first.address)
        tab.has("#faces", "Face 7")
    first.close()
    tab.has("#state", "no connection")
    tab.has("#notice", "does not answer")
    second = open_page(port=int(first.address.rpartition(":")[2]))
    with camera(second, make_reading("sad", face=1)):
        tab.has("#faces", "Face 1")
        tab.has("#state", "running")
        tab.pictures(2)
        expect(tab.page.locator("#faces li")).to_have_count(1)
        expect(tab.page.locator("#notice")).to_be_hidden()


def test_a_lost_camera_is_told_until_it_is_back(open_page, open_tab):
    now = {"state": "camera lost", "camera_error": "/dev/video0: it was unplugged", "retry_in_s": 3.2}
    page = open_page(status=lambda: make_status(**now))
    tab = open_tab(page.address)
    tab.has("#state", "camera lost")
    tab.has("#notice", "Camera lost: /dev/video0: it was unplugged. Trying again in 4 s.")
    now.clear()
    with camera(page, make_reading()):
        expect(tab.page.locator("#notice")).to_be_hidden(timeout=PATIENCE_MS)
        tab.has("#state", "running")
        tab.pictures(2)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_in_the_light_and_in_the_dark(open_page, open_tab, scheme):
    """400 px wide nothing is cut off, a finger hits the button, and the ground is as the phone has it."""
    page = open_page()
    readings = [make_reading(face=face, emotion=emotion) for face, emotion in enumerate(("happy", "sad", "neutral"), 1)]
    with camera(page, *readings):
        tab = open_tab(page.address, viewport={"width": 400, "height": 800}, color_scheme=scheme)
        tab.has("#faces", "Face 3")
        tab.has("#counters", "frames/s")
    assert tab.page.evaluate("document.documentElement.scrollWidth") == 400
    assert tab.page.locator("#toggle").bounding_box()["height"] >= 44
    color = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", color))) < 384) == (scheme == "dark")


def test_the_video_stops_and_starts_by_keyboard(open_page, open_tab):
    """A stopped one asks for nothing, so that nothing is encoded."""
    page = open_page()
    with camera(page, make_reading()):
        tab = open_tab(page.address)
        tab.pictures(2)
        tab.page.keyboard.press("Tab")
        tab.page.keyboard.press("Enter")
        tab.has("#toggle", "Start the video")
        tab.has("#notice", "The video is stopped")
        tab.page.wait_for_function("() => document.getElementById('counters').textContent.includes('0 of 4')")
        made = page._film.made
        tab.has("#faces", "Face 1")  # is still told
        before = tab.page.evaluate(PIXELS)
        assert page._film.made == made
        tab.page.keyboard.press("Space")
        tab.has("#toggle", "Stop the video")
        tab.page.wait_for_function(f"before => ({PIXELS})() !== before", arg=before)


def test_a_screen_reader_is_told_what_others_see(open_page, open_tab):
    """By role and name; a change is said."""
    page = open_page()
    with camera(page, make_reading("happy")):
        tab = open_tab(page.address)
        expect(tab.page.get_by_role("button", name="Stop the video")).to_be_visible(timeout=PATIENCE_MS)
        expect(tab.page.get_by_role("status")).to_have_text("running", timeout=PATIENCE_MS)
        line = tab.page.get_by_role("img", name="Face 1 in the last ten minutes: happy 100%")
        expect(line).to_be_visible(timeout=PATIENCE_MS)
        tab.has("#spoken", "face 1 happy")
    with camera(page, make_reading("sad")):
        tab.has("#spoken", "face 1 sad")


def test_one_watcher_too_many_reads_why(open_page, open_tab):
    """In words, instead of a video, and all else is shown."""
    page = open_page(watchers=1)
    with camera(page, make_reading()):
        first = open_tab(page.address)
        first.pictures(2)
        second = open_tab(page.address)
        second.has("#notice", "All 1 places to watch are taken")
        second.has("#faces", "Face 1")


def test_it_opens_with_its_token(open_page, open_tab, tmp_path):
    """The address loses it at once; without it there is a form, which takes it, too."""
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    page = open_page(token_file=str(tmp_path / "token"))
    with camera(page, make_reading()):
        tab = open_tab(f"{page.address}/?token={TOKEN}")
        assert tab.page.url == f"{page.address}/"
        tab.pictures(2)
        tab = open_tab(page.address)
        tab.page.get_by_label("opens with its token").fill(TOKEN)
        tab.page.keyboard.press("Enter")
        tab.has("#faces", "Face 1")
        tab.pictures(2)
        assert TOKEN not in tab.page.url


def test_where_boxes_alone_are_shown_the_picture_stays_empty(open_page, open_tab):
    """Box, name and bar are there all the same."""
    page = open_page(shows="boxes")
    with camera(page, make_reading("sad", confidence=0.61), picture=np.full((480, 640, 3), 200, np.uint8)):
        tab = open_tab(page.address)
        tab.has("#boxes", "sad 61%")
        assert set(tab.page.evaluate(PIXELS).split(",")) == {"0"}


def test_another_page_can_neither_read_nor_frame_it(open_page, open_tab):
    """Nor show its picture as its own. The other page is a made-up site, in the same browser."""
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
        read = f"fetch('{page.address}/status').then(answer => answer.text()).catch(() => 'refused')"
        assert tab.page.evaluate(read) == "refused"
        assert tab.page.evaluate("document.images[0].naturalWidth") == 0
        assert "Counters" not in tab.page.frames[1].content()
