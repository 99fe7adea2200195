"""Checks that frames come from the configured source."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from edge.doctor.camera import absent, blame
from edge.doctor.check import CAMERA_S, Check
from edge.doctor.context import Context
from edge.doctor.finding import Finding, failed, from_error, ok, warning
from edge.doctor.service import running_service
from edge.errors import CameraAbsentError, CameraError, SourceError
from edge.sources.v4l2_devices import find_cameras, find_holder

if TYPE_CHECKING:
    from edge.records import Frame
    from edge.sources.base import Source

_MOST, _LONGEST_S = 15, 5.0
"""So many frames are read, or for so long."""

_DARK = 20
"""Mean luma, 0 to 255, below which a picture shows nothing: a covered lens gives up to 3, or 16 more where black is
stored as 16."""


def _frames(context: Context) -> Finding:
    import msgspec  # noqa: PLC0415  # if it is missing, the settings' line says so

    from edge.sources.choose import open_source  # noqa: PLC0415  # drivers may crash or hang: in this process alone

    service = running_service(context)
    if service is not None and service.is_well:
        return ok(f"the running service reads {service.source}: {service.words}")
    holders = [holder for node in _nodes(context) if (holder := find_holder(node)) is not None]
    settings = context.settings.source
    try:
        source = open_source(msgspec.structs.replace(settings, reopen=False))  # else it would wait for ever
        if settings.use == "auto" and not source.live:
            return warning(
                f"no camera found: {'one would be waited for' if settings.reopen else 'the clip that ships is shown'}",
                "plug a camera in",
            )
        return _judge(source, *_read(source))
    except CameraAbsentError as error:
        found = from_error(error)
        return absent(context, found.text, found.remedy)
    except SourceError as error:
        return blame(from_error(error), holders)


def _read(source: "Source") -> "tuple[list[Frame], float]":
    """Return some frames and how long they took, s."""
    frames: list[Frame] = []
    started = time.monotonic()
    while len(frames) < _MOST and time.monotonic() - started < _LONGEST_S and (frame := source.read()) is not None:
        frames.append(frame)
    seconds = time.monotonic() - started
    source.close()
    return frames, seconds


def _judge(source: "Source", frames: "list[Frame]", seconds: float) -> Finding:
    if not frames:
        return failed(f"{source.name}: expected frames, found none", "give another source.use")
    newest = frames[-1].gray
    said = f"{source.name}: {len(frames)} frames of {newest.shape[1]}x{newest.shape[0]} in {seconds:.1f} s"
    if newest.mean() < _DARK:
        return warning(f"{said}, all but black", "uncover the lens, or light the room")
    return ok(said)


def _nodes(context: Context) -> list[Path]:
    """Devices that whoever uses the camera has open."""
    use = context.settings.source.use
    if use.startswith("/dev/"):
        return [Path(use)]
    nodes = find_cameras() if use in {"auto", "camera"} else []
    return nodes + (sorted(Path("/dev").glob("media*")) if use in {"auto", "picamera"} else [])


CHECKS = (Check("camera", "frames", _frames, CameraError.exit_code, limit_s=CAMERA_S, isolated=True),)
