"""Lists the V4L2 cameras, and explains why one cannot be opened."""

import fcntl
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from edge.device.files import read_text
from edge.errors import CameraAbsentError, CameraError, printable

_QUERYCAP = 0x80685600
"""VIDIOC_QUERYCAP. Source: Linux, include/uapi/linux/videodev2.h, as are the numbers below."""

_CAPABILITY = struct.Struct("=16s32s32s3I12x")
"""struct v4l2_capability: driver, card, bus_info, version, capabilities, device_caps, reserved[3]."""

_VIDEO_CAPTURE = 0x00000001
_VIDEO_M2M_MPLANE = 0x00004000
_VIDEO_M2M = 0x00008000
_HAS_DEVICE_CAPS = 0x80000000

_RAW_DRIVERS = ("bcm2835-codec", "bcm2835-isp", "pispbe", "rp1-cfe", "rpi-hevc-dec", "unicam")
"""Drivers of a Pi's dozen other /dev/video* nodes: codecs, the image processor, and the raw sensor output of a ribbon
cable camera, which only libcamera can process. None gives an image by itself."""


@dataclass(frozen=True, slots=True)
class Capability:
    """A V4L2 device's description of itself.

    Attributes:
        driver: Name of the kernel driver.
        card: Name of the device.
        flags: V4L2_CAP_* of this device node.
    """

    driver: str
    card: str
    flags: int

    @property
    def is_camera(self) -> bool:
        """Whether the device gives images without being fed any."""
        converts = self.flags & (_VIDEO_M2M | _VIDEO_M2M_MPLANE)
        return bool(self.flags & _VIDEO_CAPTURE) and not converts and not self.driver.startswith(_RAW_DRIVERS)


def parse_capability(reply: bytes) -> Capability:
    """Parse the kernel's struct v4l2_capability, 104 bytes."""
    driver, card, _, _, hardware_flags, node_flags = _CAPABILITY.unpack(reply)
    # `capabilities` covers all nodes of the hardware together; older drivers fill in nothing else.
    flags = node_flags if hardware_flags & _HAS_DEVICE_CAPS else hardware_flags
    return Capability(_text(driver), _text(card), flags)


def _text(field: bytes) -> str:
    return printable(field.split(b"\0", 1)[0].decode("utf-8", "replace"))


def query_capability(device: Path) -> Capability | None:
    """Query a device's capability; None if it is not a V4L2 device.

    Raises:
        OSError: The device cannot be opened.
    """
    # Without O_NONBLOCK some drivers block here while another process has the device open.
    handle = os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return parse_capability(fcntl.ioctl(handle, _QUERYCAP, bytes(_CAPABILITY.size)))
    except OSError:
        return None
    finally:
        os.close(handle)


def find_cameras(folder: Path = Path("/dev")) -> list[Path]:
    """Return the V4L2 cameras in `folder`, sorted by number, without codecs and raw sensor nodes.

    A device that may not be opened counts as a camera, so that opening it reports the missing permission.
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
    """Return the capability of a camera, or explain why it cannot be used.

    Raises:
        CameraAbsentError: There is no such device.
        CameraError: The device is not permitted, busy, or not a camera.
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
        raise CameraError(f"{device}: expected a camera, found something that is not a video device: check the name")
    if not capability.is_camera:
        raise CameraError(
            f"{device}: expected a camera, found {capability.card} ({capability.driver}), which gives no images by "
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
    """Return `: in use by NAME (process N): stop it` if another process has the device open, else an empty text."""
    holder = find_holder(device)
    return "" if holder is None else f": in use by {holder}: stop it"


def find_holder(device: Path) -> Holder | None:
    """Return another process that has `device` open, or None.

    Only root sees the open files of another user's processes.
    """
    target = str(device.resolve())
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        process = entry.parts[2]
        if int(process) == os.getpid():
            continue
        try:
            if str(entry.readlink()) == target:
                name = read_text(Path("/proc", process, "comm"))
                if name is not None:
                    return Holder(name, int(process))
        except OSError:  # the process has ended, or belongs to another user
            continue
    return None
