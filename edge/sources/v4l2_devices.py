"""Which V4L2 devices are cameras, and why one cannot be opened."""

import fcntl
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from edge.errors import CameraAbsentError, CameraError

_QUERYCAP = 0x80685600
"""VIDIOC_QUERYCAP. Source: Linux, include/uapi/linux/videodev2.h, as are the numbers below."""

_CAPABILITY = struct.Struct("=16s32s32s3I12x")
"""struct v4l2_capability: driver, card, bus_info, version, capabilities, device_caps, reserved[3]."""

_VIDEO_CAPTURE = 0x00000001
_VIDEO_M2M_MPLANE = 0x00004000
_VIDEO_M2M = 0x00008000
_HAS_DEVICE_CAPS = 0x80000000

_RAW_DRIVERS = ("bcm2835-codec", "bcm2835-isp", "pispbe", "rp1-cfe", "rpi-hevc-dec", "unicam")
"""On a Pi these make a dozen of /dev/video*: codecs, the image processor, and the raw end of a ribbon-cable camera,
whose pictures only libcamera can develop. None gives a picture by itself."""


@dataclass(frozen=True, slots=True)
class Capability:
    """What a V4L2 device says of itself. flags: V4L2_CAP_* of this very device node."""

    driver: str
    card: str
    flags: int

    @property
    def is_camera(self) -> bool:
        """Whether pictures come out of it without any being put in."""
        converts = self.flags & (_VIDEO_M2M | _VIDEO_M2M_MPLANE)
        return bool(self.flags & _VIDEO_CAPTURE) and not converts and not self.driver.startswith(_RAW_DRIVERS)


def parse_capability(answer: bytes) -> Capability:
    """Read the kernel's struct v4l2_capability, 104 bytes."""
    driver, card, _, _, whole, node = _CAPABILITY.unpack(answer)
    # `capabilities` is for all nodes of the hardware together; older drivers know nothing else.
    flags = node if whole & _HAS_DEVICE_CAPS else whole
    return Capability(_text(driver), _text(card), flags)


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "replace")


def query_capability(device: Path) -> Capability | None:
    """Ask the device what it is; None where it is no V4L2 device.

    Raises:
        OSError: it cannot be opened.
    """
    # Without O_NONBLOCK some drivers wait here for somebody else to let go.
    handle = os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return parse_capability(fcntl.ioctl(handle, _QUERYCAP, bytes(_CAPABILITY.size)))
    except OSError:
        return None
    finally:
        os.close(handle)


def find_cameras(folder: Path = Path("/dev")) -> list[Path]:
    """Return the V4L2 cameras in `folder` by number; codecs and raw ends of ribbon-cable cameras are left out.

    One that exists and may not be opened is returned, so that opening it says why.
    """
    devices = [path for path in folder.glob("video*") if re.fullmatch(r"video\d+", path.name)]
    devices.sort(key=lambda path: int(path.name.removeprefix("video")))
    return [device for device in devices if _may_be_camera(device)]


def _may_be_camera(device: Path) -> bool:
    try:
        capability = query_capability(device)
    except PermissionError:
        return True
    except OSError:
        return False
    return capability is not None and capability.is_camera


def check_camera(device: Path) -> Capability:
    """Return what the camera says of itself.

    Raises:
        CameraAbsentError: it is absent.
        CameraError: it is not permitted, busy, or no camera.
    """
    try:
        capability = query_capability(device)
    except FileNotFoundError as error:
        found = ", ".join(str(path) for path in find_cameras(device.parent)) or "no camera at all"
        raise CameraAbsentError(f"{device}: expected a camera, found no such device: there is {found}") from error
    except PermissionError as error:
        raise CameraError(
            f"{device}: not permitted: add yourself to the group video: sudo usermod -aG video $USER, then log in again"
        ) from error
    except IsADirectoryError:
        capability = None
    except OSError as error:
        raise CameraError(f"{device}: expected a camera, found: {error.strerror}{describe_holder(device)}") from error
    if capability is None:
        raise CameraError(f"{device}: expected a camera, found something that is no video device: check the name")
    if not capability.is_camera:
        raise CameraError(
            f"{device}: expected a camera, found {capability.card} ({capability.driver}), which gives no pictures by "
            "itself: for a camera on the ribbon cable use `picamera`"
        )
    return capability


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has a device open."""

    name: str
    process: int

    def __str__(self) -> str:
        return f"{self.name} (process {self.process})"


def describe_holder(device: Path) -> str:
    """Return `: in use by NAME (process N): stop it` where another process has it open, else nothing."""
    holder = find_holder(device)
    return "" if holder is None else f": in use by {holder}: stop it"


def find_holder(device: Path) -> Holder | None:
    """Return another process that has `device` open, where /proc shows one.

    Another user's processes only show to root.
    """
    target = str(device.resolve())
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        process = entry.parts[2]
        if int(process) == os.getpid():
            continue
        try:
            if str(entry.readlink()) == target:
                name = Path("/proc", process, "comm").read_text(encoding="utf-8", errors="replace").strip()
                return Holder(name, int(process))
        except OSError:  # the process ended while we looked, or is another user's
            continue
    return None
