"""Checks the camera itself: found, permitted, not another's."""

import grp
from collections.abc import Sequence
from pathlib import Path

from edge.doctor.check import CAMERA_S, Check
from edge.doctor.context import Context
from edge.doctor.finding import Finding, failed, from_error, ok, warning
from edge.errors import CameraError
from edge.sources.v4l2_devices import Holder, check_camera, find_cameras, find_holder

_READ_WRITE = 6


def _ribbon(context: Context) -> Finding:
    from edge.sources.picamera_api import pi_camera_model  # noqa: PLC0415  # libcamera may crash: in this process alone

    use = context.settings.source.use
    if use not in {"auto", "picamera"}:
        return ok("not asked for")
    try:
        model = pi_camera_model()
    except CameraError as error:
        if use == "picamera":
            return from_error(error)
        if isinstance(error.__cause__, ModuleNotFoundError):
            return ok("picamera2 is not installed: only other cameras are looked for")
        found = from_error(error)
        return warning(found.text, found.remedy)
    if model is None:
        text = "picamera2 lists no camera on the ribbon cable"
        return absent(context, text, "check the cable, then sudo reboot") if use == "picamera" else ok(text)
    return ok(f"{model}, listed by picamera2")


def _devices(context: Context) -> Finding:
    use = context.settings.source.use
    if use.startswith("/dev/"):
        return _device(context, context.at(use))
    if use not in {"auto", "camera"}:
        return ok("not asked for")
    cameras = find_cameras(context.at("dev"))
    if cameras:
        return ok(f"found {', '.join(map(str, cameras))}")
    if use == "camera":
        return absent(
            context,
            "expected a V4L2 camera at /dev/video*, found none",
            "plug one in; v4l2-ctl --list-devices lists them",
        )
    return ok("none found")


def absent(context: Context, text: str, remedy: str) -> Finding:
    """Without a camera a run ends, unless `source.reopen` has it wait for one."""
    if context.settings.source.reopen:
        return warning(f"{text}; the service would wait for one", remedy)
    return failed(text, remedy)


def _device(context: Context, device: Path) -> Finding:
    if not device.exists():
        return absent(context, f"{device}: expected a camera, found no such device", "plug it in")
    try:
        return ok(f"{device}: {check_camera(device).card}")
    except CameraError as error:
        holder = find_holder(device)
        return blame(from_error(error), [holder] if holder else [])


def blame(found: Finding, holders: Sequence[Holder]) -> Finding:
    """Where the camera is said to be in use, name who has it, and the command that ends that."""
    busy = "in use" in found.text or "another program" in found.text
    if not holders or not busy:
        return found
    holder = holders[0]
    text = found.text if str(holder) in found.text else f"{found.text}: {holder}"
    return failed(text, f"kill {holder.process}")


def _permission(context: Context) -> Finding:
    use = context.settings.source.use
    nodes = [context.at(use)] if use.startswith("/dev/") else sorted(context.at("dev").glob("video*"))
    if use in {"auto", "picamera"} and context.at("usr/lib/python3/dist-packages/picamera2").exists():
        nodes += sorted([*context.at("dev").glob("media*"), *context.at("dev/dma_heap").glob("*")])
    there = [node for node in nodes if node.exists()]
    for node in there:
        if not context.identity.may(node, _READ_WRITE):
            return failed(f"{node}: {context.identity.name} may not use it", _let_in(node))
    return ok(f"{context.identity.name} may use {', '.join(node.name for node in there) or 'what there is: nothing'}")


def _let_in(node: Path) -> str:
    """Return the command that gives the right to a device: its group has it, as a rule."""
    facts = node.stat()
    if facts.st_gid and facts.st_mode >> 3 & _READ_WRITE == _READ_WRITE:
        return f"sudo usermod -aG {grp.getgrgid(facts.st_gid).gr_name} $USER, then log in again"
    return f"sudo chgrp video {node} && sudo chmod g+rw {node} && sudo usermod -aG video $USER, then log in again"


CHECKS = (
    Check("camera", "ribbon camera", _ribbon, CameraError.exit_code, limit_s=CAMERA_S, isolated=True),
    Check("camera", "V4L2 camera", _devices, CameraError.exit_code),
    Check("camera", "permission", _permission, CameraError.exit_code),
)
