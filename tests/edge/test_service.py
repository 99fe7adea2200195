"""systemd hears that a run is ready, alive and how it is when that is so, and not otherwise."""

import logging
import socket

import pytest

from edge import service as service_module
from edge.board import Board
from edge.errors import CameraAbsentError
from edge.health import Health
from edge.meters import Meters
from edge.runtime import notify
from edge.service import STATUS_EVERY_S, Service
from edge.sources.reopen import ReopeningSource
from edge.status import ask_status

WATCHDOG_S = 8.0


class Log:
    path, dropped, error, clock_error = "readings.jsonl", 0, "", ""
    bytes_written = flushes = 0


class Rig:
    """A service on a clock set by hand, with systemd's end of its socket.

    clock: `clock[0]`, s. heard: what was sent since it was last asked.
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
        self.meters = Meters()
        self.source = ReopeningSource(nothing, name="auto", patience_s=10.0)
        health = Health(self.meters, self.source, Log(), Board(folder), stalled_s=10.0, clock=lambda: self.clock[0])
        self.service = Service(
            health, summary_interval_s=summary_interval_s, environment=environment, clock=lambda: self.clock[0]
        )

    def look(self, *, frames=0, seconds=0.5):
        """So many frames are processed, so much time goes by, and the main thread looks."""
        for _ in range(frames):
            self.meters.latency.add(0.004)
        self.clock[0] += seconds
        self.service.check()

    def lose(self, reason, *, retry_s):
        state = self.source.state
        state.lost, state.retry_at_s = reason, self.clock[0] + retry_s

    def heard(self):
        words = []
        while True:
            try:
                words.append(self.systemd.recv(1000).decode())
            except BlockingIOError:
                return words


def nothing():
    raise CameraAbsentError("found none")


@pytest.fixture
def rig(tmp_path, monkeypatch):
    rig = Rig(tmp_path, monkeypatch)
    yield rig
    rig.service.close()
    rig.systemd.close()


def test_it_is_ready_with_the_first_frame_and_says_so_once(rig):
    """Not when the process is up, nor when the camera is open."""
    rig.look()
    assert "READY=1" not in rig.heard()
    rig.look(frames=1)
    assert rig.heard()[:2] == ["READY=1", "WATCHDOG=1"]
    rig.look(frames=100, seconds=5)
    assert "READY=1" not in rig.heard()


def test_signs_of_life_come_with_frames_only(rig):
    """Whatever hangs, the driver or a step: no frames, no signs, and the watchdog ends it."""
    rig.look(frames=1)
    rig.heard()
    rig.look(frames=1, seconds=WATCHDOG_S / 2)
    assert "WATCHDOG=1" in rig.heard()
    for _ in range(20):
        rig.look(seconds=WATCHDOG_S / 2)
    assert "WATCHDOG=1" not in rig.heard()
    rig.look(frames=1)
    assert "WATCHDOG=1" in rig.heard()


def test_a_camera_that_is_tried_again_counts_as_alive(rig):
    """To start the process anew would not bring it back; the status says what is going on."""
    rig.look(frames=1)
    rig.lose("it was unplugged", retry_s=8.0)
    rig.heard()
    rig.look(seconds=WATCHDOG_S / 2)
    assert rig.heard() == ["WATCHDOG=1", "STATUS=camera lost, trying again in 4 s (0 re-opens): it was unplugged"]


def test_a_camera_that_was_never_there_is_waited_for(rig):
    """Systemd is asked for more time, again and again, and told why."""
    rig.lose("found none", retry_s=1.0)
    for _ in range(3):
        rig.look(seconds=STATUS_EVERY_S)
        words = rig.heard()
        assert "EXTEND_TIMEOUT_USEC=60000000" in words
        assert any(word.startswith("STATUS=camera lost") for word in words)
    assert "READY=1" not in words
    rig.source.state.lost = ""
    rig.look(frames=1, seconds=STATUS_EVERY_S)
    words = rig.heard()
    assert "READY=1" in words
    assert not any(word.startswith("EXTEND") for word in words)


def test_a_start_that_is_merely_slow_is_given_no_more_time(rig):
    """It hangs, perhaps: TimeoutStartSec is there for that."""
    for _ in range(5):
        rig.look(seconds=STATUS_EVERY_S)
    assert not any(word.startswith("EXTEND") for word in rig.heard())


def test_the_status_is_told_every_few_seconds_and_at_each_turn(rig):
    """Not twice a second, and not only then when something has just been lost."""
    rig.look(frames=1)
    rig.heard()
    for _ in range(4 * int(STATUS_EVERY_S)):
        rig.look(frames=15)
    statuses = [word for word in rig.heard() if word.startswith("STATUS")]
    assert statuses == ["STATUS=30.0 frames/s, 0 faces"] * 2
    rig.lose("it was unplugged", retry_s=1.0)
    rig.look()
    rig.lose("it was unplugged", retry_s=2.0)
    rig.look()
    assert len([word for word in rig.heard() if word.startswith("STATUS=camera lost")]) == 2


def test_the_end_is_told_once(rig):
    """Whether it was asked for or came by itself."""
    rig.service.stopping()
    rig.service.close()
    assert rig.heard() == ["STOPPING=1", "STATUS=stopping"]


def test_an_end_by_itself_is_told_too(rig):
    """A video is over."""
    rig.service.close()
    assert "STOPPING=1" in rig.heard()


def test_whoever_asks_is_answered_until_the_end(rig, tmp_path):
    """In the runtime directory that systemd made."""
    rig.look(frames=3)
    assert ask_status(tmp_path / "status.sock").frames == 3
    rig.service.close()
    assert not (tmp_path / "status.sock").exists()


def test_a_summary_goes_to_the_log_once_a_minute(tmp_path, monkeypatch, caplog):
    """With temperature and power where the machine tells them, and all of it as fields, too."""
    caplog.set_level(logging.INFO)
    zone = tmp_path / "sys/class/thermal/thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "temp").write_text("61500\n")
    firmware = tmp_path / "sys/devices/platform/soc/soc:firmware"
    firmware.mkdir(parents=True)
    (firmware / "get_throttled").write_text("1\n")
    rig = Rig(tmp_path, monkeypatch, summary_interval_s=60.0)
    for _ in range(2 * 125):
        rig.look(frames=15)
    rig.service.close()
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


def test_without_an_interval_there_is_no_summary(rig, caplog):
    """On a terminal the table says it all."""
    caplog.set_level(logging.INFO)
    for _ in range(200):
        rig.look(frames=1, seconds=60)
    assert caplog.records == []


def test_warnings_of_the_whole_program_are_remembered(rig, tmp_path):
    """And no longer than the run."""
    logging.getLogger("edge.sources.reopen").warning("it was unplugged")
    assert ask_status(tmp_path / "status.sock").last_error == "it was unplugged"
    handlers = list(logging.getLogger("edge").handlers)
    rig.service.close()
    assert len(logging.getLogger("edge").handlers) == len(handlers) - 1


def test_a_socket_that_cannot_be_made_is_named_and_no_end(tmp_path, caplog):
    """Readings are what it is for."""
    health = Health(Meters(), ReopeningSource(nothing, name="", patience_s=1.0), Log(), Board(tmp_path), stalled_s=1.0)
    service = Service(health, summary_interval_s=0.0, environment={"RUNTIME_DIRECTORY": str(tmp_path / "none")})
    service.check()
    service.close()
    assert "the status cannot be asked for: No such file or directory" in caplog.text
    assert service_module.STATUS_SOCKET.name in caplog.text


def test_by_hand_nothing_of_it_shows(tmp_path):
    """No socket of any kind."""
    health = Health(Meters(), ReopeningSource(nothing, name="", patience_s=1.0), Log(), Board(tmp_path), stalled_s=1.0)
    service = Service(health, summary_interval_s=0.0, environment={})
    service.check()
    service.stopping()
    service.close()
    assert list(tmp_path.iterdir()) == []
