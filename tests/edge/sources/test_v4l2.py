"""A V4L2 camera's frames; a clip and an empty file stand in for the stream and the device."""

import cv2
import numpy as np
import pytest

from edge.errors import CameraError
from edge.settings import SourceSettings
from edge.sources.v4l2 import V4l2Source, split_picture

PATIENT = SourceSettings()
IMPATIENT = SourceSettings(stall_timeout_s=0.05)

YUYV = np.zeros((4, 6, 2), dtype=np.uint8)
YUYV[..., 0] = np.arange(24).reshape(4, 6) * 5 + 40
YUYV[..., 1] = 128  # no colour


@pytest.mark.parametrize(
    ("picture", "gray"),
    [
        (YUYV, YUYV[..., 0]),
        (np.full((4, 6, 3), 77, dtype=np.uint8), np.full((4, 6), 77)),
        (YUYV[..., 0], YUYV[..., 0]),
    ],
    ids=["YUYV", "BGR", "grey"],
)
def test_luma_is_taken_from_each_layout(picture, gray):
    """Whatever the camera gives, grey is its luma and colour is BGR; both read-only and apart from its buffer."""
    picture = picture.copy()
    luma, none = split_picture(picture, color=False)
    same, color = split_picture(picture, color=True)
    assert none is None
    assert np.array_equal(luma, gray)
    assert np.array_equal(same, gray)
    assert color.shape == (4, 6, 3)
    assert np.ptp(color.astype(int), axis=2).max() <= 1  # no colour in, no colour out
    assert not luma.flags.writeable
    assert not color.flags.writeable
    assert not np.shares_memory(luma, picture)


@pytest.fixture
def plug_in(write_clip, tmp_path):
    """Return a function that opens a clip as if it were a camera's stream; the device is a file."""
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


def test_frames_are_counted_and_timed(plug_in):
    """Frames carry their number and the moment of capture, which is the camera's time line, too."""
    source = plug_in(PATIENT)
    frames = [source.read() for _ in range(5)]
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    assert all(frame.position_s == frame.captured_at for frame in frames)
    assert [frame.captured_at for frame in frames] == sorted(frame.captured_at for frame in frames)
    assert not frames[0].gray.flags.writeable
    assert (source.live, source.stills, source.skipped) == (True, False, 0)
    assert source.name == frames[0].source == str(plug_in.device)


def test_an_unplugged_camera_is_gone(plug_in):
    """When the device vanishes the next read says so, without waiting for the time-out."""
    source = plug_in(PATIENT, frames=1)
    source.read()
    plug_in.device.unlink()
    with pytest.raises(CameraError, match="the camera is gone"):
        source.read()


def test_a_silent_camera_is_an_error_in_time(plug_in):
    """A camera that is there and gives nothing is reported after `stall_timeout_s`."""
    source = plug_in(IMPATIENT, frames=1)
    source.read()
    with pytest.raises(CameraError, match=r"expected a frame within 0.05 s, found none"):
        source.read()


def test_a_camera_that_never_gives_a_frame_is_given_back(plug_in):
    """A constructor that fails half-way closes what it opened."""
    with pytest.raises(CameraError, match="found none"):
        plug_in(IMPATIENT, frames=0)
    assert not plug_in.opened[0].isOpened()


def test_close_wakes_who_waits(plug_in, in_thread):
    """Closing from another thread ends a read on a silent camera; closing twice is allowed."""
    source = plug_in(PATIENT, frames=1)
    source.read()
    waiting = in_thread(source.read)
    source.close()
    source.close()
    assert waiting() is None
    assert source.read() is None
    assert not plug_in.opened[0].isOpened()


def test_after_close_there_are_no_more(plug_in):
    """A frame that was already there is not given any more once the camera is closed."""
    source = plug_in(PATIENT)
    source.close()
    assert source.read() is None


class RawCapture:
    """What OpenCV gives of a camera whose pictures it does not convert: all bytes in one row."""

    def read(self):
        return True, YUYV.reshape(1, -1).copy()

    def get(self, side):
        return float({cv2.CAP_PROP_FRAME_WIDTH: 6, cv2.CAP_PROP_FRAME_HEIGHT: 4}[side])

    def release(self):
        pass


def test_unconverted_bytes_become_a_picture(tmp_path):
    """A row of bytes, as OpenCV's V4L2 gives for YUYV, is luma beside chroma, row by row."""
    source = V4l2Source(tmp_path / "video0", PATIENT, open_capture=lambda *_: RawCapture())
    assert np.array_equal(source.read().gray, YUYV[..., 0])
