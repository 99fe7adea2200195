"""Checks that a camera is connected, permitted and not in use, and that frames come from the configured source."""

import grp
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge.doctor.check import CAMERA_S, ENTER, READ, WRITE, Check, Context, Finding, failed, from_error, ok, warning
from edge.errors import CameraAbsentError, CameraError, ConfigError, SourceError
from edge.sources.address import is_network
from edge.sources.v4l2_devices import Holder, check_camera, find_cameras, find_holder

if TYPE_CHECKING:
    from edge.records import Frame
    from edge.sources.base import Source

_MAX_FRAMES, _MAX_S = 15, 5.0
"""Reading stops after this many frames, or this long."""

_DARK = 20
"""Mean luma, 0 to 255, below which a picture shows nothing: a covered lens gives up to 3, or 16 more if the camera
stores black as 16."""


def _check_ribbon_camera(context: Context) -> Finding:
    from edge.sources.picamera_api import pi_camera_model

    use = context.settings.source.use
    if use not in {"auto", "picamera"}:
        return ok("not used")
    try:
        model = pi_camera_model()
    except CameraError as error:
        if use == "picamera":
            return from_error(error)
        if isinstance(error.__cause__, ModuleNotFoundError):
            return ok("picamera2 is not installed: only other cameras are used")
        found = from_error(error)
        return warning(found.text, found.remedy)
    if model is None:
        text = "picamera2 lists no camera on the ribbon cable"
        return _absent(context, text, "check the cable, then sudo reboot") if use == "picamera" else ok(text)
    return ok(f"{model}, listed by picamera2")


def _check_v4l2_camera(context: Context) -> Finding:
    use = context.settings.source.use
    if use.startswith("/dev/"):
        return _check_device(context, context.at(use))
    if use not in {"auto", "camera"}:
        return ok("not used")
    cameras = find_cameras(context.at("dev"))
    if cameras:
        return ok(f"found {', '.join(map(str, cameras))}")
    if use == "camera":
        return _absent(
            context,
            "expected a V4L2 camera at /dev/video*, found none",
            "plug one in; v4l2-ctl --list-devices lists them",
        )
    return ok("none found")


def _check_device(context: Context, device: Path) -> Finding:
    if not device.exists():
        return _absent(context, f"{device}: expected a camera, found no such device", "plug it in")
    try:
        return ok(f"{device}: {check_camera(device).card}")
    except CameraError as error:
        holder = find_holder(device)
        return _with_holder(from_error(error), [holder] if holder else [])


def _absent(context: Context, text: str, remedy: str) -> Finding:
    """Return a failure, or a warning if `source.reopen` makes the service wait for a camera."""
    if context.settings.source.reopen:
        return warning(f"{text}; the service would wait for one", remedy)
    return failed(text, remedy)


def _with_holder(found: Finding, holders: Sequence[Holder]) -> Finding:
    """If the finding says that the camera is in use, add the program that uses it and the command that ends it."""
    busy = "in use" in found.text or "another program" in found.text
    if not holders or not busy:
        return found
    holder = holders[0]
    text = found.text if str(holder) in found.text else f"{found.text}: {holder}"
    return failed(text, f"kill {holder.process}")


def _check_permission(context: Context) -> Finding:
    use = context.settings.source.use
    if is_network(use):
        return ok("no device to use")
    nodes = [context.at(use)] if use.startswith("/dev/") else sorted(context.at("dev").glob("video*"))
    if use in {"auto", "picamera"} and context.at("usr/lib/python3/dist-packages/picamera2").exists():
        nodes += sorted([*context.at("dev").glob("media*"), *context.at("dev/dma_heap").glob("*")])
    present = [node for node in nodes if node.exists()]
    user = context.identity
    for node in present:
        if not user.may(node, READ | WRITE):
            return failed(f"{node}: {user.name} may not use it", _permit(node))
    if not present:
        return ok("no device to use")
    return ok(f"{user.name} may use {', '.join(node.name for node in present)}")


def _permit(node: Path) -> str:
    """Return the command that gives the user access to a device, by its group if the group has access."""
    stat = node.stat()
    if stat.st_gid and stat.st_mode >> 3 & (READ | WRITE) == READ | WRITE:
        return f"sudo usermod -aG {grp.getgrgid(stat.st_gid).gr_name} $USER, then log in again"
    return f"sudo chgrp video {node} && sudo chmod g+rw {node} && sudo usermod -aG video $USER, then log in again"


def _check_frames(context: Context) -> Finding:
    service = context.service
    if service is not None and service.processes_frames:
        turned = _describe_rotation(service.rotation, is_found=service.rotation_found)
        text = f"the running service reads {service.source}{turned}: {service.summary}"
        return ok(text) if service.is_healthy else warning(text, "look at the page: edge-emotion run --page")
    secret = _secret_of_service(context)
    if secret is not None and not context.identity.may(secret, READ):
        return warning(f"{secret}: the service's own, not readable", "sudo edge-emotion doctor")
    return _open_and_judge(context, secret)


def _open_and_judge(context: Context, secret: Path | None) -> Finding:
    import msgspec

    from edge.sources.open import new_mounting, open_source

    holders = [holder for node in _camera_nodes(context) if (holder := find_holder(node)) is not None]
    settings = context.settings.source
    settings = msgspec.structs.replace(settings, credentials_file=str(secret or settings.credentials_file))
    mounting = new_mounting(settings, _state_folder(context))
    try:
        # With `reopen` it would wait for ever.
        source = open_source(msgspec.structs.replace(settings, reopen=False), mounting=mounting)
        if settings.use == "auto" and not source.live:
            instead = "the service would wait for one" if settings.reopen else "the bundled clip would be played"
            return warning(f"no camera found: {instead}", "plug a camera in")
        frames, seconds = _read(source)
        newest = mounting.orient(frames[-1]) if frames else None
        finding = _judge(source.name, newest, len(frames), seconds)
        turned = _describe_rotation(mounting.rotation, is_found=mounting.is_found)
        return replace(finding, text=finding.text + turned)
    except CameraAbsentError as error:
        found = from_error(error)
        return _absent(context, found.text, found.remedy)
    except SourceError as error:
        return _with_holder(from_error(error), holders)
    except ConfigError as error:
        return from_error(error)


def _secret_of_service(context: Context) -> Path | None:
    """Return the file of the service's credential for a network camera; None if the settings name another, or none."""
    settings = context.settings.source
    secret = context.at(context.instance.camera_credentials)
    is_service = context.config_path == context.at(context.instance.config)
    is_used = is_service and is_network(settings.use) and not settings.credentials_file
    return secret if is_used and secret.exists() else None


def _state_folder(context: Context) -> Path | None:
    """Return the service's state folder if its configuration is checked and the user may read it, else None."""
    folder = context.at(context.instance.state)
    is_service = context.config_path == context.at(context.instance.config)
    return folder if is_service and folder.exists() and context.identity.may(folder, READ | ENTER) else None


def _describe_rotation(rotation: int, *, is_found: bool) -> str:
    from edge.status import describe_rotation

    return f", {describe_rotation(rotation, is_found=is_found)}" if rotation or is_found else ""


def _read(source: "Source") -> "tuple[list[Frame], float]":
    """Return some frames, and how long reading them took, s."""
    frames: list[Frame] = []
    started = time.monotonic()
    while len(frames) < _MAX_FRAMES and time.monotonic() - started < _MAX_S and (frame := source.read()) is not None:
        frames.append(frame)
    seconds = time.monotonic() - started
    source.close()
    return frames, seconds


def _judge(name: str, newest: "Frame | None", count: int, seconds: float) -> Finding:
    if newest is None:
        return failed(f"{name}: expected frames, found none", "give another source.use")
    height, width = newest.gray.shape
    found = f"{name}: {count} frames of {width}x{height} in {seconds:.1f} s"
    if newest.gray.mean() < _DARK:
        return warning(f"{found}, almost black", "uncover the lens, or light the room")
    return ok(found)


def _camera_nodes(context: Context) -> list[Path]:
    """Return the device files that a program which uses the configured camera has open."""
    use = context.settings.source.use
    if use.startswith("/dev/"):
        return [Path(use)]
    nodes = find_cameras() if use in {"auto", "camera"} else []
    return nodes + (sorted(Path("/dev").glob("media*")) if use in {"auto", "picamera"} else [])


CHECKS = (
    Check("camera", "ribbon camera", _check_ribbon_camera, CameraError.exit_code, limit_s=CAMERA_S, isolated=True),
    Check("camera", "V4L2 camera", _check_v4l2_camera, CameraError.exit_code),
    Check("camera", "permission", _check_permission, CameraError.exit_code),
    Check("camera", "frames", _check_frames, CameraError.exit_code, limit_s=CAMERA_S, isolated=True),
)
