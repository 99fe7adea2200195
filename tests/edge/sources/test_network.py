"""Network cameras: the newest frame, time-outs, errors and reopening, with real servers on 127.0.0.1."""

import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from mjpeg_server import HEADERS, MjpegServer, damaged_jpegs, jpeg
from ports import free_port
from waiting import LIMIT_S, wait_for

from edge.device.secret_files import SOURCE_CREDENTIALS
from edge.device.state import RotationMemory
from edge.errors import CameraAbsentError, CameraError, ConfigError
from edge.settings.schema import SourceSettings
from edge.sources.content import UnreadableContentError
from edge.sources.network import NetworkCamera
from edge.sources.open import new_mounting, open_camera, open_source
from edge.sources.reopen import ReopeningSource
from edge.sources.stream import NetworkStream, _open, has_gstreamer
from edge.sources.video import VideoSource

PATIENT = {"open_timeout_s": LIMIT_S, "stall_timeout_s": LIMIT_S}
SYSTEM_PYTHON = "/usr/bin/python3"
GRAY = jpeg(120)


@pytest.fixture
def serve():
    """Start HTTP cameras, on a free port or a given one."""
    servers = []

    def start(port=None, **options):
        servers.append(MjpegServer(port or free_port(), **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def open_from():
    """Open a source while its server shows a picture; return the source, and what ends the picture."""
    ends, opened = [], []

    def start(server, *, picture=GRAY, color=False, **settings):
        ends.append(server.show_always(picture))
        source = open_source(SourceSettings(use=server.url, **(PATIENT | settings)), color=color)
        opened.append(source)
        return source, ends[-1]

    yield start
    for source in opened:
        source.close()
    for end in ends:
        end()


def error_of(use, **settings):
    """Return the error with which opening fails."""
    with pytest.raises(CameraError) as caught:
        open_source(SourceSettings(use=use, **(PATIENT | settings)))
    return caught.value


def decoder_of(source):
    return source._decoder._process.pid


def test_an_http_camera_is_a_live_camera(serve, open_from):
    """Frames have the server's size and level, color only if requested, and the address as their source's name."""
    server = serve()
    source, end = open_from(server, color=True)
    frame = source.read()
    assert (source.name, source.live, source.is_camera) == (server.url, True, True)
    assert (frame.source, frame.gray.shape, frame.color.shape) == (server.url, (48, 64), (48, 64, 3))
    assert abs(int(frame.gray.mean()) - 120) <= 2
    assert not frame.gray.flags.writeable
    end()
    source, _ = open_from(server)
    assert source.read().color is None


def test_late_frames_are_dropped(serve, open_from):
    """Of twenty frames that arrive before the next read, one of the newest is read, and the index counts all.

    Each is larger than what the decoder's library reads ahead.
    """
    noise = np.random.default_rng(0).integers(0, 64, (400, 400), np.uint8)
    large = [cv2.imencode(".jpg", noise + 8 * number)[1].tobytes() for number in range(21)]
    server = serve()
    source, end = open_from(server, picture=large[0])
    before = source.read().index
    end()
    for picture in large[1:]:
        server.show(picture)
    server.await_read()
    end = server.show_always(large[-1])
    newest = source.read()
    end()
    assert newest.gray.mean() > 8 * 17 + 32
    assert newest.index - before >= 17


def test_a_stream_keeps_only_the_newest_frame(monkeypatch):
    """A frame that was skipped is never returned once a newer one has been grabbed; each is returned once."""
    monkeypatch.setattr("edge.sources.stream._open", lambda *_, **__: FakeCapture(6))
    stream = NetworkStream("", is_pipeline=True, timeout_s=1.0, color=False, max_pixels=10_000, take_messages=list)
    stream.skip()
    stream.skip()
    pictures = [stream.read() for _ in range(2)]
    assert [int(picture.gray[0, 0]) for picture in pictures] == [2, 3]
    assert [picture.number for picture in pictures] == [1, 2]
    for _ in range(4):
        stream.skip()
    assert stream.has_ended
    with pytest.raises(UnreadableContentError, match="end of the stream"):
        stream.read()


class FakeCapture:
    """A capture whose frame n is gray of level n, counted from 1."""

    def __init__(self, frames):
        self._frames, self._number = frames, 0

    def isOpened(self):  # noqa: N802  # OpenCV's name
        return True

    def get(self, _property):
        return 0.0

    def grab(self):
        self._number += 1
        return self._number <= self._frames

    def retrieve(self):
        return True, np.full((20, 20, 3), self._number, np.uint8)


@pytest.mark.parametrize("ends", [False, True], ids=["silence", "end"])
def test_a_stream_that_stops_is_an_error(serve, open_from, ends):
    """A server that stays connected and sends nothing more, and one that closes the connection."""
    server = serve()
    source, end = open_from(server, stall_timeout_s=1.0)
    end()
    if ends:
        server.close()
    with pytest.raises(CameraError, match="the end of the stream" if ends else "expected a frame within 1 s"):
        list(iter(source.read, None))


def test_with_reopen_a_server_may_go_away_and_come_back(serve, in_thread):
    """Absent at the start, there, gone, there again: the frames go on, the index counts on, the state says why."""
    port = free_port()
    settings = SourceSettings(use=f"http://127.0.0.1:{port}/video?channel=1", reopen=True, **PATIENT)
    source = open_source(settings)
    assert isinstance(source, ReopeningSource)
    reader = in_thread(source.read)
    wait_for(lambda: "Connection refused" in source.state.error)
    server = serve(port)
    end = server.show_always(GRAY)
    first = reader()
    end()
    server.close()
    reader = in_thread(lambda: next(frame for frame in iter(source.read, None) if frame.opening == 1))
    wait_for(lambda: source.state.error)
    end = serve(port).show_always(GRAY)
    second = reader()
    end()
    assert (first.opening, second.opening) == (0, 1)
    assert second.index > first.index
    assert source.state.error == ""
    source.close()


def test_with_reopen_a_camera_whose_decoder_crashes_is_opened_again(serve, in_thread):
    """Whatever a stream makes the decoder do, it counts as a camera that failed."""
    server = serve()
    source = open_source(SourceSettings(use=server.url, reopen=True, **PATIENT))
    end = server.show_always(GRAY)
    source.read()
    os.kill(decoder_of(source._camera), signal.SIGSEGV)
    reader = in_thread(lambda: next(frame for frame in iter(source.read, None) if frame.opening == 1))
    wait_for(lambda: "the decoder has crashed (SIGSEGV)" in source.state.error)
    reader()
    assert source.state.reopens == 1
    source.close()
    end()


@pytest.mark.parametrize("headers", [b"", HEADERS], ids=["no reply", "no picture"])
def test_a_server_that_sends_nothing_is_given_up(serve, headers):
    """After the opening time-out one line names the address."""
    server = serve(headers=headers)
    error = error_of(server.url, open_timeout_s=1.0)
    assert str(error) == f"{server.url}: expected a stream, found no stream within 1 s: does the camera send one?"
    assert not isinstance(error, CameraAbsentError)


def test_garbage_is_no_stream(serve, in_thread):
    """Bytes that are no video end in one line, before the first frame and after it."""
    server = serve(headers=b"HTTP/1.1 200 OK\r\n\r\n" + bytes(range(256)) * 20)
    opening = in_thread(lambda: error_of(server.url))
    server.await_client()
    server.close()
    assert (
        str(opening()) == f"{server.url}: expected a stream, found content that FFmpeg cannot play: check the address"
    )


DAMAGED = {"garbage": b"garbage" * 30, "no end": jpeg(200)[:-40], **damaged_jpegs()}


@pytest.mark.parametrize("damaged", DAMAGED.values(), ids=DAMAGED)
def test_damaged_pictures_in_a_motion_jpeg_are_left_out_with_a_count(serve, open_from, caplog, damaged):
    """Each shown frame is one that was sent as it is, and a warning says why others are not; the warnings thin out."""
    server = serve()
    source, end = open_from(server)
    end()
    end = server.show_always(damaged, jpeg(240))
    grays = [source.read().gray for _ in range(20)]
    end()
    assert max(np.ptp(gray) for gray in grays) <= 2
    assert {round(gray.mean() / 120) for gray in grays} == {1, 2}
    assert caplog.messages[0].startswith(f"{source.name}: expected a whole picture, found ")
    assert re.search(r"left out \(\d+ so far\)$", caplog.messages[0])
    assert len(caplog.messages) <= 8


def test_the_size_may_change_in_a_motion_jpeg(serve, open_from):
    """A camera that is set to another size goes on without a break."""
    server = serve()
    source, end = open_from(server)
    source.read()
    end()
    end = server.show_always(jpeg(60, size=(160, 120)))
    shape = source.read().gray.shape
    while shape != (120, 160):
        assert shape == (48, 64)
        shape = source.read().gray.shape
    end()


def test_a_large_stream_is_shrunk(serve, open_from):
    """Frames beyond `max_megapixels` are shrunk to it."""
    source, _ = open_from(serve(), picture=jpeg(90, size=(640, 480)), max_megapixels=0.1)
    assert source.read().gray.size <= 100_000


def test_an_absent_camera_is_named():
    """A name that cannot be resolved, and a port that nobody listens on: there is no camera, and the line says why."""
    for use, reason in (
        ("http://camera.invalid/video", "a name that cannot be resolved, camera.invalid: check the name"),
        (f"tcp://127.0.0.1:{free_port()}", "Connection refused: is the camera on"),
        (f"rtsp://127.0.0.1:{free_port()}/stream", "Connection refused: is the camera on"),
    ):
        error = error_of(use)
        assert isinstance(error, CameraAbsentError)
        assert reason in str(error)


def test_the_decoder_lives_on_while_a_camera_is_absent():
    """Looking for a camera every two seconds starts no process each time, and `close` ends the process."""
    use = f"http://127.0.0.1:{free_port()}/video"
    settings = SourceSettings(use=use, reopen=True, **PATIENT)
    source = open_source(settings)
    camera = source._abort.__self__
    processes = []
    for _ in range(2):
        with pytest.raises(CameraAbsentError):
            camera.open()
        processes.append(camera._decoder._process)
    assert processes[0] is processes[1]
    source.close()
    assert processes[0].poll() is not None


def test_closing_ends_an_opening(serve, in_thread):
    """A run stops at once while a server keeps it waiting."""
    server = serve(headers=b"")
    source = open_source(SourceSettings(use=server.url, reopen=True, **PATIENT))
    reader = in_thread(source.read)
    server.await_client()
    source.close()
    assert reader() is None


@pytest.mark.parametrize("place", ["url", "file", "environment", "credential"])
def test_user_and_password_may_come_from_several_places(serve, open_from, monkeypatch, tmp_path, place):
    """In the URL, a file, the environment or the unit's credential; and no name shows them."""
    server = serve(secret="admin:p@ss/w:rd")  # noqa: S106  # of the test's own server
    (tmp_path / "camera-credentials").write_text("admin:p@ss/w:rd\n")
    (tmp_path / "camera-credentials").chmod(0o600)
    settings = {}
    plain = server.url
    if place == "url":
        server.url = plain.replace("://", "://admin:p%40ss%2Fw%3Ard@")
    elif place == "file":
        settings["credentials_file"] = str(tmp_path / "camera-credentials")
    elif place == "environment":
        monkeypatch.setenv(SOURCE_CREDENTIALS, "admin:p@ss/w:rd")
    else:
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    source, _ = open_from(server, **settings)
    name = plain.replace("://", "://***@") if place == "url" else plain
    assert (source.name, source.read().source) == (name, name)


def test_a_wrong_password_is_one_line(serve):
    """The line says that the camera refuses it, and shows neither user nor password."""
    server = serve(secret="admin:right")  # noqa: S106  # of the test's own server
    error = error_of(server.url.replace("://", "://operator:wrong@"))
    assert not isinstance(error, CameraAbsentError)
    assert str(error) == (
        f"{server.url.replace('://', '://***@')}: expected a stream, found 401 Unauthorized: the camera refuses user "
        "and password: give those that it knows in source.credentials_file"
    )


def test_a_network_camera_that_fails_is_tried_without_an_end(serve, monkeypatch):
    """Its decoder is a new process each time, so that nothing leaks in this one; the back-off grows to 30 s."""
    server = serve(secret="admin:right")  # noqa: S106  # of the test's own server
    source = open_source(SourceSettings(use=server.url, reopen=True, **PATIENT))
    waits = []

    class Waits:
        def is_set(self):
            return len(waits) == 25

        def wait(self, seconds):
            waits.append(seconds)

    monkeypatch.setattr(source, "_closed", Waits())
    monkeypatch.setattr(source, "_open_camera", lambda: (_ for _ in ()).throw(CameraError("401")))
    assert source.read() is None
    assert waits[:6] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0]


def test_the_rotation_of_a_network_camera_is_remembered(tmp_path):
    """By its address without the password."""
    RotationMemory(tmp_path).store("rtsp://***@127.0.0.1:1/a", 90)
    settings = SourceSettings(use="rtsp://u:p@127.0.0.1:1/a", reopen=True)
    mounting = new_mounting(settings, tmp_path)
    open_source(settings, mounting=mounting)
    assert (mounting.rotation, mounting.is_automatic) == (90, True)


@pytest.fixture
def playlist(tmp_path):
    """A playlist that names a video of this machine."""
    path = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (64, 48))
    for _ in range(30):
        writer.write(np.full((48, 64, 3), 90, np.uint8))
    writer.release()
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{path}\n#EXT-X-ENDLIST\n".encode()


def test_a_playlist_cannot_open_files_of_this_machine(serve, playlist):
    """One that an HTTP server sends plays nothing."""
    reply = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.apple.mpegurl\r\nContent-Length: %d\r\n\r\n%b"
    server = serve(headers=reply % (len(playlist), playlist))
    server.url = server.url.replace("/video", "/video.m3u8")
    assert "cannot play" in str(error_of(server.url))
    assert server.requests


def test_a_playlist_over_tcp_cannot_open_files_of_this_machine(playlist, in_thread):
    """Nor does one that comes without HTTP, where OpenCV 4.11 opens the file before the stream is refused."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve_playlist():
            connection, _ = listener.accept()
            with connection:
                connection.sendall(playlist)

        served = in_thread(serve_playlist)
        error = error_of(f"tcp://127.0.0.1:{listener.getsockname()[1]}")
        served()
    assert re.search("a playlist that names a file of this machine|cannot play", str(error))


def test_a_lost_packet_does_not_end_a_udp_stream(monkeypatch):
    """FFmpeg gets that as part of the address, since one version of OpenCV ignores all other ways."""
    opened = []
    monkeypatch.setattr("cv2.VideoCapture", lambda location, *_: opened.append(location))
    for location in ("udp://@239.0.0.1:5000", "udp://:5000?fifo_size=9", "rtsp://a/b"):
        _open(location, is_pipeline=False, timeout_s=1.0)
    assert opened == [
        "udp://@239.0.0.1:5000?overrun_nonfatal=1",
        "udp://:5000?fifo_size=9&overrun_nonfatal=1",
        "rtsp://a/b",
    ]


def test_a_pipeline_needs_an_opencv_with_gstreamer(monkeypatch):
    """Without it one line says so; with it the pipeline goes to the decoder, and no password is shown."""
    settings = SourceSettings(use="gst:rtspsrc location=rtsp://c/ user-id=admin user-pw=secret ! appsink")
    monkeypatch.setattr("edge.sources.network.has_gstreamer", lambda: False)
    with pytest.raises(ConfigError, match="expected an OpenCV with GStreamer for gst:, found one without"):
        open_camera(settings)
    monkeypatch.setattr("edge.sources.network.has_gstreamer", lambda: True)
    source = open_source(SourceSettings(use=settings.use, reopen=True))
    assert source.name == "gst:rtspsrc location=rtsp://c/ user-id=*** user-pw=*** ! appsink"
    source.close()


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((20, 30, 3), np.uint8), ((20, 30, 4), np.uint8), ((20, 30), np.uint8)],
    ids=["BGR", "BGRx", "gray"],
)
def test_what_a_pipeline_ends_in_becomes_a_picture(shape, dtype):
    """BGR with or without a fourth byte, and gray."""
    assert read_pipeline(np.full(shape, 90, dtype)).color.shape == (20, 30, 3)


def test_a_pipeline_may_end_in_jpegs():
    """They are decoded like those of an HTTP camera."""
    content = np.frombuffer(jpeg(90, size=(30, 20)), np.uint8).reshape(1, -1)
    assert read_pipeline(content).color.shape == (20, 30, 3)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((30, 30), np.uint8), ((20, 30, 2), np.uint8), ((20, 30), np.uint16), ((20, 30, 3), np.float32)],
    ids=["I420 and NV12", "YUY2", "GRAY16", "float"],
)
def test_no_other_layout_is_taken_for_a_picture(shape, dtype):
    """Planes of color are no lower part of the picture, and two bytes no pixel; one line says what to add."""
    with pytest.raises(UnreadableContentError, match="put videoconvert ! video/x-raw,format=BGR before appsink"):
        read_pipeline(np.full(shape, 90, dtype))


def read_pipeline(image):
    """Return the picture that a stream makes of what OpenCV delivers for a picture of 30x20 px."""

    class Capture(FakeCapture):
        def get(self, name):
            return 20.0 if name == cv2.CAP_PROP_FRAME_HEIGHT else 0.0

        def retrieve(self):
            return True, image

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge.sources.stream._open", lambda *_, **__: Capture(9))
        return NetworkStream(
            "", is_pipeline=True, timeout_s=1.0, color=True, max_pixels=10_000, take_messages=list
        ).read()


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (
            "warning: playback halted; module filesrc0 reported: Resource not found.",
            "Resource not found",
        ),
        ("warning: Error opening bin: syntax error", "syntax error"),
        ("warning: cannot find appsink in manual pipeline", "an unknown element, or no appsink"),
    ],
)
def test_a_broken_pipeline_is_one_line_with_the_cause(monkeypatch, message, cause):
    """Of what OpenCV prints about GStreamer the line has the cause."""
    monkeypatch.setattr("edge.sources.stream._open", lambda *_, **__: cv2.VideoCapture())
    messages = [f"[ WARN:0@0.7] global cap_gstreamer.cpp:1 open OpenCV | GStreamer {message}", "GStreamer: not created"]
    with pytest.raises(UnreadableContentError, match=re.escape(f"cannot start ({cause}): try it with gst-launch-1.0")):
        NetworkStream("", is_pipeline=True, timeout_s=1.0, color=False, max_pixels=9, take_messages=lambda: messages)


@pytest.mark.slow
@pytest.mark.skipif(not has_gstreamer(), reason="this OpenCV has no GStreamer: Debian's python3-opencv has it")
def test_gstreamer_runs_a_pipeline():
    """Pictures come in the format that the pipeline ends in; its end and its faults are one line each."""
    end = "video/x-raw,format={},width=160,height=120 ! {}appsink drop=true max-buffers=1"
    for formats in (("BGR", ""), ("GRAY8", ""), ("BGRx", ""), ("I420", "jpegenc ! ")):
        source = open_source(SourceSettings(use=f"gst:videotestsrc is-live=true ! {end.format(*formats)}", **PATIENT))
        assert [source.read().gray.shape for _ in range(3)] == [(120, 160)] * 3
        source.close()
    source = open_source(SourceSettings(use=f"gst:videotestsrc num-buffers=50 ! {end.format('BGR', '')}", **PATIENT))
    with pytest.raises(CameraError, match="found the end of the stream"):
        list(iter(source.read, None))
    source.close()
    for use, found in (
        (f"videotestsrc is-live=true ! {end.format('I420', '')}", "neither BGR nor GRAY8"),
        ("filesrc location=/gone ! decodebin ! videoconvert ! appsink", r"cannot start \(Resource not found\)"),
        ("videotestsrc ! !", r"cannot start \(syntax error\)"),
        ("nonsense ! appsink", "an unknown element, or no appsink"),
    ):
        with pytest.raises(CameraError, match=found):
            open_source(SourceSettings(use=f"gst:{use}", **PATIENT))


def ffmpeg(*output):
    """Start ffmpeg with a drawn picture in H.264 as its input."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed: sudo make setup-system")
    picture = ["-re", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=25"]
    codec = ["-c:v", "mpeg4", "-g", "5", "-f", "mpegts"]
    return subprocess.Popen(  # noqa: S603  # the system's own tool
        ["ffmpeg", "-v", "error", *picture, *codec, *output],  # noqa: S607
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_other_streams_are_read(scheme):
    """MPEG transport streams from FFmpeg, over TCP and UDP."""
    port = free_port()
    process = ffmpeg(f"{scheme}://127.0.0.1:{port}" + ("?listen=1" if scheme == "tcp" else ""))
    settings = SourceSettings(use=f"{scheme}://127.0.0.1:{port}", reopen=True, **PATIENT)
    source = open_source(settings)  # waits until ffmpeg listens
    try:
        frames = [source.read() for _ in range(3)]
        assert [frame.gray.shape for frame in frames] == [(120, 160)] * 3
    finally:
        source.close()
        process.kill()
        process.wait()


def encode(path, *codec, seconds=4):
    """Write an MPEG transport stream of a drawn film with ffmpeg; return its content."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed: sudo make setup-system")
    film = ["-f", "lavfi", "-i", f"testsrc2=size=320x240:rate=25:duration={seconds}", "-pix_fmt", "yuv420p"]
    subprocess.run(  # noqa: S603  # the system's own tool
        ["ffmpeg", "-v", "error", *film, *codec, "-g", "25", "-f", "mpegts", str(path)],  # noqa: S607
        check=True,
    )
    return path.read_bytes()


def without_packets(content, *places):
    """Return a transport stream without the packets at these shares of its length."""
    packets = [content[at : at + 188] for at in range(0, len(content), 188)]
    lost = {int(place * len(packets)) for place in places}
    return b"".join(packet for number, packet in enumerate(packets) if number not in lost)


@pytest.mark.slow
@pytest.mark.parametrize(
    "codec", [["libx264", "-bf", "0"], ["libx264", "-bf", "2"], ["mpeg4"], ["mpeg2video"]], ids=str
)
def test_frames_that_lost_data_are_left_out_with_a_count(tmp_path, caplog, in_thread, codec):
    """No frame is shown in which a lost packet leaves its mark, nor one that builds on such a frame."""
    whole = encode(tmp_path / "film.ts", "-c:v", *codec)
    frames = list(iter(VideoSource(tmp_path / "film.ts").read, None))
    small = [cv2.resize(frame.gray, (80, 60)).astype(int) for frame in frames]
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve_once():
            connection, _ = listener.accept()
            with connection:
                connection.sendall(without_packets(whole, 0.4, 0.55, 0.57))

        served = in_thread(serve_once)
        source = open_source(SourceSettings(use=f"tcp://127.0.0.1:{listener.getsockname()[1]}", **PATIENT))
        shown = []
        with pytest.raises(CameraError, match="end of the stream"):
            shown.extend(iter(source.read, None))
        served()
    source.close()
    for frame in shown:
        pixels = cv2.resize(frame.gray, (80, 60)).astype(int)
        assert min(np.abs(pixels - other).max() for other in small) < 25, frame.index
    assert re.search(
        r"expected a whole picture, found one that is damaged \(.+\): left out \(\d+ so far\)", caplog.text
    )


@pytest.mark.parametrize(
    ("messages", "key_at", "left_out"),
    [
        ({2: "error while decoding MB 1 2"}, 9, {2, 3, 4, 5, 6, 7, 8}),
        (
            {2: "Packet corrupt (stream = 0, dts = 1)."},
            3,
            {2, 3, 4, *range(5, 12)},
        ),  # the key frame may be damaged itself
        ({2: "ac-tex damaged at 1 2", 6: "Error at MB: 4"}, 9, {*range(2, 9)}),
        ({2: "deprecated pixel format used"}, 9, set()),
    ],
)
def test_frames_are_whole_again_from_a_key_frame_on(monkeypatch, messages, key_at, left_out):
    """A message about damage may be about the grabbed frame or one of the next two; those after them build on it."""
    grabbed = []

    class Capture(FakeCapture):
        def get(self, name):
            is_type = name == getattr(cv2, "CAP_PROP_FRAME_TYPE", None)
            return float(ord("I" if len(grabbed) - 1 == key_at else "P")) if is_type else 0.0

        def grab(self):
            grabbed.append(messages.get(len(grabbed), ""))
            return super().grab()

    monkeypatch.setattr("edge.sources.stream._open", lambda *_, **__: Capture(12))
    stream = NetworkStream(
        "", is_pipeline=True, timeout_s=1.0, color=False, max_pixels=10_000, take_messages=lambda: grabbed[-1:]
    )
    shown = []
    with pytest.raises(UnreadableContentError, match="end of the stream"):
        shown.extend(iter(lambda: stream.read().number, None))
    assert shown == sorted(set(range(12)) - left_out)


@pytest.mark.slow
def test_a_video_stream_that_changes_its_size_is_opened_again(tmp_path, in_thread):
    """Frames of the new size come, if need be after a reopen: OpenCV may crash where the size changes."""
    sizes = ("160x120", "320x240")
    for size in sizes:
        command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc=size={size}:rate=25:duration=4"]
        if shutil.which("ffmpeg") is None:
            pytest.skip("ffmpeg is not installed: sudo make setup-system")
        subprocess.run(  # noqa: S603  # the system's own tool
            [*command, "-c:v", "mpeg4", "-g", "5", "-f", "mpegts", str(tmp_path / size)], check=True
        )
    small, large = ((tmp_path / size).read_bytes() for size in sizes)
    listener = socket.create_server(("127.0.0.1", 0))
    hold = threading.Event()

    def serve_both():
        contents = small + large * 4
        while not hold.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.sendall(contents)
                    hold.wait(0.5)
                except OSError:
                    pass
            contents = large * 4

    threading.Thread(target=serve_both, daemon=True).start()
    port = listener.getsockname()[1]
    source = open_source(SourceSettings(use=f"tcp://127.0.0.1:{port}", reopen=True, **PATIENT))
    reader = in_thread(lambda: next(f for f in iter(source.read, None) if f.gray.shape == (240, 320)))
    try:
        assert reader().gray.shape == (240, 320)
    finally:
        source.close()
        hold.set()
        listener.close()


@pytest.fixture
def rtsp():
    """Start an RTSP server that asks for a user and a password; return its port."""
    check = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer, Gst; "
    check += "Gst.init(None); assert Gst.ElementFactory.find('jpegenc') and Gst.ElementFactory.find('rtpjpegpay')"
    if (
        not Path(SYSTEM_PYTHON).exists()
        or subprocess.run([SYSTEM_PYTHON, "-c", check], check=False, capture_output=True).returncode  # noqa: S603
    ):
        pytest.skip("there is no RTSP server: sudo make setup-system")
    port = free_port()
    program = Path(__file__).with_name("rtsp_server.py")
    process = subprocess.Popen(  # noqa: S603  # our own program
        [SYSTEM_PYTHON, str(program), str(port), "admin", "p@ss"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout.readline() == b"ready\n"
    yield port
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.slow
def test_an_rtsp_camera_is_read(rtsp):
    """The right password opens the stream; a wrong one, none, and a wrong path are one line each."""
    source = open_source(SourceSettings(use=f"rtsp://admin:p%40ss@127.0.0.1:{rtsp}/stream", **PATIENT))
    assert source.name == f"rtsp://***@127.0.0.1:{rtsp}/stream"
    assert source.read().gray.shape == (120, 160)
    source.close()
    for user in ("admin:wrong@", ""):
        error = error_of(f"rtsp://{user}127.0.0.1:{rtsp}/stream")
        assert "401 Unauthorized: the camera refuses user and password" in str(error)
        assert "wrong" not in str(error)
    assert "404 Not Found: check the path" in str(error_of(f"rtsp://admin:p%40ss@127.0.0.1:{rtsp}/other"))


def test_a_camera_that_was_closed_opens_nothing_more():
    """`close` before an attempt ends the process that it would have started."""
    settings = SourceSettings(use=f"http://127.0.0.1:{free_port()}/", **PATIENT)
    source = open_source(SourceSettings(use=settings.use, reopen=True))
    camera = source._abort.__self__
    assert isinstance(camera, NetworkCamera)
    camera.close()
    with pytest.raises(CameraError):
        camera.open()
    assert camera._decoder is None or camera._decoder._process.poll() is not None
