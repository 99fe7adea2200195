"""Frames go the whole way: in order and complete from files, newest first from cameras, and never into silence."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from edge.errors import CameraError, ModelError, StuckError
from edge.meters import Meters
from edge.pipeline import Pipeline
from edge.records import Frame
from edge.run import build_steps
from edge.scenes.catalogue import make_scene
from edge.settings import ModelSettings, ScheduleSettings, Settings, SourceSettings, TrackSettings
from edge.sources.reopen import ReopeningSource
from edge.sources.scene import SceneSource
from edge.sources.video import VideoSource
from edge.vision.follow import FaceFollower, Followed
from edge.vision.motion import MotionGate
from edge.vision.redetect import Redetector
from edge.vision.track import Tracker

STEP_THREADS = {"capture", "follow", "scan", "name", "collect", "close"}


class Collect:
    """A sink that keeps what it is given."""

    name = "collect"

    def __init__(self):
        self.observations = []
        self.closed = 0
        self.arrived = threading.Semaphore(0)

    def write(self, observation):
        self.observations.append(observation)
        self.arrived.release()

    def close(self):
        self.closed += 1


class Broken:
    """Any step, broken: whatever is called raises the error."""

    name = "collect"

    def __init__(self, error):
        self._error = error

    def _fail(self, *_args, **_kwargs):
        raise self._error

    update = detect = write = _fail

    def close(self):
        """It can still be closed."""


class HungSource:
    """A driver that is broken for good: neither its read nor its close ever returns."""

    name, live, stills, skipped = "hung", True, False, 0

    def __init__(self):
        self.release = threading.Event()

    def read(self):
        self.release.wait()

    close = read


class Stills:
    """The same picture twice, as two independent ones."""

    name, live, stills, skipped = "pictures", False, True, 0

    def __init__(self, grays):
        self._frames = [Frame(gray, index, time.monotonic(), 0.0, f"{index}.png") for index, gray in enumerate(grays)]

    def read(self):
        return self._frames.pop(0) if self._frames else None

    def close(self):
        self._frames = []


@pytest.fixture
def new_steps(interpreter_package):
    """Make the real steps anew: they remember faces from run to run."""
    return build_steps(Settings(model=ModelSettings(interpreter=interpreter_package)))


@pytest.fixture
def steps(new_steps):
    """The real steps, for a stream of frames."""
    return new_steps(stills=False)


def scene_source(name="one", **options):
    scene = make_scene(name, width=320, height=240)
    return SceneSource(scene, **({"live": False} | options))


def pipeline(source, steps, *sinks, stall_timeout_s=10.0, meters=None):
    settings = Settings(source=SourceSettings(stall_timeout_s=stall_timeout_s))
    return Pipeline(source, steps, sinks, meters or Meters(), settings)


def nothing_left():
    return not STEP_THREADS & {thread.name for thread in threading.enumerate()}


def wait_for(condition):
    """Wait until another thread has made `condition` true."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def said(observations):
    """All that must repeat: without the clock's part."""
    return [
        (item.frame_index, [(r.track_id, r.box, r.emotion, r.probabilities) for r in item.readings])
        for item in observations
    ]


def test_a_file_loses_nothing_keeps_the_order_and_repeats(new_steps, demo_clip):
    """Every frame of the clip arrives, in order, and a second run says the very same."""
    runs = []
    for _ in range(2):
        sink, meters = Collect(), Meters()
        pipeline(VideoSource(demo_clip), new_steps(stills=False), sink, meters=meters).run()
        assert [item.frame_index for item in sink.observations] == list(range(meters.captured))
        assert meters.dropped() == 0
        assert sink.closed == 1
        runs.append(said(sink.observations))
    assert runs[0] == runs[1]
    assert sum(bool(readings) for _, readings in runs[0]) > len(runs[0]) / 2
    assert nothing_left()


def test_a_camera_keeps_only_the_newest_frame(steps):
    """While the detector is busy frames pass by, and the next one it gets is the newest, not the next in line."""
    source, sink, meters = scene_source(live=True), Collect(), Meters()
    looked_at, go_on = threading.Semaphore(0), threading.Semaphore(0)

    class Busy:
        def update(self, _gray, **_known):
            looked_at.release()
            assert go_on.acquire(timeout=10)
            return Followed((), None, idle=False)

    run = pipeline(source, replace(steps, follower=Busy()), sink, meters=meters)
    runner = threading.Thread(target=run.run)
    runner.start()
    assert looked_at.acquire(timeout=10)
    busy_from = meters.captured
    wait_for(lambda: meters.captured >= busy_from + 5)
    newest = meters.captured - 1
    for _ in range(2):
        go_on.release()
        assert sink.arrived.acquire(timeout=10)
    go_on.release(1000)
    run.ask_stop()
    runner.join(5)
    first, second = sink.observations[:2]
    assert second.frame_index >= first.frame_index + 5
    assert second.frame_index >= newest - 1
    assert meters.dropped() >= 4
    assert nothing_left()


@pytest.mark.parametrize("broken", ["source", "follower", "scanner", "namer", "sink"])
def test_an_error_in_any_worker_ends_the_run_and_is_raised(steps, broken):
    """Whichever thread fails: the caller gets that very error, every sink is closed, and no thread is left."""
    error = ModelError(f"broken {broken}")
    source = scene_source(fail_at=5 if broken == "source" else None)
    if broken in ("follower", "scanner", "namer"):
        steps = replace(steps, **{broken: Broken(error)})
    sink, other = (Broken(error) if broken == "sink" else Collect()), Collect()
    with pytest.raises(CameraError if broken == "source" else ModelError) as caught:
        pipeline(source, steps, sink, other).run()
    assert broken in str(caught.value) or "told to fail" in str(caught.value)
    assert other.closed == 1
    assert nothing_left()


def test_a_silent_camera_is_noticed(steps):
    """A read that never returns is an error with the camera's name, not a run that looks healthy."""
    source = scene_source(live=True, hang_at=3)
    with pytest.raises(CameraError, match=r"scene:one: expected a frame, found none"):
        pipeline(source, steps, Collect(), stall_timeout_s=0.2).run()
    assert nothing_left()


def test_a_lost_camera_may_be_silent_until_it_is_tried_again(steps):
    """While the source waits on purpose silence is no error; when the try is over and nothing came, it is."""
    opened = threading.Event()

    def open_camera():
        opened.set()
        return scene_source(live=True, hang_at=0)

    source = ReopeningSource(open_camera, name="camera", patience_s=0.6)
    started_s = time.monotonic()
    with pytest.raises(CameraError, match="expected a frame, found none"):
        pipeline(source, steps, Collect(), stall_timeout_s=0.2).run()
    assert time.monotonic() - started_s >= 0.8
    assert opened.is_set()
    assert nothing_left()


def test_somebody_may_watch_a_run(steps):
    """From the main thread, as long as all is well; and he hears of the stop before the threads end."""
    source, sink, heard = scene_source(live=True), Collect(), []

    class Watch:
        def check(self):
            heard.append("check")
            run.ask_stop()

        def stopping(self):
            heard.append("stopping")
            assert sink.closed == 0

    watch = Watch()
    run = Pipeline(source, steps, [sink], Meters(), Settings(), watch=watch)
    run.run()
    assert heard == ["check", "stopping"]


def test_what_a_slow_sink_misses_is_counted(steps, monkeypatch):
    """Its place holds so many; what came before is not delivered, and not forgotten either."""
    monkeypatch.setattr("edge.outlets.SINK_CAPACITY", 1)
    meters, go_on = Meters(), threading.Event()

    class Slow(Collect):
        def write(self, observation):
            assert go_on.wait(10)
            super().write(observation)

    sink = Slow()
    run = pipeline(scene_source(live=True), steps, sink, meters=meters)
    runner = threading.Thread(target=run.run)
    runner.start()
    wait_for(lambda: meters.latency.count >= 5)
    go_on.set()
    run.ask_stop()
    runner.join(5)
    assert meters.undelivered() >= 2
    assert meters.undelivered() + len(sink.observations) == meters.latency.count
    assert meters.faces == len(sink.observations[-1].readings)


def test_an_empty_room_is_read_slowly_and_motion_wakes_it(steps):
    """Idle, the camera is asked for five frames a second; when somebody enters, it runs at its full rate again."""
    follower = FaceFollower(
        MotionGate(threshold=12, min_share=0.001),
        Redetector("haarcascade_frontalface_alt2.xml"),
        Tracker(TrackSettings()),
        ScheduleSettings(idle_after_s=0.3),
    )
    sink, meters = Collect(), Meters()
    run = pipeline(scene_source("entering", live=True), replace(steps, follower=follower), sink, meters=meters)
    runner = threading.Thread(target=run.run)
    runner.start()
    wait_for(lambda: any(item.readings for item in sink.observations))
    run.ask_stop()
    runner.join(5)
    seen = [item.frame_index for item in sink.observations]
    idle = [index for index in seen if 12 <= index < 30]
    first_reading = next(item.frame_index for item in sink.observations if item.readings)
    awake = [index for index in seen if first_reading - 10 <= index < first_reading]
    assert len(idle) <= 4
    assert len(awake) >= 6


def test_a_stop_ends_a_camera_within_a_second(steps):
    """Stopped in the middle, the run returns without an error, and the sink is closed."""
    source, sink = scene_source(live=True), Collect()
    run = pipeline(source, steps, sink)
    runner = threading.Thread(target=run.run)
    runner.start()
    assert sink.arrived.acquire(timeout=10)
    asked_at = time.monotonic()
    run.ask_stop()
    runner.join(5)
    assert time.monotonic() - asked_at < 1.0
    assert sink.closed == 1
    assert nothing_left()


def test_a_driver_that_never_returns_cannot_hang_the_stop(steps):
    """The run ends all the same, with an error that names the thread."""
    source = HungSource()
    run = pipeline(source, steps, Collect())
    run.ask_stop()
    with pytest.raises(StuckError, match="capture"):
        run.run()
    source.release.set()


def test_pictures_are_independent(new_steps):
    """The same face in two pictures is face 1 twice, and is answered twice the same: nothing is carried over."""
    color, _ = make_scene("one", clutter="plain").frame(0)
    gray = color[..., 1]
    darker = (gray // 3).astype(np.uint8)
    sink = Collect()
    pipeline(Stills([gray, darker, gray]), new_steps(stills=True), sink).run()
    first, _, third = said(sink.observations)
    assert first[1] == third[1]
    assert first[1][0][0] == 1


def test_boxes_in_readings_lie_inside_the_picture(steps):
    """A face half out of the picture is reported with the part that is in it."""
    sink = Collect()
    pipeline(scene_source("fast"), steps, sink).run()
    boxes = [reading.box for item in sink.observations for reading in item.readings]
    assert boxes
    assert all(box == box.clipped(320, 240) for box in boxes)


def test_readings_carry_no_pixels(steps):
    """Privacy by type: nothing that reaches a sink holds an array."""
    sink = Collect()
    pipeline(scene_source(), steps, sink).run()
    reading = next(reading for item in sink.observations for reading in item.readings)
    fields = [getattr(reading, name) for name in reading.__slots__]
    assert not any(isinstance(value, np.ndarray) for value in fields)
