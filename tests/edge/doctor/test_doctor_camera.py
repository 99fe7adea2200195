"""The doctor reports a camera that is absent, not permitted, in use or without frames."""

import grp
import os
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from waiting import LIMIT_S

from edge.doctor.camera import _state_folder
from edge.doctor.check import Context, Identity
from edge.doctor.runner import CHECKS
from edge.doctor.runner import run_check as run_check_here

pytestmark = pytest.mark.slow

NOBODY = Identity("somebody", 54321, frozenset([54321]))

VIDEO_GROUP = 44
"""Debian's number of the group video."""

HOLD = "import sys; held = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


def use(source):
    return f'[source]\nuse = "{source}"\nstall_timeout_s = 1.0\n'


@pytest.fixture
def device(tree):
    """A file in place of /dev/video0, which only its owner may use."""
    path = tree() / "dev" / "video0"
    path.parent.mkdir()
    path.touch(mode=0o600)
    path.chmod(0o660)
    return path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to the group video")
def test_camera_that_is_not_permitted_fails_with_its_group(run_check, config, device):
    """The remedy adds the user to the camera's group, and a member of it may use the camera."""
    os.chown(device, 0, VIDEO_GROUP)
    finding = run_check("permission", config=config(use("camera")))
    assert (finding.status, finding.remedy) == (
        "failed",
        f"sudo usermod -aG {grp.getgrgid(VIDEO_GROUP).gr_name} $USER, then log in again",
    )
    assert "video0: somebody may not use it" in finding.text
    member = Identity("somebody", 54321, frozenset([VIDEO_GROUP]))
    assert run_check("permission", config=config(use("camera")), identity=member).status == "ok"


@pytest.mark.parametrize("mode", [0o600, 0o660])
def test_camera_of_an_unsuitable_group_is_given_to_video(run_check, config, device, mode):
    """If the group has no access or is root's, as without udev's rules, the remedy changes the group to video."""
    device.chmod(mode)
    if os.geteuid() == 0:
        os.chown(device, 0, 0)
    elif mode == 0o660:
        pytest.skip("only root has files of the group root")
    finding = run_check("permission", config=config(use("/dev/video0")))
    assert finding.status == "failed"
    assert "chgrp video" in finding.remedy


def test_absent_camera_fails(run_check, config):
    """A configured device that does not exist, and no V4L2 camera at all, are failures."""
    finding = run_check("V4L2 camera", config=config(use("/dev/video7")))
    assert (finding.status, "no such device" in finding.text) == ("failed", True)
    finding = run_check("V4L2 camera", config=config(use("camera")))
    assert (finding.status, "found none" in finding.text) == ("failed", True)


@pytest.mark.parametrize("source", ["/dev/video77", "camera", "picamera"])
def test_absent_camera_is_a_warning_with_reopen(run_check, config, picamera, source):
    """With `source.reopen`, as in the service's settings, the service would run and wait for a camera."""
    if source == "camera" and list(Path("/dev").glob("video*")):
        pytest.skip("this machine has a camera")
    picamera(PICAMERA.format(body="return []"))
    settings = config(use(source) + "reopen = true\n")
    for name in ("ribbon camera", "V4L2 camera", "frames"):
        assert run_check(name, config=settings).status != "failed"


def test_clip_in_place_of_a_camera_is_a_warning(run_check, config):
    """With `auto` and no camera the finding says that the bundled clip would be played, or a camera waited for."""
    if list(Path("/dev").glob("video*")):
        pytest.skip("this machine has a camera")
    finding = run_check("frames", config=config(use("auto")))
    assert finding.status == "warning"
    assert "the bundled clip would be played" in finding.text
    waiting = run_check("frames", config=config(use("auto") + "reopen = true\n"))
    assert "would wait for one" in waiting.text


def test_camera_in_use_names_the_process(run_check, config, device, start):
    """The failure names the process that uses the camera, and the remedy ends it.

    The camera is a program that runs, which cannot be opened for writing: it is busy.
    """
    shutil.copy(shutil.which("sleep"), device)
    device.chmod(0o755)
    with subprocess.Popen([device, "60"]) as running:  # noqa: S603  # ours
        holder = start(HOLD, device)
        finding = run_check("V4L2 camera", config=config(use("/dev/video0")))
        running.kill()
    assert finding.status == "failed"
    assert f"(process {holder.pid})" in finding.text
    assert finding.remedy == f"kill {holder.pid}"


def test_frames_are_counted(config, monkeypatch):
    """The frames of a drawn scene, which is live like a camera, are counted."""
    monkeypatch.setattr("edge.doctor.camera._MAX_S", LIMIT_S)
    (check,) = [check for check in CHECKS if check.name == "frames"]
    finding = run_check_here(check, Context(config(use("scene:one"))))
    assert finding.status == "ok"
    assert "15 frames of 640x480" in finding.text


@pytest.mark.parametrize(("rotate", "turned"), [("90", ", turned by 90 degrees"), ("0", ""), ("'auto'", "")])
def test_frames_are_examined_as_they_are_mounted(run_check, config, rotate, turned):
    """The size is that of the turned frame, and a rotation is reported."""
    finding = run_check("frames", config=config(use("scene:one") + f"rotate = {rotate}\n"))
    assert finding.status == "ok"
    assert finding.text.endswith(f" s{turned}")
    assert ("480x640" if turned else "640x480") in finding.text


def test_a_crop_outside_the_frame_fails(run_check, config):
    """The doctor finds with a frame what the settings alone do not show."""
    finding = run_check("frames", config=config(use("scene:one") + "crop = [600, 0, 64, 64]\n"))
    assert finding.status == "failed"
    assert "expected a region inside the 640x480 px of the turned frame, found [600, 0, 64, 64]" in finding.text
    assert finding.remedy.startswith("x + w may be up to 640")


def test_the_rotation_found_by_the_service_is_reported(run_check, config, serve_status):
    """While the service runs, the doctor reports the service's rotation and that it was found automatically."""
    root = serve_status(rotation=180, rotation_found=True)
    finding = run_check("frames", config=config(use("auto")), root=root)
    assert "/dev/video0, turned by 180 degrees, found automatically: 29.8 frames/s" in finding.text


def test_the_service_s_rotation_is_looked_up_for_its_configuration_only(tree, config):
    """With the installed configuration the doctor reads what the service remembers, if the user may."""
    root = tree({"etc/edge-emotion/edge.toml": ""})
    folder = root / "var/lib/edge-emotion"
    assert _state_folder(Context(root=root)) is None
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    assert _state_folder(Context(root=root)) == folder
    assert _state_folder(Context(root=root, identity=NOBODY)) == folder
    assert _state_folder(Context(root=root, config=config(""))) is None
    folder.chmod(0o750)
    assert _state_folder(Context(root=root, identity=NOBODY)) is None


def test_source_without_frames_fails(run_check, config, tmp_path):
    """A device that is no camera and a file that does not exist are failures that name them."""
    for source in ("/dev/null", tmp_path / "none.mp4"):
        finding = run_check("frames", config=config(use(source)))
        assert finding.status == "failed"
        assert str(source) in finding.text


def test_black_frames_are_a_warning(run_check, config, tmp_path):
    """Nearly black frames, as from a covered lens, are a warning."""
    cv2.imwrite(str(tmp_path / "black.png"), np.full((48, 64), 3, dtype=np.uint8))
    finding = run_check("frames", config=config(use(tmp_path / "black.png")))
    assert (finding.status, "almost black" in finding.text) == ("warning", True)


PICAMERA = """
class Picamera2:
    @staticmethod
    def global_camera_info():
        {body}
"""


@pytest.fixture
def picamera(tmp_path, monkeypatch):
    """Install a module `picamera2` with this source."""

    def write(source):
        (tmp_path / "picamera2.py").write_text(source)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return write


@pytest.mark.parametrize(
    ("source", "setting", "status", "words"),
    [
        (PICAMERA.format(body="return [{'Model': 'imx708', 'Id': '/base/soc/i2c'}]"), "auto", "ok", "imx708"),
        (PICAMERA.format(body="return []"), "picamera", "failed", "no camera"),
        (PICAMERA.format(body="return []"), "auto", "ok", "no camera"),
        (PICAMERA.format(body="raise RuntimeError('libcamera broke')"), "picamera", "failed", "libcamera broke"),
        ("raise ModuleNotFoundError('No module named picamera2')", "picamera", "failed", "No module named picamera2"),
        ("raise ModuleNotFoundError('No module named picamera2')", "auto", "ok", "not installed"),
        ("raise ValueError('numpy.dtype size changed')", "auto", "warning", "numpy.dtype size changed"),
        ("import os; os.abort()", "auto", "failed", "SIGABRT"),
    ],
)
def test_ribbon_camera(run_check, config, picamera, source, setting, status, words):
    """A listed or absent camera, a libcamera that fails, and a picamera2 that is missing, unsuitable or crashes."""
    picamera(source)
    finding = run_check("ribbon camera", config=config(use(setting)))
    assert finding.status == status
    assert words in finding.text
    assert finding.remedy or status == "ok"


def test_camera_that_hangs_fails(picamera, run_check, config):
    """If libcamera never returns, the check's process is ended at its time limit."""
    picamera("import threading; threading.Event().wait()")
    finding = run_check("ribbon camera", config=config(use("auto")), limit_s=1.0)
    assert (finding.status, finding.text) == ("failed", "expected a result within 1 s, found none")
