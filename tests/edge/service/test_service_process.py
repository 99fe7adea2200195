"""The process that systemd starts reports readiness, liveness, a lost camera, a hang and its end."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from waiting import LIMIT_S

from edge.model.bundled import BUNDLED_MODEL
from edge.status import query_status

pytestmark = pytest.mark.slow

PROGRAM = """
import pathlib, sys, threading
import edge.__main__
from edge.errors import CameraAbsentError, CameraError
from edge.runtime import workers
from edge.service import credentials, journal
from edge.scenes.catalogue import make_scene
import edge.sources.open
from edge.sources.reopen import ReopeningSource
from edge.sources.scene import SceneSource
from edge.vision.schedule import DetectionSchedule

here = pathlib.Path(sys.argv.pop(1))
journal.JOURNAL_SOCKET = str(here / "journal")
credentials.INSTALLED_CONFIG = here / "edge.toml"
ReopeningSource.__init__.__kwdefaults__["first_wait_s"] = 0.05
workers.JOIN_TIMEOUT_S = float(sys.argv.pop(1))

def hang_where(name):
    if (here / name).exists():
        threading.Event().wait()

class Camera(SceneSource):
    def read(self):
        hang_where("driver hangs")
        if (here / "this camera hangs").exists():
            (here / "this camera hangs").unlink()
            threading.Event().wait()
        if not (here / "camera").exists():
            raise CameraError("the camera is gone: was it unplugged?")
        return super().read()

def open_camera(_settings, **_options):
    if not (here / "camera").exists():
        raise CameraAbsentError("expected a camera, found none")
    return Camera(make_scene("one", width=320, height=240, duration_s=3600), live=True)

update = DetectionSchedule.update

def hanging_update(self, gray, **known):
    hang_where("step hangs")
    return update(self, gray, **known)

edge.sources.open.open_camera = open_camera
DetectionSchedule.update = hanging_update
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


class Unit:
    """The process with its sockets; files that a test creates in `folder` plug the camera in or make something hang."""

    def __init__(self, folder, package, *, stall_timeout_s, join_timeout_s):
        self.folder = folder
        self.log = folder / "readings.jsonl"  # a test may have put something there
        self.output = folder / "output"
        self.config = config = folder / "edge.toml"
        config.write_text(CONFIG.format(stall_timeout_s=stall_timeout_s, package=package))
        (folder / "credentials").mkdir(exist_ok=True)
        for name in ("web-token", "credentials/web-token"):
            (folder / name).write_text("old" * 10)
        self.systemd, self.journal = (self._listen(name) for name in ("notify", "journal"))
        with self.output.open("wb") as output:
            status = os.fstat(output.fileno())
            environment = {
                "NOTIFY_SOCKET": str(folder / "notify"),
                "WATCHDOG_USEC": "400000",
                "RUNTIME_DIRECTORY": str(folder),
                "CREDENTIALS_DIRECTORY": str(folder / "credentials"),
                "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}",
                "PYTHONPATH": str(BUNDLED_MODEL.parents[1]),
            }
            command = [
                sys.executable,
                "-c",
                PROGRAM,
                folder,
                join_timeout_s,
                "run",
                "--config",
                config,
                "--log",
                self.log,
            ]
            self.process = subprocess.Popen(  # noqa: S603  # ours
                [str(part) for part in command], stdout=output, stderr=output, env=os.environ | environment
            )

    def _listen(self, name):
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        receiver.bind(str(self.folder / name))
        receiver.settimeout(LIMIT_S)
        return receiver

    def create(self, name):
        (self.folder / name).touch()

    def remove(self, name):
        (self.folder / name).unlink()

    def receive_until(self, start):
        """Return the notifications up to the first that starts with `start`."""
        received, give_up_at = [], time.monotonic() + LIMIT_S
        while not (received and received[-1].startswith(start)):
            assert time.monotonic() < give_up_at, received
            received.append(self.systemd.recv(4096).decode())
        return received

    def query(self):
        return query_status(self.folder / "status.sock")

    def await_status(self, condition):
        """Return the first status that meets the condition, queried after each notification to systemd."""
        give_up_at = time.monotonic() + LIMIT_S
        while not condition(status := self.query()):
            assert time.monotonic() < give_up_at, status
            self.systemd.recv(4096)
        return status

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(LIMIT_S)

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

    def start(*, stall_timeout_s=LIMIT_S, join_timeout_s=LIMIT_S):
        timeouts = {"stall_timeout_s": stall_timeout_s, "join_timeout_s": join_timeout_s}
        units.append(Unit(tmp_path, interpreter_package, **timeouts))
        return units[-1]

    yield start
    for unit in units:
        unit.close()


def test_camera_comes_late_is_lost_and_comes_back(start):
    """The service is ready with the first frame, survives the loss of its camera, and stops with exit code 0."""
    unit = start()
    notifications = unit.receive_until("STATUS=camera lost")
    assert "READY=1" not in notifications
    assert any(line.startswith("EXTEND_TIMEOUT_USEC") for line in notifications)
    assert unit.query().state == "camera lost"
    unit.create("camera")
    unit.receive_until("READY=1")
    before = unit.await_status(lambda status: status.state == "running" and status.faces == 1)
    assert before.reopens == 0
    unit.remove("camera")
    unit.receive_until("STATUS=camera lost")
    lost = unit.query()
    assert (lost.state, lost.reopens) == ("camera lost", 1)
    assert "WATCHDOG=1" in unit.receive_until("WATCHDOG=1")
    unit.create("camera")
    after = unit.await_status(lambda status: status.state == "running" and status.faces == 1)
    assert after.frames > before.frames
    assert after.pid == before.pid == unit.process.pid
    assert after.last_error
    assert unit.end() == 0
    assert "STOPPING=1" in unit.receive_until("STOPPING=1")
    assert unit.events().count("appeared") == unit.events().count("left") >= 1


def test_driver_that_hangs_once_is_abandoned(start):
    """After a `read` that never returns the same process opens the camera again, and stops with exit code 0."""
    unit = start(stall_timeout_s=1.0, join_timeout_s=LIMIT_S)
    unit.create("camera")
    unit.receive_until("READY=1")
    unit.await_status(lambda status: status.state == "running" and status.faces == 1)
    unit.create("this camera hangs")
    lost = unit.await_status(lambda status: status.state == "camera lost")
    assert "has given no frame" in lost.camera_error
    after = unit.await_status(lambda status: status.state == "running" and status.faces == 1)
    assert (after.pid, after.reopens) == (unit.process.pid, 1)
    assert unit.end() == 0
    assert unit.events()[-1] == "stopped"


def test_driver_that_hangs_again_ends_the_process(start):
    """If the camera hangs again after it was abandoned, the process ends with exit code 3: systemd restarts it."""
    unit = start(stall_timeout_s=1.0, join_timeout_s=0.1)
    unit.create("camera")
    unit.receive_until("READY=1")
    unit.create("driver hangs")
    assert unit.process.wait(LIMIT_S) == 3
    unit.systemd.settimeout(0.1)
    with pytest.raises(TimeoutError):
        unit.receive_until("no such notification")
    entries = [entry.decode() for entry in all_of(unit.journal)]
    (error,) = [entry for entry in entries if "PRIORITY=3\n" in entry]
    assert "the driver may hang, as it did before: a new process may do better" in error


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("[source]\nus = 1", "us: unknown key"),
        ('[model]\npath = "none.tflite"', "none.tflite"),
        ("[[[[", "no TOML"),
    ],
)
def test_settings_that_cannot_be_used_are_not_reloaded(start, wrong, reason):
    """After SIGHUP with a wrong file the same run goes on, and journal and status say what is wrong."""
    unit = start()
    unit.create("camera")
    unit.receive_until("READY=1")
    before = unit.await_status(lambda status: status.faces == 1)
    unit.config.write_text(wrong)
    unit.process.send_signal(signal.SIGHUP)
    assert unit.receive_until("RELOADING=1")[-1].partition("MONOTONIC_USEC=")[2].isdecimal()
    unit.receive_until("READY=1")
    after = unit.await_status(lambda status: status.frames > before.frames)
    assert (after.pid, after.since, after.state) == (before.pid, before.since, "running")
    assert "the settings were not reloaded, the old ones stay in use" in after.last_error
    assert reason in after.last_error
    assert unit.end() == 0
    assert unit.events().count("started") == 1


def test_reloads_do_not_take_more_and_more_memory(start):
    """The run that a reload replaces is freed before the next one is built; each has 20 MB."""
    unit = start()
    unit.create("camera")
    unit.receive_until("READY=1")
    sizes_mb = []
    for _ in range(6):
        unit.process.send_signal(signal.SIGHUP)
        unit.receive_until("RELOADING=1")
        unit.receive_until("READY=1")
        status = Path(f"/proc/{unit.process.pid}/status").read_text()
        sizes_mb.append(int(status.partition("RssAnon:")[2].split()[0]) / 1024)
    assert sizes_mb[-1] - sizes_mb[1] < 40


def test_settings_are_reloaded(start):
    """After SIGHUP the same process uses the new settings and model; the log is complete, and no end is reported."""
    unit = start()
    unit.create("camera")
    unit.receive_until("READY=1")
    before = unit.await_status(lambda status: status.faces == 1)
    unit.config.write_text(unit.config.read_text().replace("[model]", "[model]\nclasses = 5"))
    unit.process.send_signal(signal.SIGHUP)
    unit.receive_until("RELOADING=1")
    assert "STOPPING=1" not in unit.receive_until("READY=1")
    after = unit.await_status(lambda status: status.faces == 1)
    assert after.pid == before.pid
    assert unit.end() == 0
    events = unit.events()
    assert (events.count("started"), events.count("stopped")) == (2, 2)
    assert events.count("appeared") == events.count("left") >= 2
    lines = [json.loads(line) for line in unit.log.read_text().splitlines()]
    shown = [len(line["probabilities"]) for line in lines if line["event"] == "appeared"]
    assert (shown[0], shown[-1]) == (7, 5)


def test_a_replaced_token_ends_the_process(start):
    """When root's file has changed the process ends with exit code 3: systemd starts it with a copy of the new one."""
    unit = start()
    unit.create("camera")
    unit.receive_until("READY=1")
    (unit.folder / "web-token").write_text("new" * 10)
    assert unit.process.wait(LIMIT_S) == 3
    entries = [entry.decode() for entry in all_of(unit.journal)]
    (error,) = [entry for entry in entries if "PRIORITY=3\n" in entry]
    assert "web-token has changed: the service ends, and systemd starts it with the new file" in error
    assert unit.events()[-1] == "stopped"


def test_a_replaced_token_ends_no_process_that_could_not_start_again(start):
    """With settings that cannot be used the run goes on, since the next start would be refused for good."""
    unit = start()
    unit.create("camera")
    unit.receive_until("READY=1")
    before = unit.await_status(lambda status: status.faces == 1)
    right = unit.config.read_text()
    unit.config.write_text("[source]\nus = 1")
    (unit.folder / "web-token").write_text("new" * 10)
    unit.receive_until("RELOADING=1")
    unit.receive_until("READY=1")
    after = unit.await_status(lambda status: status.frames > before.frames)
    assert "the settings were not reloaded, the old ones stay in use" in after.last_error
    unit.config.write_text(right)
    unit.process.send_signal(signal.SIGHUP)
    assert unit.process.wait(LIMIT_S) == 3


def test_an_early_hang_up_does_not_end_the_service(start):
    """A reload while the service starts takes effect once it runs."""
    unit = start()
    unit.receive_until("STATUS=camera lost")
    unit.process.send_signal(signal.SIGHUP)
    unit.receive_until("RELOADING=1")
    unit.receive_until("READY=1")
    unit.create("camera")
    unit.await_status(lambda status: status.faces == 1)
    assert unit.end() == 0


def all_of(receiver):
    receiver.setblocking(False)
    while True:
        try:
            yield receiver.recv(1 << 16)
        except BlockingIOError:
            return


def test_step_that_hangs_stops_the_pings(start):
    """While a step hangs there are no watchdog pings; the watchdog's signal prints where each thread is."""
    unit = start(stall_timeout_s=2.0)
    unit.create("camera")
    unit.receive_until("WATCHDOG=1")
    unit.create("step hangs")
    unit.receive_until("STATUS=stalled")
    assert "WATCHDOG=1" not in unit.receive_until("STATUS=stalled")
    assert unit.query().state == "stalled"
    assert unit.end(signal.SIGABRT) == -signal.SIGABRT
    assert "hanging_update" in unit.output.read_text()


def test_journal_has_summaries_and_no_line_a_second(start):
    """Summaries reach the journal with level and fields, and the console has no line for each second."""
    unit = start()
    unit.create("camera")
    summary = ""
    while "frames/s" not in summary:
        summary = unit.journal.recv(1 << 16).decode()
    assert "PRIORITY=6\n" in summary
    assert "EDGE_STATE=running\n" in summary
    assert "EDGE_REOPENS=0\n" in summary
    assert unit.end() == 0
    assert "frames processed" in unit.output.read_text().splitlines()[0]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_run_survives_a_full_disk(start, tmp_path):
    """With /dev/full as the log frames are processed, the status has the error, and a stop ends with exit code 0."""
    (tmp_path / "readings.jsonl").symlink_to("/dev/full")
    unit = start()
    unit.create("camera")
    unit.receive_until("READY=1")
    status = unit.await_status(lambda status: status.log_error)
    assert status.log_error == "No space left on device"
    frames = status.frames
    status = unit.await_status(lambda status: status.frames > frames)
    assert status.state == "running"
    assert "the log cannot be written" in status.summary
    assert unit.end() == 0
