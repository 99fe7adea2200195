"""systemd and the journal get a run's readiness, pings, status and summaries when they are due, and not otherwise."""

import logging
import os
import socket
from contextlib import closing

import pytest
from samples import make_observation

from edge.counters import Counters
from edge.device.run_clock import RunClock
from edge.device.sensors import Sensors
from edge.errors import CameraAbsentError
from edge.service import sd_notify as notify
from edge.service.health import Health
from edge.service.status_server import StatusServer
from edge.service.systemd import STATUS_EVERY_S, HealthReporter
from edge.sources.reopen import ReopeningSource
from edge.status import STATUS_SOCKET, find_socket, query_status, user_sockets

WATCHDOG_S = 8.0


class EmptyLog:
    """A log without lines and errors."""

    path, dropped, error, clock_error = "readings.jsonl", 0, "", ""
    bytes_written = flushes = 0


class Rig:
    """A reporter with a clock that the test sets, and systemd's end of its socket.

    Attributes:
        clock: a list of one value, s.
    """

    def __init__(self, folder, monkeypatch, *, summary_interval_s=0.0):
        self.clock = [1000.0]
        monkeypatch.setattr(notify.time, "monotonic", lambda: self.clock[0])
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.systemd.bind(str(folder / "notify"))
        self.systemd.setblocking(False)
        environment = {
            "NOTIFY_SOCKET": str(folder / "notify"),
            "WATCHDOG_USEC": f"{WATCHDOG_S * 1e6:.0f}",
            "RUNTIME_DIRECTORY": str(folder),
        }
        self.counters = Counters()
        self.source = ReopeningSource(find_no_camera, name="auto", stall_timeout_s=10.0)
        health = Health(
            self.counters,
            self.source,
            EmptyLog(),
            Sensors(folder),
            stalled_s=10.0,
            clock=RunClock(lambda: self.clock[0]),
        )
        self.reporter = HealthReporter(
            health, summary_interval_s=summary_interval_s, environment=environment, clock=lambda: self.clock[0]
        )

    def check(self, *, frames=0, seconds=0.5):
        """Process this many frames without a face, let `seconds` pass, and check as the main thread does."""
        for _ in range(frames):
            self.counters.latency.add(0.004)
            self.counters.count(make_observation())
        self.clock[0] += seconds
        self.reporter.check()

    def lose(self, reason, *, retry_s):
        state = self.source.state
        state.error, state.retry_at_s = reason, self.clock[0] + retry_s

    def received(self):
        """Return the notifications since the last call."""
        notifications = []
        while True:
            try:
                notifications.append(self.systemd.recv(1000).decode())
            except BlockingIOError:
                return notifications


def find_no_camera():
    raise CameraAbsentError("found none")


@pytest.fixture
def rig(tmp_path, monkeypatch):
    rig = Rig(tmp_path, monkeypatch)
    yield rig
    rig.reporter.close()
    rig.systemd.close()


def test_ready_is_sent_once_with_the_first_frame(rig):
    """The service is not ready when the process has started, only when a frame was processed."""
    rig.check()
    assert "READY=1" not in rig.received()
    rig.check(frames=1)
    assert rig.received()[:2] == ["READY=1", "WATCHDOG=1"]
    rig.check(frames=100, seconds=5)
    assert "READY=1" not in rig.received()


def test_pings_are_sent_with_frames_only(rig):
    """Without processed frames no ping is sent, whatever hangs, so that the watchdog ends the process."""
    rig.check(frames=1)
    rig.received()
    rig.check(frames=1, seconds=WATCHDOG_S / 2)
    assert "WATCHDOG=1" in rig.received()
    for _ in range(20):
        rig.check(seconds=WATCHDOG_S / 2)
    assert "WATCHDOG=1" not in rig.received()
    rig.check(frames=1)
    assert "WATCHDOG=1" in rig.received()


def test_camera_that_is_retried_counts_as_alive(rig):
    """While a lost camera is retried pings are sent, because a restart would not bring it back."""
    rig.check(frames=1)
    rig.lose("it was unplugged", retry_s=8.0)
    rig.received()
    rig.check(seconds=WATCHDOG_S / 2)
    assert rig.received() == ["WATCHDOG=1", "STATUS=camera lost, trying again in 4 s (0 re-opens): it was unplugged"]


def test_waiting_for_a_camera_extends_the_start(rig):
    """Until the first frame of an absent camera, systemd is repeatedly asked for more time, with the reason."""
    rig.lose("found none", retry_s=1.0)
    for _ in range(3):
        rig.check(seconds=STATUS_EVERY_S)
        notifications = rig.received()
        assert "EXTEND_TIMEOUT_USEC=60000000" in notifications
        assert any(line.startswith("STATUS=camera lost") for line in notifications)
    assert "READY=1" not in notifications
    rig.source.state.error = ""
    rig.check(frames=1, seconds=STATUS_EVERY_S)
    notifications = rig.received()
    assert "READY=1" in notifications
    assert not any(line.startswith("EXTEND") for line in notifications)


def test_slow_start_is_not_extended(rig):
    """A start without a lost camera may hang, which TimeoutStartSec is for."""
    for _ in range(5):
        rig.check(seconds=STATUS_EVERY_S)
    assert not any(line.startswith("EXTEND") for line in rig.received())


def test_status_is_sent_every_few_seconds_and_at_each_change(rig):
    """The status line is sent every `STATUS_EVERY_S`, and at once when the state or the next retry changes."""
    rig.check(frames=1)
    rig.received()
    for _ in range(4 * int(STATUS_EVERY_S)):
        rig.check(frames=15)
    statuses = [line for line in rig.received() if line.startswith("STATUS")]
    assert statuses == ["STATUS=30.0 frames/s, 0 faces"] * 2
    rig.lose("it was unplugged", retry_s=1.0)
    rig.check()
    rig.lose("it was unplugged", retry_s=2.0)
    rig.check()
    assert len([line for line in rig.received() if line.startswith("STATUS=camera lost")]) == 2


def test_stop_is_sent_once(rig):
    """A stopped run sends STOPPING when it is stopped, and not again when it has ended."""
    rig.reporter.stopping()
    rig.reporter.close()
    assert rig.received() == ["STOPPING=1", "STATUS=stopping"]


def test_end_without_a_stop_is_sent(rig):
    """A run that ends by itself, like that of a video, sends its end as well."""
    rig.reporter.close()
    assert "STOPPING=1" in rig.received()


def test_status_is_served_until_the_end(rig, tmp_path):
    """The status socket is in the runtime directory, and is removed when the run has ended."""
    rig.check(frames=3)
    assert query_status(tmp_path / "status.sock").frames == 3
    rig.reporter.close()
    assert not (tmp_path / "status.sock").exists()


def test_summary_is_logged_once_a_minute(tmp_path, monkeypatch, caplog):
    """The summary has the sensors' values, and the whole status as fields."""
    caplog.set_level(logging.INFO)
    zone = tmp_path / "sys/class/thermal/thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "temp").write_text("61500\n")
    firmware = tmp_path / "sys/devices/platform/soc/soc:firmware"
    firmware.mkdir(parents=True)
    (firmware / "get_throttled").write_text("1\n")
    rig = Rig(tmp_path, monkeypatch, summary_interval_s=60.0)
    for _ in range(2 * 125):
        rig.check(frames=15)
    rig.reporter.close()
    rig.systemd.close()
    messages = [record.getMessage() for record in caplog.records]
    assert (
        messages
        == [
            "30.0 frames/s, 0 faces; 0 re-opens, 0 frames dropped; latency 4.0 ms, p95 4.0 ms; "
            "log 0 kB and 0 writes an hour; 62 °C; under-voltage"
        ]
        * 2
    )
    fields = caplog.records[0].fields
    assert (fields["state"], fields["temperature_c"], fields["throttled"]) == ("running", 61.5, ["under-voltage"])
    assert "last_error" not in fields


def test_no_summary_without_an_interval(rig, caplog):
    """On a terminal, where the table shows everything, no summary is logged."""
    caplog.set_level(logging.INFO)
    for _ in range(200):
        rig.check(frames=1, seconds=60)
    assert caplog.records == []


def test_last_warning_of_the_program_is_in_the_status(rig, tmp_path):
    """Warnings of every module are kept for the status, until the run has ended."""
    logging.getLogger("edge.sources.reopen").warning("it was unplugged")
    assert query_status(tmp_path / "status.sock").last_error == "it was unplugged"
    handlers = list(logging.getLogger("edge").handlers)
    rig.reporter.close()
    assert len(logging.getLogger("edge").handlers) == len(handlers) - 1


def test_socket_that_cannot_be_created_is_a_warning(tmp_path, caplog):
    """Without a runtime directory the run goes on, and the warning names the socket."""
    health = Health(
        Counters(),
        ReopeningSource(find_no_camera, name="", stall_timeout_s=1.0),
        EmptyLog(),
        Sensors(tmp_path),
        stalled_s=1.0,
    )
    reporter = HealthReporter(health, summary_interval_s=0.0, environment={"RUNTIME_DIRECTORY": str(tmp_path / "none")})
    reporter.check()
    reporter.close()
    assert "the status socket cannot be opened: No such file or directory" in caplog.text
    assert STATUS_SOCKET.name in caplog.text


def test_a_run_by_hand_is_found(tmp_path):
    """Without systemd the socket is in the user's runtime directory; the service comes first, a dead one goes."""
    environment = {"XDG_RUNTIME_DIR": str(tmp_path / "user")}
    service = tmp_path / "service.sock"
    assert find_socket(service, environment) == service
    sockets = user_sockets(environment)
    health = Health(
        Counters(),
        ReopeningSource(find_no_camera, name="", stall_timeout_s=1.0),
        EmptyLog(),
        Sensors(tmp_path),
        stalled_s=1.0,
    )
    with closing(HealthReporter(health, summary_interval_s=0.0, environment=environment)):
        own = sockets / f"{os.getpid()}.sock"
        with socket.socket(socket.AF_UNIX) as killed:
            killed.bind(str(sockets / "1.sock"))
        os.utime(own, (0, 0))  # else both may be of the same moment, and the dead one not be tried
        assert find_socket(service, environment) == own
        assert list(sockets.iterdir()) == [own]
        assert query_status(own).pid == os.getpid()
        with closing(StatusServer(service, lambda: b"")):
            assert find_socket(service, environment) == service
    assert list(sockets.iterdir()) == []


def test_a_run_by_hand_is_found_without_the_users_environment(tmp_path):
    """Assistants start `edge-emotion mcp` with few variables: the usual runtime directory counts, too."""
    environment = {"XDG_RUNTIME_DIR": str(tmp_path / str(os.getuid()))}
    own = user_sockets(environment) / "1.sock"
    own.parent.mkdir(parents=True)
    with closing(StatusServer(own, lambda: b"")):
        bare = {"XDG_STATE_HOME": str(tmp_path / "state")}
        assert find_socket(tmp_path / "service.sock", bare, logins=tmp_path) == own


def test_a_run_by_hand_works_without_a_place_for_its_socket(tmp_path, caplog):
    """A folder that cannot be made costs a run by hand its status, and no warning in its table."""
    (tmp_path / "file").touch()
    health = Health(
        Counters(),
        ReopeningSource(find_no_camera, name="", stall_timeout_s=1.0),
        EmptyLog(),
        Sensors(tmp_path),
        stalled_s=1.0,
    )
    environment = {"XDG_RUNTIME_DIR": str(tmp_path / "file")}
    reporter = HealthReporter(health, summary_interval_s=0.0, environment=environment)
    reporter.check()
    reporter.stopping()
    reporter.close()
    assert caplog.records == []
