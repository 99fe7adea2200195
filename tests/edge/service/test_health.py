"""A run's state and status are derived from its counters, source, log, sensors and sinks."""

import logging
from itertools import cycle, pairwise
from types import SimpleNamespace

import pytest
from samples import make_observation, make_status

from edge import __version__
from edge.counters import Counters, Delivery
from edge.device.run_clock import RunClock
from edge.device.sensors import Sensors
from edge.runtime.queue import BoundedQueue, Policy
from edge.scenes.catalogue import make_scene
from edge.service.health import Health
from edge.settings.schema import SourceSettings
from edge.sinks.supervised import SupervisedSink
from edge.sources.mounting import Mounting
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
    """The monotonic clock as a list of one value, s, that a test can change."""
    return [1000.0]


@pytest.fixture
def counters():
    counters = Counters()
    counters.queues = {"follow": SimpleNamespace(dropped=1), "classify": SimpleNamespace(dropped=2)}
    counters.sink_queues = {"log": SimpleNamespace(dropped=2)}
    return counters


@pytest.fixture
def source():
    return ReopeningSource(lambda: SceneSource(make_scene("one"), live=False), name="auto", stall_timeout_s=10.0)


@pytest.fixture
def health(tmp_path, clock, counters, source):
    return Health(counters, source, FullLog(), Sensors(tmp_path), stalled_s=STALLED_S, clock=RunClock(lambda: clock[0]))


def process(counters, clock, health, *, frames, seconds):
    """Process this many frames, spread evenly over `seconds`, with an update twice a second."""
    before = counters.latency.count
    for update in range(2 * seconds):
        while counters.latency.count - before < frames * (update + 1) / (2 * seconds):
            counters.latency.add(0.004)
        clock[0] += 0.5
        health.update()


def test_state_follows_the_processed_frames(health, counters, clock):
    """The state is starting before the first frame, stalled after a while without frames, and else running."""
    assert health.state == "starting"
    counters.latency.add(0.004)
    assert health.update() == 1
    assert health.state == "running"
    clock[0] += STALLED_S + 1
    assert health.update() == 0
    assert health.state == "stalled"
    counters.latency.add(0.004)
    assert health.update() == 1
    assert health.state == "running"
    health.stopping = True
    assert health.state == "stopping"


def test_lost_camera_has_its_reason_and_next_retry(health, counters, source, clock):
    """While the camera is lost the status gives the reason and the retry, and neither faces nor a frame rate."""
    process(counters, clock, health, frames=100, seconds=5)
    counters.faces = 2
    assert health.status().faces == 2
    before = health.change_key
    source.state.error, source.state.retry_at_s, source.state.reopens = "unplugged", clock[0] + 8.0, 4
    assert health.change_key != before
    status = health.status()
    assert (status.state, status.camera_error, status.retry_in_s, status.reopens) == (
        "camera lost",
        "unplugged",
        8.0,
        4,
    )
    assert (status.faces, status.fps, status.camera_fps) == (None, 0.0, 0.0)
    assert (status.latency_ms_p50, status.latency_ms_p95) == (None, None)
    assert not status.is_healthy


def test_faces_from_before_a_problem_are_unknown_after_it(health, counters, source, clock):
    """A camera that is back has no faces until its first frame is processed, rather than those from before."""
    counters.count(make_observation("happy"))
    process(counters, clock, health, frames=100, seconds=5)
    assert health.status().faces == 1
    source.state.error = "unplugged"
    health.update()
    source.state.error = ""
    assert (health.state, health.status().faces) == ("running", None)
    counters.count(make_observation())
    assert health.status().faces == 0


def test_unknown_values_are_none_before_the_first_frame(health):
    """While the run starts, neither faces nor rates nor latency are known."""
    status = health.status()
    assert status.state == "starting"
    assert (status.faces, status.fps, status.camera_fps, status.latency_ms_p50) == (None,) * 4


@pytest.mark.parametrize(
    ("state", "has_problem"),
    [("starting", False), ("running", False), ("stopping", False), ("camera lost", True), ("stalled", True)],
)
def test_starting_and_stopping_are_no_camera_problems(state, has_problem):
    """Only a camera that should deliver frames and does not has a problem."""
    assert make_status(state=state).has_camera_problem is has_problem


def test_frame_rate_is_that_of_the_last_seconds(health, counters, clock):
    """The rate is not averaged over the whole run, and the time before the first frame does not count."""
    clock[0] += 60
    process(counters, clock, health, frames=30, seconds=1)
    assert health.status().fps is None  # not known yet
    process(counters, clock, health, frames=120, seconds=4)
    assert health.status().fps == pytest.approx(30, abs=1)
    process(counters, clock, health, frames=60, seconds=12)
    assert health.status().fps == pytest.approx(5, abs=0.5)


def test_with_counts_only_nothing_tells_when_somebody_comes(tmp_path, clock, counters, source):
    """Frame rate, frames and temperature follow the work that faces cause; they change once a minute at most."""
    zone = tmp_path / "sys/class/thermal/thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "temp").write_text("40000\n")
    health = Health(
        counters,
        source,
        FullLog(),
        Sensors(tmp_path),
        stalled_s=9.0,
        counts_only=True,
        clock=RunClock(lambda: clock[0]),
    )
    seen = []
    for second in range(300):
        counters.captured += 2 if second < 90 else 30  # somebody comes
        (zone / "temp").write_text(f"{40000 + 100 * second}\n")
        process(counters, clock, health, frames=2 if second < 90 else 30, seconds=1)
        status = health.status()
        assert (status.state, status.latency_ms_p50, status.latency_ms_p95) == ("running", None, None)
        seen.append((status.frames, status.fps, status.camera_fps, status.dropped, status.temperature_c))
    changes = [second for second in range(1, 300) if seen[second] != seen[second - 1]]
    assert len(changes) == 4
    assert all(later - earlier >= 60 for earlier, later in pairwise(changes))
    assert seen[-1][1] == pytest.approx(30, abs=1)


def test_status_has_the_values_of_its_parts(health, counters, clock):
    """Counts, latency, the log's values and the version appear in the status."""
    process(counters, clock, health, frames=30, seconds=1)
    status = health.status()
    assert (status.version, status.source, status.frames) == (__version__, "auto", 30)
    assert (status.dropped, status.undelivered, status.log_dropped) == (3, 2, 7)
    assert (status.log, status.log_error) == ("readings.jsonl", "No space left on device")
    assert (status.clock_error, status.log_bytes, status.log_flushes) == ("the clock is not set yet", 12_000, 34)
    assert (status.latency_ms_p50, status.latency_ms_p95) == (4.0, 4.0)
    assert status.uptime_s == 1.0
    assert (status.temperature_c, status.throttled, status.core_v) == (None, None, None)


def test_status_has_the_sensors_values(tmp_path, clock, counters, source):
    """The temperature and the throttle flags, in words, are read from the board."""
    zone, firmware = tmp_path / "sys/class/thermal/thermal_zone0", tmp_path / "sys/devices/platform/soc/soc:firmware"
    zone.mkdir(parents=True)
    firmware.mkdir(parents=True)
    (zone / "temp").write_text("61500\n")
    (firmware / "get_throttled").write_text("50000\n")
    health = Health(counters, source, FullLog(), Sensors(tmp_path), stalled_s=1.0, clock=RunClock(lambda: clock[0]))
    status = health.status()
    assert status.temperature_c == 61.5
    assert status.throttled == ["under-voltage since boot", "throttled since boot"]


def test_newest_warning_is_kept(health):
    """The status has the last warning or error that was logged; messages of level INFO do not replace it."""
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


def test_source_that_is_never_reopened_has_no_losses(tmp_path, counters):
    """The status of a file's run has neither re-opens nor a retry."""
    source = SceneSource(make_scene("one"), live=False)
    health = Health(counters, source, FullLog(), Sensors(tmp_path), stalled_s=1.0)
    assert (health.status().reopens, health.status().retry_in_s) == (0, None)


def test_stall_counts_once_however_long_it_lasts(health, counters, clock):
    """A second stall is counted only after a frame was processed, so that an alert can count stalls."""
    process(counters, clock, health, frames=30, seconds=1)
    for _ in range(60):
        clock[0] += 0.5
        health.update()
    assert health.status().stalls == 1
    process(counters, clock, health, frames=30, seconds=1)
    clock[0] += STALLED_S + 1
    health.update()
    assert health.status().stalls == 2


def test_sink_status_includes_its_queue(health, counters):
    """Items that the queue dropped and items that came while the sink was not open are counted together."""
    queue = BoundedQueue(Policy.DROP_OLDEST, capacity=2)
    for item in range(5):
        queue.put(item)
    sink = SupervisedSink("mqtt", lambda: None)
    sink.dropped, sink.faults = 4, 2
    health.sinks, counters.sink_queues = [sink, SupervisedSink("page", lambda: None)], {"mqtt": queue}
    mqtt, page = health.status().sinks
    assert mqtt == SinkStatus(name="mqtt", dropped=7, faults=2, waiting=2, capacity=2)
    assert page == SinkStatus(name="page")


def test_latency_is_kept_between_statuses(health, counters, clock):
    """The percentiles are computed every few seconds, however often the status is queried."""
    process(counters, clock, health, frames=30, seconds=1)
    assert health.status().latency_ms_p50 == 4.0
    for _ in range(1000):
        counters.latency.add(0.5)
    assert health.status().latency_ms_p50 == 4.0
    clock[0] += 3.0
    assert health.status().latency_ms_p50 == 500.0


def test_the_status_has_the_rotation_in_use(tmp_path, counters, source):
    """A turn while the run goes on shows in the next status, with its origin."""
    mounting = Mounting(SourceSettings())
    health = Health(counters, source, FullLog(), Sensors(tmp_path), stalled_s=STALLED_S, mounting=mounting)
    assert (health.status().rotation, health.status().rotation_found) == (0, False)
    mounting.turn(180)
    assert (health.status().rotation, health.status().rotation_found) == (180, True)


@pytest.mark.parametrize(("fault", "words"), [("frozen", "repeats one picture"), ("dark", "is black")])
def test_a_bad_picture_is_a_state_of_its_own(health, counters, clock, fault, words):
    """The status names the fault; frames have a rate, but whether there is a face is not known."""
    process(counters, clock, health, frames=120, seconds=4)
    counters.faces, counters.observations, counters.picture_fault = 0, 1, fault
    status = health.status()
    assert (status.state, status.picture_fault, status.is_healthy) == ("bad picture", fault, False)
    assert words in status.camera_error
    assert status.summary == f"bad picture: {status.camera_error}"
    assert (status.faces, status.fps) == (None, pytest.approx(30, abs=1))
    assert status.processes_frames
    counters.picture_fault, counters.observations = None, 2
    status = health.status()
    assert (status.state, status.camera_error, status.faces) == ("running", "", 0)


@pytest.mark.parametrize("faults", [[None, "frozen"], ["frozen", None]])
def test_a_status_agrees_with_itself_while_the_picture_changes(health, counters, clock, monkeypatch, faults):
    """The pipeline changes the fault at any time, also while a status is made: its fields are of one moment."""
    process(counters, clock, health, frames=120, seconds=4)
    counters.faces, counters.observations = 1, 1
    reads = cycle(faults)
    monkeypatch.setattr(Counters, "picture_fault", property(lambda _: next(reads)))
    for _ in range(4):
        status = health.status()
        assert (status.state == "bad picture", bool(status.camera_error)) == (status.picture_fault is not None,) * 2


@pytest.mark.parametrize("name", ["log", "mqtt", "page", "console"])
def test_a_blocked_sink_is_in_the_status(health, counters, clock, name):
    """The log, an optional sink, a viewer and the console are each named within 10 s, with what a viewer missed."""
    page = BoundedQueue(Policy.DROP_OLDEST)
    counters.deliveries = {name: Delivery(page)}
    health.sinks = [SupervisedSink("mqtt", lambda: None), SupervisedSink("page", lambda: None)]
    counters.sink_queues = {"mqtt": BoundedQueue(Policy.DROP_OLDEST)}
    process(counters, clock, health, frames=30, seconds=1)
    counters.deliveries[name].calls += 1
    process(counters, clock, health, frames=30, seconds=1)
    for item in range(4):
        page.put(item)
    process(counters, clock, health, frames=300, seconds=8)
    status = health.status()
    assert status.blocked == [name]
    assert f"{name}: blocked" in status.summary or "the log cannot be written: blocked" in status.summary
    assert status.log_error.startswith("blocked for") == (name == "log")
    for sink in status.sinks:
        assert sink.error.startswith("blocked for") == (name == sink.name)
        assert sink.faults == (name == sink.name)
    assert status.sinks[1].dropped == 3 * (name == "page")


def test_pauses_of_the_process_are_counted(health, counters, clock):
    """A pause is in the status, and is no stall."""
    process(counters, clock, health, frames=30, seconds=1)
    health._clock.tick()
    clock[0] += 60.0
    health._clock.tick()
    health.update()
    status = health.status()
    assert (status.pauses, status.stalls, status.state) == (1, 0, "running")
