"""The V4L2 source; a clip and an empty file stand in for the stream and the device."""

import cv2
import numpy as np
import pytest

from edge.errors import CameraError
from edge.settings.schema import SourceSettings
from edge.sources.v4l2 import V4l2Source, split_channels

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

    def __init__(self, *lost):
        self._lost = list(lost)

    def read(self):
        return True, YUYV.reshape(1, -1)[:, self._lost.pop(0) if self._lost else 0 :].copy()

    def get(self, side):
        return float({cv2.CAP_PROP_FRAME_WIDTH: 6, cv2.CAP_PROP_FRAME_HEIGHT: 4}[side])

    def release(self):
        pass


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
