"""V4L2 cameras are told from other /dev/video* devices, and each reason for a failure is reported."""

import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from edge.errors import CameraError
from edge.settings.schema import SourceSettings
from edge.sources.v4l2 import V4l2Source
from edge.sources.v4l2_devices import check_camera, describe_holder, find_cameras, parse_capability

CAPTURE, CAPTURE_MPLANE, OUTPUT, M2M_MPLANE, M2M = 0x1, 0x1000, 0x2, 0x4000, 0x8000
META, STREAMING, DEVICE_CAPS = 0x800000, 0x4000000, 0x80000000


@pytest.fixture
def start():
    """Start a program and kill it after the test."""
    running = []

    def start(*command):
        running.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))  # noqa: S603  # ours
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def reply(driver, hardware_flags, node_flags, card="Some Camera"):
    """Return the kernel's reply to VIDIOC_QUERYCAP."""
    return struct.pack("=16s32s32s3I12x", driver.encode(), card.encode(), b"bus", 0x60600, hardware_flags, node_flags)


@pytest.mark.parametrize(
    ("driver", "hardware_flags", "node_flags", "is_camera"),
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
def test_cameras_are_told_from_codecs(driver, hardware_flags, node_flags, is_camera):
    """Of a Pi's many /dev/video* devices, only those that give images by themselves are cameras."""
    capability = parse_capability(reply(driver, hardware_flags, node_flags))
    assert capability.is_camera == is_camera
    assert (capability.driver, capability.card) == (driver, "Some Camera")


def test_an_absent_camera_is_reported_with_those_that_exist(tmp_path):
    """The error for a missing device also says that there is no other camera."""
    with pytest.raises(CameraError, match="found no such device: there is no camera at all"):
        check_camera(tmp_path / "video7")


@pytest.mark.parametrize("kind", ["file", "folder", "device"])
def test_a_path_that_is_not_a_camera_is_an_error(tmp_path, kind):
    """A file, a folder and another device are each refused as not being a video device."""
    path = {"file": tmp_path / "video0", "folder": tmp_path, "device": Path("/dev/null")}[kind]
    if kind == "file":
        path.write_text("not a camera")
    with pytest.raises(CameraError, match="not a video device"):
        V4l2Source(path, SourceSettings())


def test_a_missing_permission_names_the_group_to_join(open_folder, as_nobody):
    """Without permission the error gives the command that fixes it, and the device still counts as a camera."""
    device = open_folder / "video0"
    device.touch(mode=0o600)
    device.chmod(0)
    with as_nobody():
        with pytest.raises(CameraError, match=r"sudo usermod -aG video \$USER, then log in again"):
            check_camera(device)
        assert find_cameras(open_folder) == [device]


def test_cameras_are_sorted_by_number(open_folder, as_nobody):
    """/dev/video10 comes after /dev/video2; other names and devices that are not cameras are left out."""
    for name in ("video10", "video2", "video2x", "media0"):
        (open_folder / name).touch()
        (open_folder / name).chmod(0)
    (open_folder / "video1").touch(mode=0o666)  # may be opened, but is not a camera
    (open_folder / "video1").chmod(0o666)
    with as_nobody():
        assert find_cameras(open_folder) == [open_folder / "video2", open_folder / "video10"]


def test_the_process_that_holds_a_device_is_named(tmp_path, start):
    """A device that another process has open is described with that process; our own process does not count."""
    device = tmp_path / "video0"
    device.touch()
    with device.open():
        assert describe_holder(device) == ""
        code = "import sys; held = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
        other = start(sys.executable, "-c", code, str(device))
        other.stdout.readline()
        assert f"(process {other.pid})" in describe_holder(device)


def test_another_error_of_the_system_is_in_the_message(tmp_path, start):
    """If a device cannot be opened (here: a running program), the error has the system's reason."""
    program = tmp_path / "video0"
    shutil.copy(shutil.which("sleep"), program)
    start(str(program), "60")
    with pytest.raises(CameraError, match="expected a camera, found: Text file busy"):
        check_camera(program)
