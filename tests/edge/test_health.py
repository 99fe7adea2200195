"""How a run is, is put together from what its parts say of themselves."""

import logging

import pytest

from edge import __version__
from edge.board import Board
from edge.health import Health
from edge.meters import Meters
from edge.runtime.guard import Guard
from edge.runtime.handover import HandOver, Policy
from edge.scenes.catalogue import make_scene
from edge.sources.reopen import ReopeningSource
from edge.sources.scene import SceneSource
from edge.status import SinkStatus

STALLED_S = 10.0


class FullLog:
    """A log on a full disk."""

    path, dropped, error = "readings.jsonl", 7, "No space left on device"
    clock_error, bytes_written, flushes = "the clock is not set yet", 12_000, 34


@pytest.fixture
def clock():
    return [1000.0]


@pytest.fixture
def meters():
    meters = Meters()
    meters.dropped = lambda: 3
    meters.undelivered = lambda: 2
    return meters


@pytest.fixture
def source():
    return ReopeningSource(lambda: SceneSource(make_scene("one"), live=False), name="auto", patience_s=10.0)


@pytest.fixture
def health(tmp_path, clock, meters, source):
    return Health(meters, source, FullLog(), Board(tmp_path), stalled_s=STALLED_S, clock=lambda: clock[0])


def process(meters, clock, health, *, frames, seconds):
    """So many frames, evenly over so many seconds, looked at twice a second."""
    before = meters.latency.count
    for look in range(2 * seconds):
        while meters.latency.count - before < frames * (look + 1) / (2 * seconds):
            meters.latency.add(0.004)
        clock[0] += 0.5
        health.update()


def test_it_is_running_while_frames_are_processed(health, meters, clock):
    """Starting before the first, stalled when there were none for a while, running when they come again."""
    assert health.state == "starting"
    meters.latency.add(0.004)
    assert health.update() == 1
    assert health.state == "running"
    clock[0] += STALLED_S + 1
    assert health.update() == 0
    assert health.state == "stalled"
    meters.latency.add(0.004)
    assert health.update() == 1
    assert health.state == "running"
    health.stopping = True
    assert health.state == "stopping"


def test_a_lost_camera_is_told_with_its_reason_and_the_next_try(health, meters, source, clock):
    """Neither faces nor frames a second are told of a camera that is away."""
    process(meters, clock, health, frames=100, seconds=5)
    meters.faces = 2
    assert health.status().faces == 2
    turn = health.turn
    source.state.lost, source.state.retry_at_s, source.state.reopens = "unplugged", clock[0] + 8.0, 4
    assert health.turn != turn
    status = health.status()
    assert (status.state, status.camera_error, status.retry_in_s, status.reopens) == (
        "camera lost",
        "unplugged",
        8.0,
        4,
    )
    assert (status.faces, status.fps) == (0, 0.0)
    assert not status.is_well


def test_the_rate_is_that_of_the_last_seconds(health, meters, clock):
    """Not that of the whole run, and none of the time before the first frame."""
    clock[0] += 60
    process(meters, clock, health, frames=30, seconds=1)
    assert health.status().fps == 0.0  # not known yet
    process(meters, clock, health, frames=120, seconds=4)
    assert health.status().fps == pytest.approx(30, abs=1)
    process(meters, clock, health, frames=60, seconds=12)
    assert health.status().fps == pytest.approx(5, abs=0.5)


def test_everything_else_comes_from_where_it_is_known(health, meters, clock):
    """Counts, times, the log's state, the version and the process."""
    process(meters, clock, health, frames=30, seconds=1)
    status = health.status()
    assert (status.version, status.source, status.frames) == (__version__, "auto", 30)
    assert (status.dropped, status.undelivered, status.log_dropped) == (3, 2, 7)
    assert (status.log, status.log_error) == ("readings.jsonl", "No space left on device")
    assert (status.clock_error, status.log_bytes, status.log_flushes) == ("the clock is not set yet", 12_000, 34)
    assert (status.latency_ms_p50, status.latency_ms_p95) == (4.0, 4.0)
    assert status.uptime_s == 1.0
    assert (status.temperature_c, status.throttled, status.core_v) == (None, None, None)


def test_a_run_without_a_frame_has_no_latency(health):
    assert health.status().latency_ms_p50 is None


def test_the_board_tells_its_state(tmp_path, clock, meters, source):
    """What the firmware says, in words."""
    zone, firmware = tmp_path / "sys/class/thermal/thermal_zone0", tmp_path / "sys/devices/platform/soc/soc:firmware"
    zone.mkdir(parents=True)
    firmware.mkdir(parents=True)
    (zone / "temp").write_text("61500\n")
    (firmware / "get_throttled").write_text("50000\n")
    health = Health(meters, source, FullLog(), Board(tmp_path), stalled_s=1.0, clock=lambda: clock[0])
    status = health.status()
    assert status.temperature_c == 61.5
    assert status.throttled == ["under-voltage since boot", "throttled since boot"]


def test_the_newest_warning_is_kept(health):
    """Notes are none."""
    logger = logging.getLogger("edge.test_health")
    logger.addHandler(health.last_error)
    logger.setLevel(logging.INFO)
    logger.warning("first")
    logger.error("second %d", 2)
    logger.info("note")
    logger.removeHandler(health.last_error)
    status = health.status()
    assert status.last_error == "second 2"
    assert status.last_error_at.endswith("Z")


def test_a_source_that_is_not_opened_again_has_no_losses(tmp_path, meters):
    """A file, or a run by hand."""
    source = SceneSource(make_scene("one"), live=False)
    health = Health(meters, source, FullLog(), Board(tmp_path), stalled_s=1.0)
    assert (health.status().reopens, health.status().retry_in_s) == (0, None)


def test_a_stall_counts_once_however_long_it_lasts(health, meters, clock):
    """So that an alert can count them: a new one only after a frame."""
    process(meters, clock, health, frames=30, seconds=1)
    for _ in range(60):
        clock[0] += 0.5
        health.update()
    assert health.status().stalls == 1
    process(meters, clock, health, frames=30, seconds=1)
    clock[0] += STALLED_S + 1
    health.update()
    assert health.status().stalls == 2


def test_a_sink_is_told_of_with_its_queue(health, meters):
    """What it has not been given is counted together, whichever end it was lost at."""
    queue = HandOver(Policy.NEWEST_WINS, capacity=2)
    for item in range(5):
        queue.put(item)
    guard = Guard("mqtt", lambda: None)
    guard.dropped, guard.faults = 4, 2
    health.sinks, meters.outlets = [guard, Guard("page", lambda: None)], {"mqtt": queue}
    mqtt, page = health.status().sinks
    assert mqtt == SinkStatus(name="mqtt", dropped=7, faults=2, waiting=2, capacity=2)
    assert page == SinkStatus(name="page")


def test_the_latency_is_worked_out_now_and_then(health, meters, clock):
    """However often it is asked for: sorting is most of a status' cost."""
    process(meters, clock, health, frames=30, seconds=1)
    assert health.status().latency_ms_p50 == 4.0
    for _ in range(1000):
        meters.latency.add(0.5)
    assert health.status().latency_ms_p50 == 4.0
    clock[0] += 3.0
    assert health.status().latency_ms_p50 == 500.0
