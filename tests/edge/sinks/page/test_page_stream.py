"""Other programs see the camera's picture as a stream or as single pictures, within the limits of the page."""

import base64
import subprocess
import threading
import time
from shutil import which

import cv2
import numpy as np
import pytest
from page_parts import camera, get, open_response
from samples import make_frame_with_readings, make_reading, make_status
from waiting import wait_for

frames = pytest.importorskip("edge.sinks.page.frames")

TOKEN = "Zm9vYmFyYmF6cXV4Zm9vYmFy"  # noqa: S105  # a made-up token
FFMPEG = which("ffmpeg")

GRAY = np.full((480, 640, 3), 90, np.uint8)


def read_part(response):
    """Read one picture of a stream, up to the boundary behind it."""
    boundary = response.headers.get_boundary().encode()
    while (line := response.readline()).strip() in (b"", b"--" + boundary):
        pass
    assert line.strip() == b"Content-Type: image/jpeg"
    length = int(response.readline().partition(b": ")[2])
    assert response.readline() == b"\r\n"
    image = response.read(length)
    assert response.readline() == b"\r\n"
    assert response.readline().strip() == b"--" + boundary
    return decode(image)


def decode(image):
    picture = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def differs(picture, plain):
    """Return the share of pixels that differ clearly from the plain picture."""
    return (np.abs(picture.astype(int) - plain).max(axis=2) > 40).mean()


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN)
    path.chmod(0o600)
    return str(path)


def test_a_stream_has_each_new_picture(open_page):
    """The pictures follow each other without a request for each."""
    page = open_page()
    with camera(page), open_response(page, "/stream.mjpeg") as response:
        assert response.status == 200
        assert response.headers.get_content_type() == "multipart/x-mixed-replace"
        seen = {int(read_part(response).mean()) for _ in range(6)}
    assert len(seen) > 3


@pytest.mark.parametrize("path", ["/stream.mjpeg", "/snapshot.jpg"])
@pytest.mark.parametrize(("query", "boxes"), [("", True), ("?boxes=1", True), ("?boxes=0", False)])
def test_boxes_are_drawn_unless_they_are_declined(open_page, path, query, boxes):
    """A picture has box, caption and bar of each face, or is the camera's own."""
    page = open_page()
    with camera(page, make_reading("happy"), picture=GRAY), open_response(page, path + query) as response:
        picture = read_part(response) if "stream" in path else decode(response.read())
    assert picture.shape == (480, 640, 3)
    assert (differs(picture, GRAY) > 0.005) == boxes


def test_each_kind_of_picture_is_encoded_once(open_page):
    """Streams with and without boxes, and the page, receive their own pictures at the same time."""
    page = open_page()
    with (
        camera(page, make_reading("happy"), picture=GRAY),
        open_response(page, "/stream.mjpeg") as annotated,
        open_response(page, "/stream.mjpeg?boxes=0") as plain,
    ):
        wait_for(lambda: page._frames.viewers == 2)
        assert differs(read_part(annotated), GRAY) > 0.005
        assert differs(read_part(plain), GRAY) == 0.0
        assert get(page, "/frame?watcher=ann")[0] == 200


@pytest.mark.parametrize("path", ["/stream.mjpeg", "/snapshot.jpg"])
def test_the_token_is_a_password_or_in_the_url(open_page, token_file, path):
    """Home Assistant and players know Basic authentication and URLs, but neither cookies nor forms."""
    page = open_page(token_file=token_file)

    def basic(password):
        return {"Authorization": "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()}

    def status(query="", **headers):
        with open_response(page, path + query, **headers) as response:
            return response.status, response.headers

    with camera(page):
        for query, headers in ((f"?token={TOKEN}", {}), ("", basic(TOKEN)), ("", {"Authorization": f"Bearer {TOKEN}"})):
            code, answer = status(query, **headers)
            assert code == 200
            assert "Set-Cookie" not in answer
        refused = [
            ("", {}),
            ("?token=", {}),
            ("?token=guess", {}),
            ("", basic("guess")),
            ("?token=guess", basic(TOKEN)),
        ]
        for query, headers in refused:
            code, answer = status(query, **headers)
            assert (code, answer["WWW-Authenticate"]) == (401, 'Basic realm="edge-emotion", charset="UTF-8"')


def test_basic_authentication_opens_nothing_else(open_page, token_file):
    """A browser would send the password with every later request by itself, also to the page's other paths."""
    page = open_page(token_file=token_file)
    login = {"Authorization": "Basic " + base64.b64encode(f"x:{TOKEN}".encode()).decode()}
    for path in ("/", "/status", "/events", "/frame?watcher=ann", "/snapshot.jpg/", "/stream.mjpeg/x"):
        assert get(page, path, **login)[0] == 401


@pytest.mark.parametrize("path", ["/stream.mjpeg", "/snapshot.jpg"])
def test_other_sites_may_not_show_the_picture(open_page, path):
    """An image tag on another site is refused, as for all other paths."""
    page = open_page()
    cross = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    assert get(page, path, **cross)[0] == 403
    assert get(page, path, Host="evil.example")[0] == 403


@pytest.mark.parametrize("path", ["/stream.mjpeg", "/snapshot.jpg"])
@pytest.mark.parametrize(
    ("picture", "query", "code"),
    [
        ("counts", "", 403),
        ("counts", "?boxes=0", 403),
        ("boxes", "?boxes=0", 403),
        ("boxes", "", 200),
        ("blur", "", 200),
    ],
)
def test_the_privacy_settings_hold(open_page, path, picture, query, code):
    """Without a picture there are boxes on black, or nothing at all; the reason is in the response."""
    page = open_page(picture=picture)
    noise = np.random.default_rng(3).integers(0, 256, (480, 640, 3), np.uint8)
    with camera(page, make_reading("happy"), picture=noise), open_response(page, path + query) as response:
        assert response.status == code
        if code == 403:
            assert b"The privacy settings allow" in response.read()
            return
        image = read_part(response) if "stream" in path else decode(response.read())
    corner = image[:120, :160].astype(int)  # away from the face
    if picture == "boxes":
        assert corner.max() < 16
        assert image.max() > 128, "the box is there"
    else:
        assert corner.std() < noise.std() / 4, "no detail is left"


def test_streams_and_pictures_take_viewer_places(open_page):
    """All viewers together are limited; a stream's place is free when it ends."""
    page = open_page(watchers=1)
    with camera(page):
        with open_response(page, "/stream.mjpeg") as stream:
            read_part(stream)
            assert page.note == f"{page.address}, 1 watching"
            for path in ("/stream.mjpeg", "/snapshot.jpg", "/frame?watcher=ann"):
                status, headers, text = get(page, path)
                assert (status, headers["Retry-After"]) == (503, "5")
                assert b"viewer places are in use" in text
        wait_for(lambda: not page._frames.viewers)
        assert get(page, "/snapshot.jpg")[0] == 200
        assert get(page, "/snapshot.jpg")[0] == 200, "a single picture keeps no place"


@pytest.mark.parametrize("path", ["/stream.mjpeg", "/snapshot.jpg"])
def test_a_head_request_takes_no_place(open_page, path):
    """A program that only looks whether there is a picture does not keep others from seeing it."""
    page = open_page(watchers=1)
    with camera(page):
        assert get(page, path, method="HEAD")[0] == 200
        wait_for(lambda: not page._frames.viewers)


def test_a_stream_keeps_its_place_while_there_are_no_frames(open_page, monkeypatch):
    """A lost camera does not let more programs watch than are allowed once it is back."""
    monkeypatch.setattr(frames, "LEASE_S", 0.0)
    page = open_page(watchers=1, status=lambda: make_status(state="camera lost", faces=None))
    with open_response(page, "/stream.mjpeg") as stream:
        read_part(stream)
        read_part(stream)
        assert get(page, "/frame?watcher=ann")[0] == 503


def test_a_lost_camera_is_shown_as_such(open_page):
    """The last picture would look current: a stream shows the state instead, and there is no single picture."""
    now = {}
    page = open_page(status=lambda: make_status(**now))
    with open_response(page, "/stream.mjpeg") as stream:
        with camera(page, picture=np.full((480, 640, 3), 200, np.uint8)):
            assert read_part(stream).mean() > 150
        now.update(state="camera lost", camera_error="unplugged", faces=None)
        while (notice := read_part(stream)).mean() > 150:
            pass
        assert notice.mean() < 60
        assert notice.max() > 200, "with a text"
        now.clear()
        with camera(page, picture=np.full((480, 640, 3), 200, np.uint8)):
            while read_part(stream).mean() < 150:
                pass


def test_without_a_picture_a_snapshot_is_refused(open_page, monkeypatch):
    """A program that shows pictures then knows that there is none."""
    monkeypatch.setattr("edge.sinks.page.stream.SNAPSHOT_WAIT_S", 0.1)
    page = open_page(status=lambda: make_status(state="camera lost"))
    status, headers, text = get(page, "/snapshot.jpg")
    assert (status, headers["Retry-After"]) == (503, "5")
    assert text == b"The camera delivers no picture: camera lost.\n"


def test_a_snapshot_shows_the_state_on_request(open_page, monkeypatch):
    """Home Assistant's generic camera keeps its last picture after any error: with `notice=1` it gets a new one."""
    monkeypatch.setattr("edge.sinks.page.stream.SNAPSHOT_WAIT_S", 0.1)
    now = {"state": "camera lost"}
    page = open_page(status=lambda: make_status(**now))
    status, headers, image = get(page, "/snapshot.jpg?notice=1")
    assert (status, headers.get_content_type()) == (200, "image/jpeg")
    assert decode(image).mean() < 60
    assert decode(image).max() > 200, "with a text"
    now.clear()
    assert get(page, "/snapshot.jpg?notice=1")[0] == 503, "a camera that works has only been slow"
    with camera(page, picture=np.full((480, 640, 3), 200, np.uint8)):
        assert decode(get(page, "/snapshot.jpg?notice=1")[2]).mean() > 150


def test_a_client_that_leaves_frees_its_place_without_a_frame(open_page):
    """A client that has disconnected is noticed even while there is nothing to send."""
    page = open_page()
    with open_response(page, "/stream.mjpeg") as stream:
        assert stream.status == 200
        wait_for(lambda: page._frames.viewers == 1)
    wait_for(lambda: page._frames.viewers == 0)


def test_a_slow_viewer_gets_fewer_pictures_never_old_ones(open_page):
    """What a slow viewer has not taken is dropped: when it reads again, it sees the present after a few pictures."""
    page = open_page(fps=60.0, quality=95)
    noise = np.random.default_rng(3).integers(0, 200, (480, 640, 3), np.uint8)  # large JPEGs, which fill the buffers
    old, new = noise, noise // 4 + 190
    with open_response(page, "/stream.mjpeg?boxes=0", receive_bytes=1 << 16) as stream:
        with camera(page, picture=old) as source:
            read_part(stream)
            source.wait_for_frames(100)
        with camera(page, picture=new):
            count = 0
            while read_part(stream).mean() < 150:
                count += 1
    assert count < 6


def test_closing_does_not_wait_for_a_stream(open_page):
    """Closing the page ends an open stream at once, with frames and without."""
    page = open_page()
    with open_response(page, "/stream.mjpeg") as stream:
        with camera(page):
            read_part(stream)
        began_s = time.monotonic()
        page.close()
        assert time.monotonic() - began_s < 10.0


def test_opencv_plays_the_stream(open_page):
    """FFmpeg's library, which ffplay, VLC's fallback and Home Assistant use, opens it and decodes the pictures."""
    page = open_page()
    with camera(page):
        video = cv2.VideoCapture(f"{page.address}/stream.mjpeg", cv2.CAP_FFMPEG)
        try:
            levels = set()
            for _ in range(5):
                is_read, picture = video.read()
                assert is_read
                levels.add(int(picture.mean()))
        finally:
            video.release()
    assert len(levels) > 2


@pytest.mark.skipif(FFMPEG is None, reason="ffmpeg is not installed")
def test_ffmpeg_plays_the_stream(open_page, token_file):
    """With the token as a password, as ffplay gets it."""
    page = open_page(token_file=token_file)
    url = page.address.replace("http://", f"http://x:{TOKEN}@") + "/stream.mjpeg"
    with camera(page):
        command = [FFMPEG, "-v", "error", "-i", url, "-frames:v", "5", "-f", "null", "-"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603  # fixed
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_page_serves_streams_to_all_places(open_page):
    """Each place has a server thread of its own, and others are left for the page itself."""
    page = open_page(watchers=3)
    counts = []

    def watch():
        with open_response(page, "/stream.mjpeg") as stream:
            for _ in range(5):
                read_part(stream)
        counts.append(5)

    with camera(page):
        threads = [threading.Thread(target=watch) for _ in range(3)]
        for thread in threads:
            thread.start()
        assert get(page, "/")[0] == 200
        for thread in threads:
            thread.join()
    assert counts == [5, 5, 5]


def test_a_frame_put_between_is_the_one_that_is_shown(open_page):
    """A snapshot shows a frame that was captured after the request."""
    page = open_page()
    page.write(make_frame_with_readings(picture=GRAY))
    result = []
    thread = threading.Thread(target=lambda: result.append(get(page, "/snapshot.jpg?boxes=0")[2]))
    thread.start()
    wait_for(lambda: page._frames.viewers)
    page.write(make_frame_with_readings(picture=GRAY + 100))
    thread.join()
    assert decode(result[0]).mean() == pytest.approx(190, abs=2)
