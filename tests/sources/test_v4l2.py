"""V4L2 cameras: found among what else calls itself /dev/video, and each reason for failing named."""

import shutil
import struct
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.config import SourceSettings
from edge.errors import CameraError
from edge.sources.v4l2 import V4l2Source, split_picture
from edge.sources.v4l2_devices import check_camera, describe_holder, find_cameras, parse_capability

PATIENT = SourceSettings()
IMPATIENT = SourceSettings(stall_timeout_s=0.05)

CAPTURE, CAPTURE_MPLANE, OUTPUT, M2M_MPLANE, M2M = 0x1, 0x1000, 0x2, 0x4000, 0x8000
META, STREAMING, DEVICE_CAPS = 0x800000, 0x4000000, 0x80000000


@pytest.fixture
def start():
    """Start a program, and end it after the test."""
    running = []

    def start(*command):
        running.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))  # noqa: S603  # ours
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def answer(driver, whole, node, card="Some Camera"):
    """Return what the kernel answers to VIDIOC_QUERYCAP."""
    return struct.pack("=16s32s32s3I12x", driver.encode(), card.encode(), b"bus", 0x60600, whole, node)


@pytest.mark.parametrize(
    ("driver", "whole", "node", "is_camera"),
    [
        ("uvcvideo", CAPTURE | META | DEVICE_CAPS, CAPTURE | STREAMING, True),
        ("uvcvideo", CAPTURE | META | DEVICE_CAPS, META | STREAMING, False),
        ("v4l2 loopback", CAPTURE | OUTPUT | DEVICE_CAPS, CAPTURE | OUTPUT | STREAMING, True),
        ("v4l2 loopback", CAPTURE | OUTPUT | DEVICE_CAPS, OUTPUT | STREAMING, False),
        ("old driver", CAPTURE | STREAMING, 0, True),
        ("bm2835 mmal", CAPTURE | DEVICE_CAPS, CAPTURE | STREAMING, True),
        ("bcm2835-codec", M2M_MPLANE | DEVICE_CAPS, M2M_MPLANE | STREAMING, False),
        ("some-codec", CAPTURE | M2M | DEVICE_CAPS, CAPTURE | M2M | STREAMING, False),
        ("bcm2835-isp", CAPTURE | DEVICE_CAPS, CAPTURE | STREAMING, False),
        ("unicam", CAPTURE | DEVICE_CAPS, CAPTURE | STREAMING, False),
        ("rp1-cfe", CAPTURE | DEVICE_CAPS, CAPTURE | STREAMING, False),
        ("pispbe", CAPTURE_MPLANE | DEVICE_CAPS, CAPTURE_MPLANE | STREAMING, False),
    ],
)
def test_cameras_are_told_from_codecs(driver, whole, node, is_camera):
    """Of the many /dev/video* of a Pi only those that give pictures by themselves are cameras."""
    capability = parse_capability(answer(driver, whole, node))
    assert capability.is_camera == is_camera
    assert (capability.driver, capability.card) == (driver, "Some Camera")


def test_an_absent_camera_is_named_with_those_that_exist(tmp_path):
    """A device that is not there says so, and that there is no other."""
    with pytest.raises(CameraError, match="found no such device: there is no camera at all"):
        check_camera(tmp_path / "video7")


@pytest.mark.parametrize("kind", ["file", "folder", "device"])
def test_what_is_no_camera_is_named(tmp_path, kind):
    """A file, a folder and another device are told from a camera by the kernel's answer."""
    path = {"file": tmp_path / "video0", "folder": tmp_path, "device": Path("/dev/null")}[kind]
    if kind == "file":
        path.write_text("no camera")
    with pytest.raises(CameraError, match="no video device"):
        V4l2Source(path, PATIENT)


def test_a_camera_that_may_not_be_opened_names_the_group(open_folder, as_nobody):
    """Without the rights the message gives the command that mends it, and the camera counts as found."""
    device = open_folder / "video0"
    device.touch(mode=0o600)
    device.chmod(0)
    with as_nobody():
        with pytest.raises(CameraError, match=r"sudo usermod -aG video \$USER, then log in again"):
            check_camera(device)
        assert find_cameras(open_folder) == [device]


def test_cameras_come_in_the_order_of_their_numbers(open_folder, as_nobody):
    """/dev/video10 comes after /dev/video2; what is no camera or has another name is left out."""
    for name in ("video10", "video2", "video2x", "media0"):
        (open_folder / name).touch()
        (open_folder / name).chmod(0)
    (open_folder / "video1").touch(mode=0o666)  # may be opened, and is no camera
    (open_folder / "video1").chmod(0o666)
    with as_nobody():
        assert find_cameras(open_folder) == [open_folder / "video2", open_folder / "video10"]


def test_who_holds_a_device_is_named(tmp_path, start):
    """A device that another process has open is reported with that process; our own does not count."""
    device = tmp_path / "video0"
    device.touch()
    with device.open():
        assert describe_holder(device) == ""
        code = "import sys; held = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
        other = start(sys.executable, "-c", code, str(device))
        other.stdout.readline()
        assert f"(process {other.pid})" in describe_holder(device)


def test_another_error_of_the_system_is_passed_on(tmp_path, start):
    """What the system says when a device does not open (here: a file that runs) is in the message."""
    program = tmp_path / "video0"
    shutil.copy(shutil.which("sleep"), program)
    start(str(program), "60")
    with pytest.raises(CameraError, match="expected a camera, found: Text file busy"):
        check_camera(program)


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
