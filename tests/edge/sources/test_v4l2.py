"""The V4L2 source; a clip and an empty file stand in for the stream and the device."""

import os
import re
import signal

import cv2
import numpy as np
import pytest
from mjpeg_server import damaged_jpegs, jpeg
from waiting import LIMIT_S

from edge.errors import CameraError
from edge.settings.schema import SourceSettings
from edge.sources.v4l2 import V4l2Source, _open_capture, split_channels
from edge.sources.v4l2_devices import Capability

DEFAULTS = SourceSettings()
SHORT_STALL = SourceSettings(stall_timeout_s=0.05)

YUYV = np.zeros((4, 6, 2), dtype=np.uint8)
YUYV[..., 0] = np.arange(24).reshape(4, 6) * 5 + 40
YUYV[..., 1] = 128  # no color


@pytest.mark.parametrize(
    ("image", "gray"),
    [
        (YUYV, YUYV[..., 0]),
        (np.full((4, 6, 3), 77, dtype=np.uint8), np.full((4, 6), 77)),
        (YUYV[..., 0], YUYV[..., 0]),
    ],
    ids=["YUYV", "BGR", "gray"],
)
def test_luma_is_extracted_from_each_layout(image, gray):
    """For YUYV, BGR and gray images, gray is the luma and color is BGR; both are read-only copies of the buffer."""
    image = image.copy()
    luma, no_color = split_channels(image, color=False)
    same_luma, color = split_channels(image, color=True)
    assert no_color is None
    assert np.array_equal(luma, gray)
    assert np.array_equal(same_luma, gray)
    assert color.shape == (4, 6, 3)
    assert np.ptp(color.astype(int), axis=2).max() <= 1  # no color in, no color out
    assert not luma.flags.writeable
    assert not color.flags.writeable
    assert not np.shares_memory(luma, image)


@pytest.fixture
def plug_in(write_clip, tmp_path):
    """Open a source that reads a clip as the camera's stream; its device is a file."""
    device = tmp_path / "video0"
    device.touch()
    opened = []

    def plug_in(settings, *, frames=5):
        clip = write_clip(frames=frames)

        def open_capture(_device, _settings):
            opened.append(cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG))
            return opened[-1]

        return V4l2Source(device, settings, open_capture=open_capture)

    plug_in.device = device
    plug_in.opened = opened
    return plug_in


def test_frames_have_an_index_and_a_time(plug_in):
    """Frames have consecutive indices and the time of their capture, which is also their media time."""
    source = plug_in(DEFAULTS)
    frames = [source.read() for _ in range(5)]
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    assert all(frame.media_time_s == frame.captured_at for frame in frames)
    assert [frame.captured_at for frame in frames] == sorted(frame.captured_at for frame in frames)
    assert not frames[0].gray.flags.writeable
    assert (source.live, source.is_still_images, source.skipped) == (True, False, 0)
    assert source.name == frames[0].source == str(plug_in.device)


def test_an_unplugged_camera_is_an_error_at_once(plug_in):
    """If the device file has vanished, the next read fails without waiting for the stall time-out."""
    source = plug_in(DEFAULTS, frames=1)
    source.read()
    plug_in.device.unlink()
    with pytest.raises(CameraError, match="the camera is gone"):
        source.read()


def test_a_stalled_camera_is_an_error(plug_in):
    """A camera that is plugged in but gives no frame raises an error after `stall_timeout_s`."""
    source = plug_in(SHORT_STALL, frames=1)
    source.read()
    with pytest.raises(CameraError, match=r"expected a frame within 0.05 s, found none"):
        source.read()


def test_a_camera_without_a_first_frame_is_closed_again(plug_in):
    """If the first frame does not come, the constructor fails and closes the capture."""
    with pytest.raises(CameraError, match="found none"):
        plug_in(SHORT_STALL, frames=0)
    assert not plug_in.opened[0].isOpened()


def test_close_wakes_a_waiting_read(plug_in, in_thread):
    """Closing from another thread ends a read on a silent camera; closing twice is allowed."""
    source = plug_in(DEFAULTS, frames=1)
    source.read()
    waiting = in_thread(source.read)
    source.close()
    source.close()
    assert waiting() is None
    assert source.read() is None
    assert not plug_in.opened[0].isOpened()


def test_close_ends_the_stream(plug_in):
    """After `close`, `read` returns None even if a frame was already captured."""
    source = plug_in(DEFAULTS)
    source.close()
    assert source.read() is None


class RawCapture:
    """A capture like OpenCV's without conversion, which gives all bytes of an image in one row; some may be short."""

    fourcc = "YUYV"

    def __init__(self, *lost):
        self._lost = list(lost)

    def read(self):
        return True, YUYV.reshape(1, -1)[:, self._lost.pop(0) if self._lost else 0 :].copy()

    def get(self, name):
        fourcc = cv2.VideoWriter.fourcc(*self.fourcc)
        return float({cv2.CAP_PROP_FRAME_WIDTH: 6, cv2.CAP_PROP_FRAME_HEIGHT: 4, cv2.CAP_PROP_FOURCC: fourcc}[name])

    def release(self):
        pass


class JpegCapture(RawCapture):
    """The same for a camera that sends JPEGs, the last one again and again."""

    fourcc = "MJPG"

    def __init__(self, *jpegs):
        self._jpegs = list(jpegs)

    def read(self):
        content = self._jpegs.pop(0) if len(self._jpegs) > 1 else self._jpegs[0]
        return True, np.frombuffer(content, np.uint8).reshape(1, -1)


def test_unconverted_bytes_are_reshaped(tmp_path):
    """A single row of YUYV bytes, as OpenCV gives it, is reshaped to the image's rows before the luma is extracted."""
    source = V4l2Source(tmp_path / "video0", DEFAULTS, open_capture=lambda *_: RawCapture())
    assert np.array_equal(source.read().gray, YUYV[..., 0])


@pytest.mark.parametrize("lost", [1, 7, 24, 47, 48])
def test_a_short_row_is_left_out_with_a_count(tmp_path, caplog, lost):
    """A row that lacks bytes, as USB cameras deliver it after a lost packet, is no error and no image."""
    device = tmp_path / "video0"
    device.touch()
    source = V4l2Source(device, DEFAULTS, open_capture=lambda *_: RawCapture(0, lost, 0))
    assert [source.read().index for _ in range(2)] == [0, 1]
    assert f"found {48 - lost}: left out (1 so far)" in caplog.text


def test_a_camera_that_gives_only_short_rows_is_an_error(tmp_path):
    """After `stall_timeout_s` without a complete image the camera has failed."""
    device = tmp_path / "video0"
    device.touch()
    with pytest.raises(CameraError, match="found none"):
        V4l2Source(device, SHORT_STALL, open_capture=lambda *_: RawCapture(*[5] * 1000))


@pytest.mark.parametrize("kind", [ValueError, cv2.error, OSError])
def test_a_capture_that_fails_while_it_is_opened_is_closed(tmp_path, kind):
    """Whatever the first read raises, the capture is released, so that the next attempt finds the device free."""
    released = []

    class Broken(RawCapture):
        def read(self):
            raise kind("the driver failed")

        def release(self):
            released.append(True)

    with pytest.raises(kind):
        V4l2Source(tmp_path / "video0", DEFAULTS, open_capture=lambda *_: Broken())
    assert released == [True]


@pytest.fixture
def plug_in_jpegs(tmp_path):
    """Open a source whose camera sends these JPEGs, the last one again and again."""
    device = tmp_path / "video0"
    device.touch()
    opened = []

    def plug_in(*jpegs, settings=DEFAULTS, color=False, fourcc="MJPG"):
        capture = JpegCapture(*jpegs)
        capture.fourcc = fourcc
        opened.append(V4l2Source(device, settings, color=color, open_capture=lambda *_: capture))
        return opened[-1]

    yield plug_in
    for source in opened:
        source.close()


def process_of(source):
    return source._decoder._process._process


@pytest.mark.parametrize("fourcc", ["MJPG", "JPEG"])
def test_the_jpegs_of_a_camera_are_decoded(plug_in_jpegs, fourcc):
    """Each may have another size; color is decoded only if requested, and the process ends with the source."""
    small, large = jpeg(90), jpeg(200, size=(160, 120))
    source = plug_in_jpegs(small, large, fourcc=fourcc)
    frames = [source.read() for _ in range(3)]
    assert [frame.gray.shape for frame in frames] == [(48, 64), (120, 160), (120, 160)]
    assert [round(frame.gray.mean() / 10) for frame in frames] == [9, 20, 20]
    assert [frame.index for frame in frames] == [0, 1, 2]
    assert frames[0].color is None
    assert not frames[0].gray.flags.writeable
    process = process_of(source)
    source.close()
    assert process.poll() is not None
    frame = plug_in_jpegs(small, color=True).read()
    assert frame.color.shape == (48, 64, 3)
    assert not frame.color.flags.writeable


def without_huffman_tables(content):
    """Return a JPEG without the tables that all Motion JPEGs share, as many cameras send it."""
    place, parts = 2, [content[:2]]
    while content[place + 1] != 0xDA:
        length = 2 + int.from_bytes(content[place + 2 : place + 4], "big")
        if content[place + 1] != 0xC4:
            parts.append(content[place : place + length])
        place += length
    return b"".join(parts) + content[place:]


@pytest.mark.parametrize(
    "change",
    [without_huffman_tables, lambda content: content + bytes(500), lambda content: content[:-2]],
    ids=["no Huffman tables", "zeros at the end", "no end marker"],
)
def test_cameras_write_jpeg_in_their_own_way(plug_in_jpegs, change):
    """JPEGs without Huffman tables, with padding, or without the end marker are decoded, as in every viewer."""
    assert abs(plug_in_jpegs(change(jpeg(90))).read().gray.mean() - 90) < 3


def noisy_jpeg():
    """Return a JPEG with stray bytes before its restart markers, about which libjpeg prints a line."""
    pixels = np.full((48, 64, 3), 90, np.uint8)
    content = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_RST_INTERVAL, 1])[1].tobytes()
    return re.sub(rb"(\xff[\xd0-\xd7])", rb"\0\0\1", content)


def test_what_libjpeg_prints_about_a_camera_is_counted(plug_in_jpegs, capfd, caplog):
    """A camera with stray bytes in every picture: one line at once, and the number of the others at the end."""
    source = plug_in_jpegs(noisy_jpeg())
    frames = [source.read() for _ in range(20)]
    source.close()
    assert len(frames) == 20
    assert capfd.readouterr().err == ""
    first, rest = caplog.messages
    assert first.startswith(f"{source.name}: the decoder reports: Corrupt JPEG data")
    assert re.search(r"\(and \d\d more messages\)$", rest)


@pytest.mark.parametrize("damaged", damaged_jpegs().values(), ids=damaged_jpegs())
def test_a_jpeg_with_wrong_pixels_is_left_out(plug_in_jpegs, caplog, damaged):
    """A picture that libjpeg fills with gray or shifts, because a part of it was lost on the cable, is not shown."""
    source = plug_in_jpegs(jpeg(90), damaged, jpeg(120))
    assert [round(source.read().gray.mean() / 10) for _ in range(2)] == [9, 12]
    (line,) = caplog.messages
    assert re.search(r"expected a JPEG, found a JPEG that is corrupt .*: left out \(1 so far\)$", line)


def test_damaged_jpegs_of_a_camera_are_left_out_with_a_count(plug_in_jpegs, caplog):
    """Pictures cut short by a lost packet and garbage are no images and no error; the warnings thin out."""
    cut, garbage = jpeg(200)[:-40], b"garbage" * 20
    source = plug_in_jpegs(jpeg(90), cut, garbage, b"\xff\xd8", cut, cut, jpeg(120))
    frames = [source.read() for _ in range(2)]
    assert [round(frame.gray.mean() / 10) for frame in frames] == [9, 12]
    assert [frame.index for frame in frames] == [0, 1]
    assert [message.rpartition(": ")[2] for message in caplog.messages] == [
        "left out (1 so far)",
        "left out (2 so far)",
        "left out (4 so far)",
    ]
    assert "expected a JPEG, found text" in caplog.messages[1]


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_jpeg_that_makes_the_decoder_crash_is_left_out(plug_in_jpegs, caplog, number):
    """The next picture gets a new process, and the run goes on."""
    source = plug_in_jpegs(jpeg(90), settings=SourceSettings(stall_timeout_s=LIMIT_S))
    source.read()
    process = process_of(source)
    process.send_signal(number)
    assert source.read().index == 1
    assert process_of(source) is not process
    assert re.search("found the (decoder has crashed|system has ended the decoder)", caplog.text)
    assert "left out (1 so far)" in caplog.text


def test_a_camera_that_sends_only_damaged_jpegs_is_an_error(plug_in_jpegs):
    """After `stall_timeout_s` without a picture the camera has failed."""
    with pytest.raises(CameraError, match=r"expected a frame within 0.05 s, found none"):
        plug_in_jpegs(jpeg(90)[:-40], settings=SHORT_STALL)


def test_closing_ends_a_decoding(plug_in_jpegs, in_thread):
    """A read that waits for a decoder that hangs returns when another thread closes the camera."""
    source = plug_in_jpegs(jpeg(90))
    source.read()
    os.kill(process_of(source).pid, signal.SIGSTOP)
    waiting = in_thread(source.read)
    source.close()
    assert waiting() is None


@pytest.mark.parametrize(("granted", "is_raw"), [("YUYV", True), ("MJPG", True), ("JPEG", True), ("NV12", False)])
def test_opencv_decodes_no_jpeg_of_a_camera(monkeypatch, tmp_path, granted, is_raw):
    """Whatever was requested, OpenCV converts only the formats that are neither YUYV nor JPEG."""
    values = {}

    class Capture(RawCapture):
        fourcc = granted

        def isOpened(self):  # noqa: N802  # OpenCV's name
            return True

        def set(self, name, value):
            values[name] = value

        def get(self, name):
            return 30.0 if name == cv2.CAP_PROP_FPS else super().get(name)

    monkeypatch.setattr("edge.sources.v4l2.check_camera", lambda _: Capability("uvcvideo", "Cam", 1))
    monkeypatch.setattr("cv2.VideoCapture", lambda *_: Capture())
    _open_capture(tmp_path, DEFAULTS)
    assert (values.get(cv2.CAP_PROP_CONVERT_RGB) == 0) is is_raw
