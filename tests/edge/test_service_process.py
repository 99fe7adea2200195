"""The whole process, as systemd starts it: ready, alive, stuck, without its camera, with it again, stopped."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.shipped import SHIPPED_MODEL
from edge.status import ask_status

PROGRAM = """
import pathlib, sys, threading
import edge.__main__
from edge.errors import CameraAbsentError, CameraError
from edge.runtime import journal
from edge.scenes.catalogue import make_scene
from edge.sources import choose
from edge.sources.reopen import ReopeningSource
from edge.sources.scene import SceneSource
from edge.vision.follow import FaceFollower

here = pathlib.Path(sys.argv.pop(1))
journal.JOURNAL_SOCKET = str(here / "journal")
ReopeningSource.__init__.__kwdefaults__["first_wait_s"] = 0.05

def hang_where(name):
    if (here / name).exists():
        threading.Event().wait()

class Camera(SceneSource):
    def read(self):
        hang_where("driver hangs")
        if not (here / "camera").exists():
            raise CameraError("the camera is gone: was it unplugged?")
        return super().read()

def open_camera(_settings, *, color):
    if not (here / "camera").exists():
        raise CameraAbsentError("expected a camera, found none")
    return Camera(make_scene("one", width=320, height=240, duration_s=3600), live=True)

update = FaceFollower.update

def hanging_update(self, gray, **known):
    hang_where("step hangs")
    return update(self, gray, **known)

choose.open_camera = open_camera
FaceFollower.update = hanging_update
edge.__main__.entry()
"""

CONFIG = """
[source]
reopen = true
stall_timeout_s = {stall_timeout_s}
[model]
interpreter = "{package}"
[log]
mode = "changes"
on_error = "retry"
summary_interval_s = 1.0
"""

GIVE_UP_S = 30


class Unit:
    """The process, its sockets, and a folder in which the test plugs the camera in and makes things hang."""

    def __init__(self, folder, package, *, stall_timeout_s):
        self.folder = folder
        self.log = folder / "readings.jsonl"  # a test may have laid something there
        self.output = folder / "output"
        config = folder / "edge.toml"
        config.write_text(CONFIG.format(stall_timeout_s=stall_timeout_s, package=package))
        self.systemd, self.journal = (self._listen(name) for name in ("notify", "journal"))
        with self.output.open("wb") as output:
            status = os.fstat(output.fileno())
            environment = {
                "NOTIFY_SOCKET": str(folder / "notify"),
                "WATCHDOG_USEC": "400000",
                "RUNTIME_DIRECTORY": str(folder),
                "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}",
                "PYTHONPATH": str(SHIPPED_MODEL.parents[1]),
            }
            words = [sys.executable, "-c", PROGRAM, folder, "run", "--config", config, "--log", self.log]
            self.process = subprocess.Popen(  # noqa: S603  # ours
                [str(word) for word in words], stdout=output, stderr=output, env=os.environ | environment
            )

    def _listen(self, name):
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        receiver.bind(str(self.folder / name))
        receiver.settimeout(GIVE_UP_S)
        return receiver

    def make(self, name):
        (self.folder / name).touch()

    def unmake(self, name):
        (self.folder / name).unlink()

    def hear(self, start):
        """All that systemd hears up to the word that begins so."""
        heard, give_up_at = [], time.monotonic() + GIVE_UP_S
        while not (heard and heard[-1].startswith(start)):
            assert time.monotonic() < give_up_at, heard
            heard.append(self.systemd.recv(4096).decode())
        return heard

    def ask(self):
        return ask_status(self.folder / "status.sock")

    def await_status(self, condition):
        """Ask until the condition holds, each time after systemd has heard something new."""
        give_up_at = time.monotonic() + GIVE_UP_S
        while not condition(status := self.ask()):
            assert time.monotonic() < give_up_at, status
            self.systemd.recv(4096)
        return status

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(GIVE_UP_S)

    def events(self):
        return [json.loads(line)["event"] for line in self.log.read_text().splitlines()]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.systemd.close()
        self.journal.close()


@pytest.fixture
def start(tmp_path, interpreter_package):
    units = []

    def start(*, stall_timeout_s=1.0):
        units.append(Unit(tmp_path, interpreter_package, stall_timeout_s=stall_timeout_s))
        return units[-1]

    yield start
    for unit in units:
        unit.close()


def test_a_camera_comes_late_goes_and_comes_back(start):
    """Not ready before the first frame; lost and found again without a new process; stopped with exit code 0."""
    unit = start()
    words = unit.hear("STATUS=camera lost")
    assert "READY=1" not in words
    assert any(word.startswith("EXTEND_TIMEOUT_USEC") for word in words)
    assert unit.ask().state == "camera lost"
    unit.make("camera")
    unit.hear("READY=1")
    before = unit.await_status(lambda status: status.state == "running" and status.faces == 1)
    assert before.reopens == 0
    unit.unmake("camera")
    unit.hear("STATUS=camera lost")
    lost = unit.ask()
    assert (lost.state, lost.reopens) == ("camera lost", 1)
    assert "WATCHDOG=1" in unit.hear("WATCHDOG=1")
    unit.make("camera")
    after = unit.await_status(lambda status: status.state == "running" and status.faces == 1)
    assert after.frames > before.frames
    assert after.pid == before.pid == unit.process.pid
    assert after.last_error
    assert unit.end() == 0
    assert "STOPPING=1" in unit.hear("STOPPING=1")
    assert unit.events().count("appeared") == unit.events().count("left") >= 1


def test_a_driver_that_hangs_gives_no_sign_of_life_and_is_ended(start):
    """A camera that may be opened again does not hide a read that never returns: exit code 3, so that it restarts."""
    unit = start()
    unit.make("camera")
    unit.hear("WATCHDOG=1")
    unit.make("driver hangs")
    assert unit.process.wait(GIVE_UP_S) == 3
    unit.systemd.settimeout(0.1)
    with pytest.raises(TimeoutError):
        unit.hear("no such word")
    entries = [entry.decode() for entry in all_of(unit.journal)]
    (error,) = [entry for entry in entries if "PRIORITY=3\n" in entry]
    assert "expected a frame, found none" in error


def all_of(receiver):
    receiver.setblocking(False)
    while True:
        try:
            yield receiver.recv(1 << 16)
        except BlockingIOError:
            return


def test_a_step_that_hangs_gives_no_sign_of_life(start):
    """The camera goes on, and nothing comes of it. When the watchdog strikes each thread's place is in the journal."""
    unit = start(stall_timeout_s=1.0)
    unit.make("camera")
    unit.hear("WATCHDOG=1")
    unit.make("step hangs")
    unit.hear("STATUS=stalled")
    assert "WATCHDOG=1" not in unit.hear("STATUS=stalled")
    assert unit.ask().state == "stalled"
    assert unit.end(signal.SIGABRT) == -signal.SIGABRT
    assert "hanging_update" in unit.output.read_text()


def test_the_journal_has_summaries_and_no_line_a_second(start):
    """Levels and fields go to its socket; of the console's lines only the last ones are left."""
    unit = start()
    unit.make("camera")
    summary = ""
    while "frames/s" not in summary:
        summary = unit.journal.recv(1 << 16).decode()
    assert "PRIORITY=6\n" in summary
    assert "EDGE_STATE=running\n" in summary
    assert "EDGE_REOPENS=0\n" in summary
    assert unit.end() == 0
    assert "frames processed" in unit.output.read_text().splitlines()[0]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_outlived(start, tmp_path):
    """The kernel's own full device as the log: readings go on, the status says so, and the exit code is 0."""
    (tmp_path / "readings.jsonl").symlink_to("/dev/full")
    unit = start()
    unit.make("camera")
    unit.hear("READY=1")
    status = unit.await_status(lambda status: status.log_error)
    assert status.log_error == "No space left on device"
    frames = status.frames
    status = unit.await_status(lambda status: status.frames > frames)
    assert status.state == "running"
    assert "the log cannot be written" in status.words
    started = time.monotonic()
    assert unit.end() == 0
    assert time.monotonic() - started < 2.0
