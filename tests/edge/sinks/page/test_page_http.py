"""The whole page over real HTTP: its URLs, its limits, and its end."""

import json
import re
import threading
import time
from contextlib import contextmanager

import cv2
import msgspec
import numpy as np
import pytest
from page_parts import camera, get, open_response
from samples import EVERYDAY, FACE, HEALTHY, make_frame_with_readings, make_reading, make_status
from waiting import wait_for

from edge.errors import SinkError
from edge.model.bundled import BUNDLED_MODEL
from edge.model.manifest import manifest_path, read_manifest

TOKEN = "Zm9vYmFyYmF6cXV4Zm9vYmFy"  # noqa: S105  # a made-up token

MODEL = read_manifest(manifest_path(BUNDLED_MODEL))

LONG_S = 600.0
"""Longer than any test, s."""

SOON_S = 10.0
"""Limit for what takes less than a second on an idle machine, s; a server that waits for a client takes `LONG_S`."""


@contextmanager
def waiting_viewer(page):
    """Keep a request for a frame waiting, until the block closes the page."""
    page._frames._wait_s = LONG_S
    thread = threading.Thread(target=get, args=(page, "/frame?watcher=ann"), daemon=True)
    thread.start()
    wait_for(lambda: page._frames.viewers)
    yield
    page.close()
    wait_for(lambda: not thread.is_alive())


def stream_status(page):
    with open_response(page, "/events") as response:
        return response.status


def read_events(response):
    """Yield the payload of each server-sent event."""
    for line in iter(response.readline, b""):
        if line.startswith(b"data: "):
            yield json.loads(line.removeprefix(b"data: "))


@pytest.fixture
def patient_page(open_page, monkeypatch):
    """Return a function that opens a page whose viewers wait for a frame as long as it takes."""
    frames = pytest.importorskip("edge.sinks.page.frames")
    monkeypatch.setattr(frames, "LEASE_S", LONG_S)
    monkeypatch.setattr(frames, "MAX_AGE_S", LONG_S)

    def open_one(**options):
        page = open_page(**options)
        page._frames._wait_s = LONG_S
        return page

    return open_one


def test_the_page_and_all_that_it_links_to_exist(open_page):
    """No link leads to another machine, and the page contains no inline code or style."""
    page = open_page()
    status, headers, html = get(page, "/")
    assert (status, headers.get_content_type()) == (200, "text/html")
    links = [part.split(b'"')[0].decode() for part in html.replace(b'src="', b'href="').split(b'href="')[1:]]
    assert {"/static/page.js", "/static/page.css", "/colors.css"} <= set(links)
    for path in [*links, "/static/overlay.js", "/static/faces.js"]:
        assert path.startswith("/")
        status, headers, content = get(page, path)
        assert (status, b"http://" in content.replace(b"http://www.w3.org/2000/svg", b"")) == (200, False)
    assert b"style=" not in html
    assert b"<style" not in html


def test_a_frame_comes_with_its_faces(patient_page):
    """The JPEG is the body, and a header describes its faces."""
    page = patient_page()
    with camera(page, make_reading("sad", confidence=0.7312, unclear="too dark")):
        status, headers, image = get(page, "/frame?watcher=ann")
    assert (status, headers.get_content_type()) == (200, "image/jpeg")
    assert cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR).shape == (480, 640, 3)
    info = json.loads(headers["X-Shot"])
    assert (info["width"], info["height"]) == (640, 480)
    face = {"face": 1, "emotion": "sad", "confidence": 0.731, "unclear": "too dark", "box": list(FACE.xywh)}
    assert info["faces"] == [face]


def test_in_boxes_mode_no_pixel_is_sent(patient_page):
    """The frame's response has a header with the faces, but an empty body."""
    page = patient_page(picture="boxes")
    with camera(page, make_reading(), picture=np.full((480, 640, 3), 0xA5, np.uint8)):
        status, headers, image = get(page, "/frame?watcher=ann")
    assert (status, image) == (200, b"")
    assert json.loads(headers["X-Shot"])["faces"]


def test_a_viewer_too_many_is_refused_with_a_reason(patient_page):
    """A second request of a known viewer takes no further place."""
    page = patient_page(watchers=2)
    with camera(page):
        for name in ("ann", "bob", "ann"):
            assert get(page, f"/frame?watcher={name}")[0] == 200
        status, headers, text = get(page, "/frame?watcher=cid")
    assert (status, headers["Retry-After"]) == (503, "5")
    assert text == b"All 2 viewer places are in use. The video starts when one becomes free.\n"
    assert page.note == f"{page.address}, 2 watching"


def test_twenty_viewers_at_once_cost_one_encoding(patient_page):
    """As many as are allowed wait for the next frame and receive the same one; the others are refused at once."""
    page = patient_page()
    statuses = []
    threads = [
        threading.Thread(target=lambda n=n: statuses.append(get(page, f"/frame?watcher=w{n}")[0])) for n in range(20)
    ]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(statuses) == 16)
    page.write(make_frame_with_readings())
    for thread in threads:
        thread.join()
    assert statuses == [503] * 16 + [200] * 4
    assert page._frames.encoded == 1


@pytest.mark.parametrize("query", ["", "?watcher=", "?watcher=a%20b", "?watcher=" + "a" * 41])
def test_a_viewer_without_a_valid_name_is_refused(open_page, query):
    """A name consists of up to 40 letters and digits."""
    assert get(open_page(), "/frame" + query)[0] == 400


def test_without_a_frame_a_request_ends_with_204(open_page):
    """Without a frame a request ends with 204 after a limited time, so that no viewer holds a thread for long."""
    assert get(open_page(), "/frame?watcher=ann")[0] == 204


def test_events_contain_status_faces_and_the_time_line(open_page):
    """The first event has the whole time line, and later ones only what has changed since."""
    page = open_page(status=lambda: make_status(temperature_c=51.0))
    with camera(page, make_reading("happy")), open_response(page, "/events") as response:
        assert response.headers.get_content_type() == "text/event-stream"
        stream = read_events(response)
        first = next(event for event in stream if event["faces"])
        later = next(event for event in stream if event["stretches"])
    assert first["status"]["temperature_c"] == 51.0
    assert first["faces"][0]["emotion"] == "happy"
    assert [segment[:2] for segment in first["stretches"]] == [[1, "happy"]]
    assert later["run"] == first["run"]
    assert later["stretches"][0][2] == first["stretches"][0][2]
    assert later["stretches"][0][3] > first["stretches"][0][3]


def test_events_name_the_version_of_the_page(open_page):
    """A browser that shows another version than the events name loads the page again."""
    versions = {}
    for name, options in {
        "same": {},
        "again": {},
        "classes": {"labels": ("happy", "sad")},
        "picture": {"picture": "blur"},
        "places": {"watchers": 2},
    }.items():
        page = open_page(**options)
        with open_response(page, "/events") as response:
            versions[name] = next(read_events(response))["page"]
        assert f'data-version="{versions[name]}"'.encode() in get(page, "/")[2]
    assert versions["same"] == versions["again"]
    assert len(set(versions.values())) == 4


def test_events_continue_while_no_frame_arrives(open_page):
    """A lost camera is reported, and the faces of its last frame are no longer sent."""
    page = open_page(status=lambda: make_status(state="camera lost", camera_error="gone", retry_in_s=3.0))
    page.write(make_frame_with_readings(make_reading(), captured_at=time.monotonic() - 60))
    with open_response(page, "/events") as response:
        event = next(read_events(response))
    assert (event["status"]["state"], event["faces"]) == ("camera lost", None)


def test_an_event_stream_too_many_is_refused_until_another_has_ended(open_page):
    """An event stream too many is refused until another one has ended; a HEAD request takes no slot."""
    page = open_page(watchers=1)
    assert get(page, "/events", method="HEAD")[0] == 200
    with open_response(page, "/events") as first, open_response(page, "/events") as second:
        next(read_events(first)), next(read_events(second))
        assert get(page, "/events")[0] == 503
    wait_for(lambda: stream_status(page) == 200)


def test_viewers_and_streams_leave_threads_for_other_requests(open_page):
    """With all places in use the page itself is still served."""
    page = open_page(watchers=1)
    with open_response(page, "/events") as first, open_response(page, "/events") as second:
        next(read_events(first)), next(read_events(second))
        with waiting_viewer(page):
            assert get(page, "/")[0] == 200


@pytest.mark.parametrize(
    ("state", "code"), [("running", 200), ("starting", 503), ("camera lost", 503), ("stalled", 503)]
)
def test_the_health_probe_depends_on_the_state(open_page, state, code):
    """The health probe succeeds only while frames are processed."""
    assert get(open_page(status=lambda: make_status(state=state)), "/healthz")[::2] == (code, f"{state}\n".encode())


def test_the_status_is_the_services_own(open_page):
    """The page's status is the JSON of `edge-emotion status --json`."""
    status, headers, content = get(open_page(), "/status")
    assert (status, headers.get_content_type()) == (200, "application/json")
    assert json.loads(content)["fps"] == HEALTHY.fps


def test_a_program_sends_the_token_in_a_header(open_page, tmp_path):
    """A program with the token in a header is admitted; without it all but the health probe is refused."""
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    page = open_page(token_file=str(tmp_path / "token"))
    for path in ("/", "/status", "/events", "/frame?watcher=ann"):
        assert get(page, path)[0] == 401
    assert get(page, "/healthz")[0] == 200
    assert get(page, "/status", Authorization=f"Bearer {TOKEN}")[0] == 200


def test_closing_does_not_wait_for_clients(open_page):
    """Closing waits for no viewer, no open event stream, and no client that never reads."""
    page = open_page()
    with open_response(page, "/events") as stream, open_response(page, "/events"):
        next(read_events(stream))
        with waiting_viewer(page):
            began_s = time.monotonic()
            page.close()
            assert time.monotonic() - began_s < SOON_S


def test_a_stopped_server_is_an_error_with_the_next_frame(open_page):
    """If the server has stopped, the next frame raises an error, after which the supervisor opens a new page."""
    page = open_page()
    page._server.close()
    with pytest.raises(SinkError, match="expected the page's server to be running"):
        page.write(make_frame_with_readings())


def test_a_response_that_fails_reveals_nothing(open_page, caplog):
    """If a view fails, the client receives neither the error nor its place; the log has both."""

    def fail():
        raise RuntimeError("secret place")

    status, _, text = get(open_page(status=fail), "/status")
    assert status == 500
    assert b"secret" not in text
    assert "secret place" in caplog.text


def test_a_page_says_how_often_each_label_is_right(open_page):
    """The live page links to it; it has precision and recall of the labels that the run predicts, and no others."""
    page = open_page(model=msgspec.structs.replace(MODEL, measurements=(EVERYDAY,)))
    assert 'href="/model"' in get(page, "/")[2].decode()
    status, headers, body = get(page, "/model")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    text = re.sub(r"<[^>]*>|\s+", " ", body.decode())
    assert "9 faces of photographs in the mixture of everyday life (street): 90% of its labels are right" in text
    rows = re.findall(r"(angry|disgust|fear|happy|sad|surprise|neutral)  (\d+)% +(\S+) +(\d+)", text)
    assert rows == [("angry", "0", "&ndash;", "1"), ("happy", "97", "100%", "6"), ("sad", "50", "30%", "2")]


def test_a_model_that_was_not_measured_has_a_page_too(open_page):
    """It says so, and names the model's card."""
    page = open_page(model=msgspec.structs.replace(MODEL, name="<mine>", measurements=()))
    text = get(page, "/model")[2].decode()
    assert "neural network &lt;mine&gt; are right in everyday life was not measured" in text
    assert "<mine>" not in text
