"""V4L2 cameras are found among what else calls itself /dev/video, and each reason for failing is named."""

import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from edge.errors import CameraError
from edge.settings import SourceSettings
from edge.sources.v4l2 import V4l2Source
from edge.sources.v4l2_devices import check_camera, describe_holder, find_cameras, parse_capability

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
        V4l2Source(path, SourceSettings())


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
