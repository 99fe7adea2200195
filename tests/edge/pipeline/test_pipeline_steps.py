"""How the pipeline connects its steps: queues, rates, counts, drops and closing, with scripted steps."""

import logging
import threading
import time

import cv2
import numpy as np
import pytest
from waiting import LIMIT_S, wait_for

from edge.counters import Counters
from edge.device.run_clock import RunClock
from edge.errors import CameraError, MediaError, StuckError
from edge.pipeline import pipeline as pipeline_module
from edge.pipeline.pipeline import Pipeline, Steps
from edge.records import Box, Frame, Track
from edge.scenes.catalogue import make_scene
from edge.settings.schema import ScheduleSettings, Settings, SourceSettings
from edge.sinks.base import Sink
from edge.sources.images import ImageSource
from edge.sources.loop import LoopSource
from edge.sources.scene import SceneSource
from edge.vision.classify_tracks import ClassifiedTrack
from edge.vision.schedule import ScheduleResult
from edge.vision.smooth import SmoothedPrediction

GRAY = np.zeros((48, 64), np.uint8)
WHOLE = Box(0, 0, 64, 48)
FACE, MISSED = Track(1, Box(-4, 8, 20, 20), 5, 0), Track(2, Box(30, 8, 20, 20), 5, 3)


class Source:
    """Gives `count` frames (None: without end), each when `go(index)` allows it; counts its reads and closes."""

    name, skipped = "scripted", 0

    def __init__(self, count=None, *, live=False, is_still_images=False):
        self.live = self.is_camera = live
        self.is_still_images = is_still_images
        self.reads = self.closed = 0
        self.go = lambda _index: True
        self.after_close = None
        self._count = count

    def read(self):
        index, self.reads = self.reads, self.reads + 1
        wait_for(lambda: self.closed or self.go(index))
        if self.closed and self.after_close:
            raise self.after_close
        if self.closed or index == self._count:
            return None
        now = time.monotonic()
        return Frame(GRAY, index, now, now if self.live else index / 30, self.name)

    def close(self):
        self.closed += 1


class Follower:
    """Returns scripted results; records the arguments of each call in `asked`."""

    def __init__(self, *, tracks=(), scan=lambda _index: None, idle=False):
        self._tracks, self._scan, self._idle = tracks, scan, idle
        self.asked, self.resets = [], 0
        self.go = threading.Event()
        self.go.set()

    def reset(self):
        self.resets += 1

    def update(self, _gray, **known):
        self.asked.append(known)
        assert self.go.wait(LIMIT_S)
        region = self._scan(len(self.asked) - 1)
        return ScheduleResult(self._tracks, region, region, self._idle)


class Scanner:
    """Finds nothing, as soon as `go` is set."""

    def __init__(self):
        self.asked = 0
        self.go = threading.Event()
        self.go.set()

    def scan(self, _gray, *, region=None):  # noqa: ARG002  # the signature of Detector.scan
        self.asked += 1
        assert self.go.wait(LIMIT_S)
        return []


class HappyClassifier:
    """Classifies every track that was not missed as happy, as soon as `go` is set."""

    labels = ("happy", "sad")

    def __init__(self, unclear=None):
        self.resets = self.asked = 0
        self._unclear = unclear
        self.go = threading.Event()
        self.go.set()

    def reset(self):
        self.resets += 1

    def update(self, _gray, tracks, *, media_time_s):  # noqa: ARG002  # as the real one
        self.asked += 1
        assert self.go.wait(LIMIT_S)
        said = SmoothedPrediction("happy", 0.75, np.array([0.75, 0.25], np.float32))
        return {track.track_id: ClassifiedTrack(said, self._unclear) for track in tracks if not track.missed}


class GatedSink(Sink):
    """Keeps its observations, each as soon as `go` is set."""

    name = "gated sink"

    def __init__(self):
        self.observations, self.closed = [], 0
        self.go = threading.Event()
        self.go.set()

    def write(self, observation):
        assert self.go.wait(LIMIT_S)
        self.observations.append(observation)

    def close(self):
        self.closed += 1


class Run:
    """A pipeline with scripted steps; as a context manager it runs on a thread, and stops at the end of the block."""

    def __init__(
        self,
        source,
        *,
        follower=None,
        track_classifier=None,
        stall_timeout_s=10.0,
        clock=None,
        picture=None,
        **schedule,
    ):
        self.source, self.sink, self.counters = source, GatedSink(), Counters()
        self.follower, self.scanner, self.track_classifier = (
            follower or Follower(),
            Scanner(),
            track_classifier or HappyClassifier(),
        )
        settings = Settings(
            source=SourceSettings(stall_timeout_s=stall_timeout_s), schedule=ScheduleSettings(**schedule)
        )
        steps = Steps(self.follower, self.scanner, self.track_classifier)
        self.pipeline = Pipeline(source, steps, [self.sink], self.counters, settings, clock=clock, picture=picture)
        self._outcome = []

    def __enter__(self):
        """Start the run; `__exit__` stops it and raises its error."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def _run(self):
        try:
            self.pipeline.run()
        except Exception as error:  # noqa: BLE001  # raised again below
            self._outcome.append(error)

    @property
    def has_ended(self):
        """Whether the run has ended with an error."""
        return bool(self._outcome)

    def __exit__(self, *_exception):
        self.pipeline.ask_stop()
        self._thread.join(LIMIT_S)
        assert not self._thread.is_alive()
        for error in self._outcome:
            raise error


class Heat:
    """A fake thermal throttle whose level the test sets."""

    def __init__(self, level=0):
        self.level, self.updates = level, 0

    def update(self, _now_s):
        self.updates += 1


@pytest.fixture
def heat(monkeypatch):
    """A fake thermal throttle, checked every ten milliseconds."""
    heat = Heat()
    monkeypatch.setattr(pipeline_module, "ThermalThrottle", lambda *_, **__: heat)
    monkeypatch.setattr(pipeline_module, "CHECK_EVERY_S", 0.01)
    return heat


@pytest.fixture
def clock():
    """A run clock whose time is its attribute `seconds`, s; it knows no pauses."""
    clock = RunClock(lambda: clock.seconds)
    clock.seconds = 1000.0
    clock.now_s = lambda: clock.seconds
    return clock


@pytest.fixture
def paces(monkeypatch):
    """Replaces the rate limiter by one that records the intervals set, s, and counts its waits, without waiting."""
    calls = {"set": [], "wait": 0}

    class RateLimiter:
        def set(self, interval_s):
            calls["set"].append(interval_s)

        def wait(self, _since_s):
            calls["wait"] += 1

        def close(self):
            """Nothing waits."""

    monkeypatch.setattr(pipeline_module, "RateLimiter", RateLimiter)
    return calls


@pytest.mark.parametrize(
    ("schedule", "idle", "level", "interval_s"),
    [
        ({}, False, 0, 0.0),
        ({}, True, 0, 1 / 5),
        ({"idle_fps": 60.0}, True, 0, 1 / 30),
        ({}, False, 2, 4 / 30),
        ({}, True, 1, 2 / 5),
        ({"max_fps": 10.0}, False, 0, 1 / 10),
        ({"max_fps": 10.0}, False, 1, 2 / 10),
        ({"max_fps": 3.0}, True, 0, 1 / 3),
    ],
)
def test_the_lowest_of_the_rates_applies(heat, paces, schedule, idle, level, interval_s):
    """`max_fps`, an idle room and heat each lower the camera's rate; without them the camera sets the pace."""
    heat.level = level
    Run(Source(3), follower=Follower(idle=idle), **schedule).pipeline.run()
    assert paces["set"] == pytest.approx([interval_s] * 3)


@pytest.mark.parametrize(("live", "waits"), [(True, 3), (False, 0)])
def test_only_a_camera_is_rate_limited(paces, live, waits):
    """The rate limiter slows down a camera; a file is read as fast as it is processed."""
    Run(Source(3, live=live), max_fps=10.0).pipeline.run()
    assert paces["wait"] == waits


def test_the_throttle_level_reaches_the_schedule(heat):
    """The run checks the temperature and passes the throttle level to the schedule, which then scans less often."""
    heat.level = 2
    with Run(Source(live=True)) as run:
        wait_for(lambda: heat.updates >= 3 and run.follower.asked)
    assert {known["throttle_level"] for known in run.follower.asked} == {2}


def test_a_cameras_frames_do_not_wait_for_a_scan():
    """A camera's frames are processed while a scan is under way; its result is used as soon as it is there."""
    follower = Follower(scan=lambda index: WHOLE if index == 0 else None)
    run = Run(Source(live=True), follower=follower)
    run.scanner.go.clear()
    with run:
        wait_for(lambda: run.scanner.asked)
        seen = len(follower.asked)
        wait_for(lambda: len(follower.asked) >= seen + 5)
        assert all(known["scan_result"] is None for known in follower.asked[: seen + 5])
        run.scanner.go.set()
        wait_for(lambda: any(known["scan_result"] for known in follower.asked))


def test_a_files_next_frame_waits_for_the_scan():
    """The frame after a scan request waits for the scan's result, however long it takes; other frames do not wait."""
    follower = Follower(scan=lambda index: WHOLE if index == 1 else None)
    run = Run(Source(5), follower=follower)
    run.scanner.go.clear()
    threading.Timer(0.1, run.scanner.go.set).start()
    run.pipeline.run()
    assert [known["scan_result"] is not None for known in follower.asked] == [False, False, True, False, False]


def test_a_slow_sink_does_not_slow_a_camera(monkeypatch):
    """A slow sink's queue drops the oldest observations, so the camera goes on; those in the queue still arrive."""
    monkeypatch.setattr("edge.pipeline.fanout.SINK_CAPACITY", 4)
    with Run(Source(live=True)) as run:
        run.sink.go.clear()
        wait_for(lambda: run.counters.latency.count >= 20)
        run.sink.go.set()
    assert len(run.sink.observations) >= 4


def test_a_camera_whose_first_frame_takes_its_time_is_not_silent(heat):
    """The stall timeout of the first frame counts from the start of the run."""
    source = Source(live=True)
    source.go = lambda _index: heat.updates >= 5
    with Run(source, stall_timeout_s=LIMIT_S) as run:
        wait_for(lambda: run.sink.observations)


def test_a_camera_that_gives_frames_is_not_silent(heat, clock):
    """The stall timeout counts from the beginning of each read: a run may last longer than that."""
    source = Source(10, live=True)
    read = source.read

    def read_with_clock():
        clock.seconds += 0.3
        checked = heat.updates
        wait_for(lambda: heat.updates > checked)  # the run has looked at the clock
        return read()

    source.read = read_with_clock
    run = Run(source, stall_timeout_s=0.5, clock=clock)
    run.pipeline.run()
    assert run.counters.captured == 10


def test_a_looped_file_may_take_its_time_to_begin_again(heat, clock):
    """Opening a file for the next round takes a slow machine longer than a camera may be silent: that is no failure."""
    scene = make_scene("empty", width=64, height=64, fps=20, duration_s=0.2)
    opened = []

    def open_slowly():
        if opened:
            clock.seconds += 60.0
            checked = heat.updates
            wait_for(lambda: heat.updates > checked + 1 or run.has_ended)  # the run has looked at the clock
        opened.append(SceneSource(scene, live=False))
        return opened[-1]

    run = Run(LoopSource(open_slowly), stall_timeout_s=0.5, clock=clock)
    with run:
        wait_for(lambda: len(opened) > 2 or run.has_ended)
    assert len(opened) > 2


def test_a_looped_file_with_tiny_pictures_is_no_broken_camera(tmp_path, clock):
    """Pictures that no camera would give are shown like all others of a file, however long they last."""
    (tmp_path / "tiny.png").write_bytes(cv2.imencode(".png", np.full((8, 8), 99, np.uint8))[1].tobytes())
    with Run(LoopSource(lambda: ImageSource(tmp_path)), stall_timeout_s=0.5, clock=clock) as run:
        for count in (1, 2, 3):
            wait_for(lambda count=count: len(run.sink.observations) >= count or run.has_ended)
            clock.seconds += 60.0


def test_a_camera_that_is_read_rarely_is_not_silent(heat, clock):
    """A hot board reads its camera every few seconds: the time between two reads is no silence."""
    source = Source(3, live=True)
    frames = iter(range(3))
    run = Run(source, stall_timeout_s=0.5, clock=clock)

    def wait(_since_s):
        next(frames)
        clock.seconds += 4.0
        checked = heat.updates
        wait_for(lambda: heat.updates > checked + 1)

    run.pipeline._rate_limiter.wait = wait
    run.pipeline.run()
    assert run.counters.captured == 3


class ScriptedMonitor:
    """Reports scripted faults, one a frame."""

    def __init__(self, *faults):
        self.fault, self._faults = None, list(faults)

    def update(self, _gray, *, media_time_s):  # noqa: ARG002  # as the real one
        self.fault = self._faults.pop(0)
        return self.fault


def test_faces_end_while_the_picture_shows_nothing(caplog):
    """A fault ends the faces, is named once and in each observation, and afterwards all tracks start anew."""
    caplog.set_level(logging.INFO)
    faults = [None, None, "frozen", "frozen", "dark", None, None]
    follower = Follower(tracks=(FACE,))
    run = Run(Source(len(faults)), follower=follower, picture=ScriptedMonitor(*faults))
    run.pipeline.run()
    assert [item.picture_fault for item in run.sink.observations] == faults
    assert [item.present for item in run.sink.observations] == [() if fault else (1,) for fault in faults]
    assert [len(item.readings) for item in run.sink.observations] == [0 if fault else 1 for fault in faults]
    assert (len(follower.asked), follower.resets) == (4, 2)
    assert run.counters.picture_fault is None
    assert caplog.messages == [
        "scripted: the camera repeats one picture: unplug it and plug it in again",
        "scripted: the picture is black: is the lens covered, or is there no light?",
        "scripted: the picture is good again",
    ]


def test_a_file_that_takes_its_time_is_no_silent_camera(heat):
    """A file has no stall timeout: a slow disk is waited for."""
    source = Source(2)
    source.go = lambda _index: heat.updates >= 20
    Run(source, stall_timeout_s=0.05).pipeline.run()


@pytest.mark.parametrize(("is_still_images", "resets"), [(True, 3), (False, 0)])
def test_the_classifier_is_reset_for_each_still_image(is_still_images, resets):
    """Predictions of still images are not smoothed over time, those of a stream are."""
    run = Run(Source(3, is_still_images=is_still_images))
    run.pipeline.run()
    assert (run.track_classifier.asked, run.track_classifier.resets) == (3, resets)


def test_readings_are_made_from_tracks_and_predictions():
    """A found face has a reading, with its box inside the frame and why it is unclear; a missed one is only present."""
    run = Run(Source(3), follower=Follower(tracks=(FACE, MISSED)), track_classifier=HappyClassifier(unclear="too dark"))
    run.pipeline.run()
    for observation in run.sink.observations:
        (reading,) = observation.readings
        assert (reading.track_id, reading.box, reading.unclear) == (1, Box(0, 8, 16, 20), "too dark")
        assert reading.probabilities == {"happy": 0.75, "sad": 0.25}
        assert observation.present == (1, 2)
    assert run.counters.emotions == {"happy": 3}
    assert run.counters.frames_with_face == 3


def test_a_frame_in_which_all_faces_were_missed_has_no_face():
    """Frames without a reading do not count as frames with a face."""
    run = Run(Source(3), follower=Follower(tracks=(MISSED,)))
    run.pipeline.run()
    assert (run.counters.captured, run.counters.latency.count, run.counters.frames_with_face) == (3, 3, 0)


def test_drops_before_and_after_the_follower_are_counted():
    """Frames dropped between detection and classification are counted like those dropped before detection."""
    source, follower = Source(live=True), Follower()
    source.go = lambda index: len(follower.asked) >= index
    with Run(source, follower=follower) as run:
        run.track_classifier.go.clear()
        wait_for(lambda: run.track_classifier.asked and len(run.follower.asked) >= 10)
        assert run.counters.dropped >= 7
        run.track_classifier.go.set()


@pytest.mark.parametrize("step", ["follower", "scanner", "track_classifier"])
def test_a_stop_drops_what_no_step_has_looked_at_yet(step):
    """After a stop a busy step finishes its frame and does not begin the one that waits."""
    run = Run(Source(), follower=Follower(scan=lambda _index: WHOLE))
    busy = getattr(run, step)

    def asked():
        return len(busy.asked) if step == "follower" else busy.asked

    busy.go.clear()
    with run:
        wait_for(lambda: asked() and run.source.reads >= 3)
        run.pipeline.ask_stop()
        wait_for(lambda: run.source.closed and not any(queue.waiting for queue in run.counters.queues.values()))
        before = asked()
        busy.go.set()
    assert asked() == before == 1


@pytest.mark.parametrize("count", [3, None])
def test_the_source_is_closed_when_the_run_is_over(count):
    """`run` closes the source before it returns, whether the source ended or was stopped."""
    source, closing = Source(count), threading.Event()
    close = source.close

    def slow():
        closing.wait(0.2)
        close()

    source.close = slow
    with Run(source) as run:
        wait_for(lambda: run.counters.latency.count >= 3)
    assert source.closed


def test_a_close_that_takes_its_time_is_waited_for():
    """`run` waits until the device is released, even if `read` returned earlier."""
    source, given_back = Source(live=True), threading.Event()
    source.go = lambda index: index < 3

    def close():
        source.closed += 1
        if source.closed == 1:
            threading.Event().wait(0.2)
            given_back.set()

    source.close = close
    with Run(source) as run:
        wait_for(lambda: run.source.reads == 4)
    assert given_back.is_set()


def test_a_rate_limited_camera_stops_at_once():
    """A stop does not wait for the next frame, which is due in ten minutes."""
    with Run(Source(live=True), max_fps=1 / 600) as run:
        wait_for(lambda: run.sink.observations)


def test_a_source_that_is_closed_while_it_reads_is_no_error():
    """An error that `read` raises because the stop closed its device is ignored."""
    source = Source(live=True)
    source.go = lambda index: index < 3
    source.after_close = CameraError("closed under its hands")
    with Run(source) as run:
        wait_for(lambda: source.reads == 4)
    assert run.sink.closed == 1


def test_an_error_of_a_source_that_was_not_stopped_is_raised():
    """An error that `read` raises without a stop ends the run."""
    source = Source(3)
    source.after_close = MediaError("torn")
    source.go = lambda index: index < 2 or source.close() or True
    with pytest.raises(MediaError, match="torn"):
        Run(source).pipeline.run()


@pytest.mark.usefixtures("impatient")
def test_threads_that_are_stuck_do_not_keep_the_process_alive():
    """The threads that read and close the source are daemons, so that a hung driver cannot keep the process alive."""
    release = threading.Event()
    source = Source(live=True)
    source.read = source.close = release.wait
    run = Run(source)
    run.pipeline.ask_stop()
    with pytest.raises(StuckError, match="capture"):
        run.pipeline.run()
    stuck = [thread for thread in threading.enumerate() if thread.name in ("capture", "close")]
    assert len(stuck) == 2
    assert all(thread.daemon for thread in stuck)
    release.set()
    for thread in stuck:
        thread.join(LIMIT_S)
