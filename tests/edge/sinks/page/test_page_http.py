"""The whole page over real HTTP."""

import http.client
import json
import threading
import time
from contextlib import contextmanager

import cv2
import numpy as np
import pytest
from page_parts import FACE, camera, make_reading, make_shown, make_status

from edge.errors import SinkError

TOKEN = "Zm9vYmFyYmF6cXV4Zm9vYmFy"  # noqa: S105  # opens nothing

SOON_S = 3.0
"""A second, and what a busy machine adds."""


@contextmanager
def asking(page, path, *, method="GET", **headers):
    host, _, port = page.address.removeprefix("http://").rpartition(":")
    line = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        line.request(method, path, headers=headers)
        with line.getresponse() as answer:
            yield answer
    finally:
        line.close()


def ask(page, path, **options):
    """Status, headers and body of an answer."""
    with asking(page, path, **options) as answer:
        return answer.status, answer.headers, answer.read()


@contextmanager
def one_who_waits(page):
    """For a picture, longer than any test takes, until the page is closed."""
    page._film._wait_s = 60.0
    waiting = threading.Thread(target=ask, args=(page, "/frame?watcher=ann"))
    waiting.start()
    while not page._film.watchers:
        pass
    yield
    page.close()
    waiting.join()


def listen(page):
    with asking(page, "/events") as answer:
        return answer.status


def events(answer):
    """What each server-sent event of a stream says."""
    for line in iter(answer.readline, b""):
        if line.startswith(b"data: "):
            yield json.loads(line.removeprefix(b"data: "))


def test_the_page_and_all_that_it_names_are_there(open_page):
    """Nothing is asked for elsewhere, and no code or style stands in the page itself."""
    page = open_page()
    status, headers, html = ask(page, "/")
    assert (status, headers.get_content_type()) == (200, "text/html")
    named = [word.split(b'"')[0].decode() for word in html.replace(b'src="', b'href="').split(b'href="')[1:]]
    assert {"/static/page.js", "/static/page.css", "/colors.css"} <= set(named)
    for path in [*named, "/static/overlay.js", "/static/faces.js"]:
        assert path.startswith("/")
        status, headers, content = ask(page, path)
        assert (status, b"http://" in content.replace(b"http://www.w3.org/2000/svg", b"")) == (200, False)
    assert b"style=" not in html
    assert b"<style" not in html


def test_a_watcher_is_given_the_picture_with_what_is_said_of_it(open_page):
    page = open_page()
    with camera(page, make_reading("sad", confidence=0.7312, unclear="too dark")):
        status, headers, image = ask(page, "/frame?watcher=ann")
    assert (status, headers.get_content_type()) == (200, "image/jpeg")
    assert cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR).shape == (480, 640, 3)
    shot = json.loads(headers["X-Shot"])
    assert (shot["width"], shot["height"]) == (640, 480)
    face = {"face": 1, "emotion": "sad", "confidence": 0.731, "unclear": "too dark", "box": list(FACE.xywh)}
    assert shot["faces"] == [face]


def test_where_boxes_alone_are_shown_no_pixel_leaves(open_page):
    """Whichever address is asked: a picture of one value, which a byte string of an answer would show."""
    page = open_page(shows="boxes")
    with camera(page, make_reading(), picture=np.full((480, 640, 3), 0xA5, np.uint8)):
        status, headers, image = ask(page, "/frame?watcher=ann")
    assert (status, image) == (200, b"")
    assert json.loads(headers["X-Shot"])["faces"]


def test_one_watcher_too_many_is_told_so(open_page):
    page = open_page(watchers=2)
    with camera(page):
        for name in ("ann", "bob", "ann"):
            assert ask(page, f"/frame?watcher={name}")[0] == 200
        status, headers, words = ask(page, "/frame?watcher=cid")
    assert (status, headers["Retry-After"]) == (503, "5")
    assert words == b"All 2 places to watch are taken. The video comes when one is free.\n"
    assert page.note == f"{page.address}, 2 watching"


def test_a_hundred_watchers_cost_one_encoding(open_page):
    """All of them at once, of which as many are served as may be."""
    page = open_page(fps=5.0)
    with camera(page):
        answers = []
        threads = [
            threading.Thread(target=lambda n=n: answers.append(ask(page, f"/frame?watcher=w{n}")[0])) for n in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(set(answers)) == [200, 503]
    assert answers.count(200) == 4
    assert page._film.made <= 10


@pytest.mark.parametrize("query", ["", "?watcher=", "?watcher=a%20b", "?watcher=" + "a" * 41])
def test_a_watcher_without_a_name_is_refused(open_page, query):
    assert ask(open_page(), "/frame" + query)[0] == 400


def test_the_camera_is_quiet_and_so_is_the_answer(open_page):
    """Within about a second, so that no thread is held."""
    assert ask(open_page(), "/frame?watcher=ann")[0] == 204


def test_events_tell_how_the_run_is_and_who_is_there(open_page):
    """At first all of the time line, then what is new of it."""
    page = open_page(status=lambda: make_status(temperature_c=51.0))
    with camera(page, make_reading("happy")), asking(page, "/events") as answer:
        assert answer.headers.get_content_type() == "text/event-stream"
        stream = events(answer)
        told = next(news for news in stream if news["faces"])
        later = next(stream)
    assert told["status"]["temperature_c"] == 51.0
    assert told["faces"][0]["emotion"] == "happy"
    assert [stretch[:2] for stretch in told["stretches"]] == [[1, "happy"]]
    assert later["run"] == told["run"]
    assert later["stretches"][0][2] == told["stretches"][0][2]
    assert later["stretches"][0][3] > told["stretches"][0][3]


def test_events_go_on_while_no_frame_comes(open_page):
    """So that a lost camera is told, and the faces of its last frame are not told for ever."""
    page = open_page(status=lambda: make_status(state="camera lost", camera_error="gone", retry_in_s=3.0))
    page.write(make_shown(make_reading(), captured_at=time.monotonic() - 60))
    with asking(page, "/events") as answer:
        told = next(events(answer))
    assert (told["status"]["state"], told["faces"]) == ("camera lost", [])


def test_one_listener_too_many_is_told_so_until_another_has_gone(open_page):
    page = open_page(watchers=1)
    assert ask(page, "/events", method="HEAD")[0] == 200  # takes no place
    with asking(page, "/events") as first, asking(page, "/events") as second:
        next(events(first)), next(events(second))
        assert ask(page, "/events")[0] == 503
    deadline = time.monotonic() + 5
    while (status := listen(page)) == 503:
        assert time.monotonic() < deadline
    assert status == 200


def test_listeners_leave_threads_for_all_else(open_page):
    """As many watch and listen as may, and the page itself is still answered at once."""
    page = open_page(watchers=1)
    with asking(page, "/events") as first, asking(page, "/events") as second:
        next(events(first)), next(events(second))
        with one_who_waits(page):
            assert ask(page, "/")[0] == 200


@pytest.mark.parametrize(
    ("state", "code"), [("running", 200), ("starting", 503), ("camera lost", 503), ("stalled", 503)]
)
def test_a_probe_is_told_whether_frames_are_processed(open_page, state, code):
    assert ask(open_page(status=lambda: make_status(state=state)), "/healthz")[::2] == (code, f"{state}\n".encode())


def test_the_status_is_the_services_own(open_page):
    status, headers, content = ask(open_page(), "/status")
    assert (status, headers.get_content_type()) == (200, "application/json")
    assert json.loads(content)["fps"] == 30.0


def test_a_program_brings_the_token_in_a_header(open_page, tmp_path):
    """A probe for one word brings none."""
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    page = open_page(token_file=str(tmp_path / "token"))
    assert [ask(page, path)[0] for path in ("/", "/status", "/events", "/frame?watcher=ann", "/healthz")] == [
        401
    ] * 4 + [200]
    assert ask(page, "/status", Authorization=f"Bearer {TOKEN}")[0] == 200


def test_the_end_comes_soon_whoever_watches(open_page):
    """A watcher that waits, a listener, one that has gone, one that never reads."""
    page = open_page()
    with asking(page, "/events") as listener, asking(page, "/events"):
        next(events(listener))
        with one_who_waits(page):
            began = time.monotonic()
            page.close()
            assert time.monotonic() - began < SOON_S


def test_a_server_that_has_ended_is_told_with_the_next_frame(open_page):
    """So that the guard opens a new one."""
    page = open_page()
    page._server.close()
    with pytest.raises(SinkError, match="expected the page's server at work"):
        page.write(make_shown())


def test_an_answer_that_fails_is_no_news_for_the_asker(open_page, caplog):
    """Neither the fault nor where it happened is told; our log has both."""

    def fail():
        raise RuntimeError("secret place")

    status, _, words = ask(open_page(status=fail), "/status")
    assert status == 500
    assert b"secret" not in words
    assert "secret place" in caplog.text
