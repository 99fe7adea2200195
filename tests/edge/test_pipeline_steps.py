"""What the pipeline does between its steps: waiting, holding back, counting, dropping, closing; the steps are told."""

import threading
import time

import numpy as np
import pytest

from edge import pipeline as pipeline_module
from edge.errors import CameraError, MediaError, StuckError
from edge.meters import Meters
from edge.pipeline import Pipeline, Steps
from edge.records import Box, Frame, Track
from edge.settings import ScheduleSettings, Settings, SourceSettings
from edge.vision.follow import Followed
from edge.vision.name import Named
from edge.vision.smooth import Smoothed

GRAY = np.zeros((48, 64), np.uint8)
WHOLE = Box(0, 0, 64, 48)
FACE, MISSED = Track(1, Box(-4, 8, 20, 20), 5, 0), Track(2, Box(30, 8, 20, 20), 5, 3)


def wait_for(condition):
    """Wait until another thread has made `condition` true."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


class Source:
    """Gives `count` frames (None: without end), each when `go` allows it, and notes its reads and closes."""

    name, skipped = "told", 0

    def __init__(self, count=None, *, live=False, stills=False):
        self.live, self.stills = live, stills
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
    """Says of each frame what it is told to, and notes what it was asked with."""

    def __init__(self, *, tracks=(), scan=lambda _index: None, idle=False):
        self._tracks, self._scan, self._idle = tracks, scan, idle
        self.asked = []
        self.go = threading.Event()
        self.go.set()

    def update(self, _gray, **known):
        self.asked.append(known)
        assert self.go.wait(10)
        return Followed(self._tracks, self._scan(len(self.asked) - 1), self._idle)


class Scanner:
    """Finds nothing, when `go` allows it."""

    def __init__(self):
        self.asked = 0
        self.go = threading.Event()
        self.go.set()

    def detect(self, _gray, *, region=None):  # noqa: ARG002  # as the real one
        self.asked += 1
        assert self.go.wait(10)
        return []


class Namer:
    """Says `happy` of every track that was not missed, unless it is told why not."""

    labels = ("happy", "sad")

    def __init__(self, unclear=None):
        self.resets = self.asked = 0
        self._unclear = unclear
        self.go = threading.Event()
        self.go.set()

    def reset(self):
        self.resets += 1

    def update(self, _gray, tracks, *, position_s):  # noqa: ARG002  # as the real one
        self.asked += 1
        assert self.go.wait(10)
        said = Smoothed("happy", 0.75, np.array([0.75, 0.25], np.float32))
        return {track.track_id: Named(said, self._unclear) for track in tracks if not track.missed}


class Sink:
    """Keeps what it is given, when `go` allows it."""

    name = "told sink"

    def __init__(self):
        self.observations, self.closed = [], 0
        self.go = threading.Event()
        self.go.set()

    def write(self, observation):
        assert self.go.wait(10)
        self.observations.append(observation)

    def close(self):
        self.closed += 1


class Run:
    """A pipeline on told steps."""

    def __init__(self, source, *, follower=None, namer=None, stall_timeout_s=10.0, **schedule):
        self.source, self.sink, self.meters = source, Sink(), Meters()
        self.follower, self.scanner, self.namer = follower or Follower(), Scanner(), namer or Namer()
        settings = Settings(
            source=SourceSettings(stall_timeout_s=stall_timeout_s), schedule=ScheduleSettings(**schedule)
        )
        steps = Steps(self.follower, self.scanner, self.namer)
        self.pipeline = Pipeline(source, steps, [self.sink], self.meters, settings)
        self._outcome = []

    def __enter__(self):
        """Run beside the test; stop at the end of the block, and raise what the run failed with."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def _run(self):
        try:
            self.pipeline.run()
        except Exception as error:  # noqa: BLE001  # raised again below
            self._outcome.append(error)

    def __exit__(self, *_exception):
        self.pipeline.ask_stop()
        self._thread.join(10)
        assert not self._thread.is_alive()
        for error in self._outcome:
            raise error


class Heat:
    """The heat guard's stand-in: as strained as it is told to be."""

    def __init__(self, strain=0):
        self.strain, self.updates = strain, 0

    def update(self, _now_s):
        self.updates += 1


@pytest.fixture
def heat(monkeypatch):
    """A board that is as hot as the test says; it is looked at every ten milliseconds."""
    heat = Heat()
    monkeypatch.setattr(pipeline_module, "HeatGuard", lambda *_, **__: heat)
    monkeypatch.setattr(pipeline_module, "CHECK_EVERY_S", 0.01)
    return heat


@pytest.fixture
def paces(monkeypatch):
    """The intervals that were set, s, and the waits: neither takes any time."""
    calls = {"set": [], "wait": 0}

    class Pace:
        def set(self, interval_s):
            calls["set"].append(interval_s)

        def wait(self, _since_s):
            calls["wait"] += 1

        def close(self):
            """Nobody waits."""

    monkeypatch.setattr(pipeline_module, "Pace", Pace)
    return calls


@pytest.mark.parametrize(
    ("schedule", "idle", "strain", "interval_s"),
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
def test_the_rate_is_the_least_of_those_that_are_asked_for(heat, paces, schedule, idle, strain, interval_s):
    """A limit, an idle room and heat each hold a camera back; else it sets the pace itself."""
    heat.strain = strain
    Run(Source(3), follower=Follower(idle=idle), **schedule).pipeline.run()
    assert paces["set"] == pytest.approx([interval_s] * 3)


@pytest.mark.parametrize(("live", "waits"), [(True, 3), (False, 0)])
def test_a_camera_is_held_back_and_a_file_is_not(paces, live, waits):
    """A file is read as fast as it can be worked through."""
    Run(Source(3, live=live), max_fps=10.0).pipeline.run()
    assert paces["wait"] == waits


def test_heat_is_watched_and_passed_on(heat):
    """The scans get rarer, too."""
    heat.strain = 2
    with Run(Source(live=True)) as run:
        wait_for(lambda: heat.updates >= 3 and run.follower.asked)
    assert {known["strain"] for known in run.follower.asked} == {2}


def test_a_cameras_frames_do_not_wait_for_a_scan():
    """While one is under way frames go on, and what it finds is used when it is there."""
    follower = Follower(scan=lambda index: WHOLE if index == 0 else None)
    with Run(Source(live=True), follower=follower) as run:
        run.scanner.go.clear()
        wait_for(lambda: run.scanner.asked)
        seen = len(follower.asked)
        wait_for(lambda: len(follower.asked) >= seen + 5)
        assert all(known["scanned"] is None for known in follower.asked[: seen + 5])
        run.scanner.go.set()
        wait_for(lambda: any(known["scanned"] for known in follower.asked))


def test_a_files_next_frame_waits_for_the_scan():
    """However long it takes, what it finds is used with the very next frame, and no other one waits."""
    follower = Follower(scan=lambda index: WHOLE if index == 1 else None)
    run = Run(Source(5), follower=follower)
    run.scanner.go.clear()
    threading.Timer(0.1, run.scanner.go.set).start()
    run.pipeline.run()
    assert [known["scanned"] is not None for known in follower.asked] == [False, False, True, False, False]


def test_a_slow_sink_does_not_slow_a_camera(monkeypatch):
    """Its queue drops the oldest; what is in it still arrives."""
    monkeypatch.setattr("edge.outlets.SINK_CAPACITY", 4)
    with Run(Source(live=True)) as run:
        run.sink.go.clear()
        wait_for(lambda: run.meters.latency.count >= 20)
        run.sink.go.set()
    assert len(run.sink.observations) >= 4


def test_a_camera_whose_first_frame_takes_its_time_is_not_silent(heat):
    """The wait counts from the start of the run."""
    source = Source(live=True)
    source.go = lambda _index: heat.updates >= 5
    with Run(source, stall_timeout_s=5.0) as run:
        wait_for(lambda: run.sink.observations)


@pytest.mark.usefixtures("heat")
def test_a_camera_that_gives_frames_is_not_silent():
    """Each frame begins the wait anew."""
    source = Source(live=True)
    started = time.monotonic()
    source.go = lambda index: time.monotonic() > started + index / 50
    with Run(source, stall_timeout_s=0.5) as run:
        wait_for(lambda: time.monotonic() > started + 0.8)
    assert run.meters.captured > 10


def test_a_file_that_takes_its_time_is_no_silent_camera(heat):
    """A slow disk is waited for."""
    source = Source(2)
    source.go = lambda _index: heat.updates >= 20
    Run(source, stall_timeout_s=0.05).pipeline.run()


@pytest.mark.parametrize(("stills", "resets"), [(True, 3), (False, 0)])
def test_only_pictures_are_named_without_a_memory(stills, resets):
    """A stream's faces are steadied over time."""
    run = Run(Source(3, stills=stills))
    run.pipeline.run()
    assert (run.namer.asked, run.namer.resets) == (3, resets)


def test_what_is_said_of_a_frame():
    """Found faces have readings, inside the picture and with why they are unclear; missed ones are still present."""
    run = Run(Source(3), follower=Follower(tracks=(FACE, MISSED)), namer=Namer(unclear="too dark"))
    run.pipeline.run()
    for observation in run.sink.observations:
        (reading,) = observation.readings
        assert (reading.track_id, reading.box, reading.unclear) == (1, Box(0, 8, 16, 20), "too dark")
        assert reading.probabilities == {"happy": 0.75, "sad": 0.25}
        assert observation.present == (1, 2)
    assert run.meters.emotions == {"happy": 3}
    assert run.meters.frames_with_face == 3


def test_frames_without_a_face_are_not_counted_as_such():
    """A frame in which all were missed neither."""
    run = Run(Source(3), follower=Follower(tracks=(MISSED,)))
    run.pipeline.run()
    assert (run.meters.captured, run.meters.latency.count, run.meters.frames_with_face) == (3, 3, 0)


def test_drops_before_and_after_the_follower_are_counted():
    """A slow namer drops as well, though the follower keeps up with every frame."""
    source, follower = Source(live=True), Follower()
    source.go = lambda index: len(follower.asked) >= index
    with Run(source, follower=follower) as run:
        run.namer.go.clear()
        wait_for(lambda: run.namer.asked and len(run.follower.asked) >= 10)
        assert run.meters.dropped() >= 7
        run.namer.go.set()


@pytest.mark.parametrize("step", ["follower", "scanner", "namer"])
def test_a_stop_drops_what_no_step_has_looked_at_yet(step):
    """A step that is busy ends with what it has in hand: the frame that waits for it is not begun."""
    run = Run(Source(), follower=Follower(scan=lambda _index: WHOLE))
    busy = getattr(run, step)

    def asked():
        return len(busy.asked) if step == "follower" else busy.asked

    busy.go.clear()
    with run:
        wait_for(lambda: asked() and run.source.reads >= 3)
        run.pipeline.ask_stop()
        wait_for(lambda: run.source.closed)
        before = asked()
        busy.go.set()
    assert asked() == before == 1


@pytest.mark.parametrize("count", [3, None])
def test_the_source_is_closed_when_the_run_is_over(count):
    """Whether it has come to its end or was stopped, and run() does not return before."""
    source, closing = Source(count), threading.Event()
    close = source.close

    def slow():
        closing.wait(0.2)
        close()

    source.close = slow
    with Run(source) as run:
        wait_for(lambda: run.meters.latency.count >= 3)
    assert source.closed


def test_a_close_that_takes_its_time_is_waited_for():
    """The read returns before the device is given back; the run does not."""
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


def test_a_camera_that_is_held_back_stops_at_once():
    """Ten seconds from frame to frame, and a stop between two."""
    with Run(Source(live=True), max_fps=0.1) as run:
        wait_for(lambda: run.sink.observations)
        asked_at = time.monotonic()
    assert time.monotonic() - asked_at < 0.8


def test_a_source_that_is_closed_while_it_reads_is_no_error():
    """Some drivers answer the stop with an error of their own."""
    source = Source(live=True)
    source.go = lambda index: index < 3
    source.after_close = CameraError("closed under its hands")
    with Run(source) as run:
        wait_for(lambda: source.reads == 4)
    assert run.sink.closed == 1


def test_an_error_while_it_reads_is_one_unless_it_was_stopped():
    """The same error, and nobody has asked for an end."""
    source = Source(3)
    source.after_close = MediaError("torn")
    source.go = lambda index: index < 2 or source.close() or True
    with pytest.raises(MediaError, match="torn"):
        Run(source).pipeline.run()


def test_threads_that_are_stuck_do_not_keep_the_process_alive():
    """Neither that which reads nor that which closes."""
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
        thread.join(5)
