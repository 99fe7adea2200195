"""A run delivers every frame of a file in order and the newest frame of a camera, and no failure passes unnoticed."""

import threading
import time
from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest
from waiting import LIMIT_S, wait_for

from edge.counters import Counters
from edge.device.run_clock import RunClock
from edge.errors import CameraError, ModelError, ShortageError, SourceError, StuckError
from edge.pipeline.build import build_steps
from edge.pipeline.pipeline import Pipeline
from edge.records import Frame
from edge.runtime.rate_limiter import RateLimiter
from edge.scenes.catalogue import make_scene
from edge.settings.schema import (
    DetectSettings,
    ModelSettings,
    ScheduleSettings,
    Settings,
    SourceSettings,
    TrackSettings,
)
from edge.sinks.base import Sink
from edge.sinks.log.events import ChangeEvents
from edge.sources.reopen import ReopeningSource
from edge.sources.scene import SceneSource
from edge.sources.video import VideoSource
from edge.vision.haar import HaarDetector
from edge.vision.motion import MotionGate
from edge.vision.schedule import DetectionSchedule, ScheduleResult
from edge.vision.track import Tracker

STEP_THREADS = {"capture", "follow", "scan", "classify", "collect", "close"}


class Collect(Sink):
    """A sink that keeps its observations."""

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


class Broken(Sink):
    """Any step or sink, broken: each of its methods raises the error."""

    name = "collect"

    def __init__(self, error):
        self._error = error

    def _fail(self, *_args, **_kwargs):
        raise self._error

    update = scan = write = _fail

    def close(self):
        """Succeed: only the work fails."""


class HungSource:
    """A hung driver: neither `read` nor `close` returns until `release` is set."""

    name, live, is_camera, is_still_images, skipped = "hung", True, True, False, 0

    def __init__(self):
        self.release = threading.Event()

    def read(self):
        self.release.wait()

    close = read


class Stills:
    """Still images: each of the given arrays once."""

    name, live, is_camera, is_still_images, skipped = "pictures", False, False, True, 0

    def __init__(self, grays):
        self._frames = [Frame(gray, index, time.monotonic(), 0.0, f"{index}.png") for index, gray in enumerate(grays)]

    def read(self):
        return self._frames.pop(0) if self._frames else None

    def close(self):
        self._frames = []


@pytest.fixture
def new_steps(interpreter_package):
    """Builds the real steps; a run needs new ones, since steps remember faces."""
    return build_steps(Settings(model=ModelSettings(interpreter=interpreter_package)))


@pytest.fixture
def steps(new_steps):
    """The real steps for a stream of frames."""
    return new_steps(is_still_images=False)


def scene_source(name="one", **options):
    scene = make_scene(name, width=320, height=240)
    return SceneSource(scene, **({"live": False} | options))


def pipeline(source, steps, *sinks, stall_timeout_s=10.0, counters=None):
    schedule = ScheduleSettings(heat_limit_c=120.0)  # a hot machine must not slow the run down
    settings = Settings(source=SourceSettings(stall_timeout_s=stall_timeout_s), schedule=schedule)
    return Pipeline(source, steps, sinks, counters or Counters(), settings)


def nothing_left():
    return not STEP_THREADS & {thread.name for thread in threading.enumerate()}


def repeatable(observations):
    """The part of the observations that two runs on a file have in common: everything but capture time and latency."""
    return [
        (item.frame_index, [(r.track_id, r.box, r.emotion, r.probabilities) for r in item.readings])
        for item in observations
    ]


@pytest.mark.slow
def test_a_file_loses_nothing_keeps_the_order_and_repeats(new_steps, demo_clip):
    """A sink gets every frame of a video in order, and a second run on the file gives the same readings."""
    runs = []
    for _ in range(2):
        sink, counters = Collect(), Counters()
        pipeline(VideoSource(demo_clip), new_steps(is_still_images=False), sink, counters=counters).run()
        assert [item.frame_index for item in sink.observations] == list(range(counters.captured))
        assert counters.dropped == 0
        assert sink.closed == 1
        runs.append(repeatable(sink.observations))
    assert runs[0] == runs[1]
    assert sum(bool(readings) for _, readings in runs[0]) > len(runs[0]) / 2
    assert nothing_left()


def test_a_camera_keeps_only_the_newest_frame(steps):
    """After a slow frame the detector gets the camera's newest frame, not the next one; skipped ones are counted."""
    source, sink, counters = scene_source(live=True), Collect(), Counters()
    started, go_on = threading.Semaphore(0), threading.Semaphore(0)

    class Busy:
        def update(self, _gray, **_known):
            started.release()
            assert go_on.acquire(timeout=LIMIT_S)
            return ScheduleResult((), None, None, idle=False)

    run = pipeline(source, replace(steps, follower=Busy()), sink, counters=counters)
    runner = threading.Thread(target=run.run)
    runner.start()
    assert started.acquire(timeout=LIMIT_S)
    busy_from = counters.captured
    wait_for(lambda: counters.captured >= busy_from + 6)  # the newest of them may not be in the queue yet
    newest = counters.captured - 1
    for _ in range(2):
        go_on.release()
        assert sink.arrived.acquire(timeout=LIMIT_S)
    go_on.release(1000)
    run.ask_stop()
    runner.join(LIMIT_S)
    first, second = sink.observations[:2]
    assert second.frame_index >= first.frame_index + 5
    assert second.frame_index >= newest - 1
    assert counters.dropped >= 4
    assert nothing_left()


@pytest.mark.parametrize("broken", ["source", "follower", "scanner", "track_classifier", "sink"])
def test_an_error_in_any_worker_ends_the_run_and_is_raised(steps, broken):
    """If a thread fails, the caller gets its error, every sink is closed, and no thread is left."""
    error = ModelError(f"broken {broken}")
    source = scene_source(fail_at=5 if broken == "source" else None)
    if broken in ("follower", "scanner", "track_classifier"):
        steps = replace(steps, **{broken: Broken(error)})
    sink, other = (Broken(error) if broken == "sink" else Collect()), Collect()
    with pytest.raises(CameraError if broken == "source" else ModelError) as caught:
        pipeline(source, steps, sink, other).run()
    assert broken in str(caught.value) or "simulated failure" in str(caught.value)
    assert other.closed == 1
    assert nothing_left()


def test_a_silent_camera_is_noticed(steps):
    """A camera whose `read` never returns ends the run with an error that names it."""
    source = scene_source(live=True, hang_at=3)
    source.is_camera = True
    with pytest.raises(CameraError, match=r"scene:one: expected a frame, found none"):
        pipeline(source, steps, Collect(), stall_timeout_s=0.2).run()
    assert nothing_left()


class HungOnce(SceneSource):
    """A live scene whose `read` blocks until `release` is set, from the frame `hang_at` on, whatever `close` does."""

    def __init__(self, hang_at):
        super().__init__(make_scene("one", width=320, height=240), live=True)
        self.release = threading.Event()
        self._hang_from = hang_at

    def read(self):
        frame = super().read()
        if frame is None or frame.index >= self._hang_from:
            self.release.wait()
        return frame


def test_a_camera_that_hangs_is_opened_again_by_a_new_thread(steps):
    """The run goes on with the frames of a new opening; the abandoned thread neither ends it nor closes its queues."""
    cameras = [HungOnce(3), scene_source(live=True)]
    source = ReopeningSource(lambda: cameras.pop(0), name="camera", stall_timeout_s=0.2)
    hung, sink = cameras[0], Collect()
    run = pipeline(source, steps, sink)
    runner = threading.Thread(target=run.run)
    runner.start()
    wait_for(lambda: not cameras and source.state.error == "")
    count = len(sink.observations)
    hung.release.set()
    wait_for(lambda: "capture" not in Counter(thread.name for thread in threading.enumerate()) - Counter(["capture"]))
    wait_for(lambda: len(sink.observations) > count + 5)
    run.ask_stop()
    runner.join(LIMIT_S)
    assert source.state.reopens == 1
    assert nothing_left()


def test_a_camera_that_hangs_again_ends_the_run(steps):
    """If the new thread hangs as well, the run ends with an error, so that a new process is started."""
    cameras = [HungOnce(0), HungOnce(0)]
    hung = list(cameras)
    source = ReopeningSource(lambda: cameras.pop(0), name="camera", stall_timeout_s=0.2)
    with pytest.raises(CameraError, match="a new process may do better"):
        pipeline(source, steps, Collect()).run()
    for camera in hung:
        camera.release.set()
    wait_for(nothing_left)


@pytest.mark.parametrize("away_s", [0.0, 60.0])
def test_a_face_that_is_there_after_a_reopen_is_logged_anew(steps, away_s):
    """Even if the same face is at the same place, it has left with the camera and appears within 2 s of its return."""
    now_s = [0.0]

    class Camera(SceneSource):
        def read(self):
            frame = super().read()
            now_s[0] += 1 / 30
            return frame and replace(frame, captured_at=now_s[0], media_time_s=now_s[0])

    def open_camera():
        now_s[0] += away_s * bool(opened)
        opened.append(now_s[0])
        scene = make_scene("one", width=320, height=240, duration_s=3.0)
        return Camera(scene, live=False, fail_at=None if len(opened) > 1 else 60)

    opened = []
    source = ReopeningSource(open_camera, name="camera", stall_timeout_s=LIMIT_S, first_wait_s=0.001)
    source.live = False  # no frame is dropped, and each scan is waited for
    sink, changes = Collect(), ChangeEvents(summary_interval_s=float("inf"))
    pipeline(source, steps, sink).run()
    events = [(line, item) for item in sink.observations for line in changes.lines(item)]
    assert [line["event"] for line, _ in events if line["event"] != "changed"] == ["appeared", "left", "appeared"]
    (first, _), *_, (second, seen) = [pair for pair in events if pair[0]["event"] == "appeared"]
    assert first["track"] != second["track"]
    assert 0.0 < seen.captured_at - opened[1] < 2.0


def test_faces_end_when_a_camera_falls_silent(new_steps, monkeypatch):
    """Without a frame for `FACES_END_S` the sinks learn that nobody is seen any more, once, before the next frame."""
    monkeypatch.setattr("edge.pipeline.pipeline.FACES_END_S", 0.3)
    silent, sink = threading.Event(), Collect()

    class Camera(SceneSource):
        def read(self):
            if sink.observations and sink.observations[-1].readings:
                assert silent.wait(LIMIT_S)
            return super().read()

    run = pipeline(Camera(make_scene("one", width=320, height=240), live=True), new_steps(is_still_images=False), sink)
    runner = threading.Thread(target=run.run)
    runner.start()
    wait_for(lambda: any(item.readings for item in sink.observations))
    wait_for(lambda: not sink.observations[-1].present)
    last, ended = sink.observations[-2:]
    assert last.present
    assert (ended.frame_index, ended.captured_at, ended.readings) == (last.frame_index, last.captured_at, ())
    silent.set()
    run.ask_stop()
    runner.join(LIMIT_S)
    assert nothing_left()


@pytest.mark.parametrize("is_reopened", [False, True])
def test_a_paused_process_does_not_blame_the_camera(steps, is_reopened):
    """If the process itself stood still for a minute, a read that has not returned is no fault of the camera."""
    camera, seconds = HungOnce(0), [time.monotonic()]
    clock = RunClock(lambda: seconds[0])
    source = ReopeningSource(lambda: camera, name="camera", stall_timeout_s=4.0, clock=clock) if is_reopened else camera
    checks = []

    class Watch:
        def check(self):
            checks.append(clock.pauses)
            seconds[0] += 60.0 if len(checks) == 1 else 0.1
            if len(checks) == 5:
                camera.release.set()
                run.ask_stop()

        def stopping(self):
            pass

    settings = Settings(source=SourceSettings(stall_timeout_s=4.0))
    run = Pipeline(source, steps, [Collect()], Counters(), settings, watch=Watch(), clock=clock)
    run.run()
    assert checks == [0, 1, 1, 1, 1]
    assert nothing_left()


@pytest.mark.parametrize("kind", [ValueError, cv2.error, MemoryError, OSError])
@pytest.mark.parametrize("live", [True, False])
def test_what_a_driver_or_decoder_raises_is_an_error_for_the_user(steps, kind, live):
    """An error of foreign code ends a run that does not reopen its source with a message and exit code 3, or 6."""

    class Foreign(SceneSource):
        def read(self):
            raise kind("the driver failed")

    source = Foreign(make_scene("one"), live=live)
    source.is_camera = live
    if kind is MemoryError and not live:
        expected, exit_code, message = ShortageError, 6, "expected more memory.*the driver failed"
    else:
        expected, exit_code, message = SourceError, 3, rf"scene:one: .*{kind.__name__}: .*the driver failed"
    with pytest.raises(expected, match=message) as caught:
        pipeline(source, steps, Collect()).run()
    assert caught.value.exit_code == exit_code


def test_a_run_whose_threads_cannot_start_closes_its_source(steps):
    """Where the system gives no thread, the run ends with that error, and its source is closed without one."""
    source = scene_source()
    before = threading.stack_size(1 << 47)  # more than any address space
    try:
        with pytest.raises(RuntimeError, match="can't start new thread"):
            pipeline(source, steps, Collect()).run()
    finally:
        threading.stack_size(before)
    assert source.read() is None


@pytest.mark.parametrize("shape", [(0, 0), (10, 3000), (1, 1), (17, 33), (16, 3000), (3000, 16)])
def test_a_live_source_may_give_frames_of_any_shape(steps, shape):
    """Empty and tiny frames are left out, thin ones are processed, and the run goes on."""
    source, sink = scene_source(live=True), Collect()
    source.is_camera = True
    read, odd = source.read, np.zeros(shape, np.uint8)

    def read_odd():
        frame = read()
        return replace(frame, gray=odd) if frame is not None and frame.index % 3 == 1 else frame

    source.read = read_odd
    run = pipeline(source, steps, sink)
    runner = threading.Thread(target=run.run)
    runner.start()
    wait_for(lambda: len(sink.observations) >= 6)
    run.ask_stop()
    runner.join(LIMIT_S)
    assert nothing_left()


def test_a_watch_follows_the_run(steps):
    """A watch is called from the main thread while the run is healthy, and at the stop before the sinks close."""
    source, sink, calls = scene_source(live=True), Collect(), []

    class Watch:
        def check(self):
            calls.append("check")
            run.ask_stop()

        def stopping(self):
            calls.append("stopping")
            assert sink.closed == 0

    watch = Watch()
    run = Pipeline(source, steps, [sink], Counters(), Settings(), watch=watch)
    run.run()
    assert calls == ["check", "stopping"]


def test_what_a_slow_sink_misses_is_counted(steps, monkeypatch):
    """Observations that a slow sink has no room for are counted as undelivered; the rest arrive."""
    monkeypatch.setattr("edge.pipeline.fanout.SINK_CAPACITY", 1)
    counters, go_on = Counters(), threading.Event()

    class Slow(Collect):
        def write(self, observation):
            assert go_on.wait(LIMIT_S)
            super().write(observation)

    sink = Slow()
    run = pipeline(scene_source(live=True), steps, sink, counters=counters)
    runner = threading.Thread(target=run.run)
    runner.start()
    wait_for(lambda: counters.latency.count >= 5)
    go_on.set()
    run.ask_stop()
    runner.join(LIMIT_S)
    assert counters.undelivered >= 2
    assert counters.undelivered + len(sink.observations) == counters.latency.count
    assert counters.faces == len(sink.observations[-1].readings)


class Lockstep(SceneSource):
    """A live scene whose next frame is due when the run has finished the last one. It ends at the first face."""

    def __init__(self, scene, counters):
        super().__init__(scene, live=False)
        self.live = True
        self._counters = counters

    def read(self):
        wait_for(lambda: self._closed.is_set() or self._counters.latency.count >= self._counters.captured)
        return None if self._counters.faces else super().read()


@pytest.mark.slow
def test_an_empty_room_is_read_slowly_and_motion_wakes_it(steps, monkeypatch):
    """In an empty room the camera runs at the idle rate; a face that enters ends that before its first reading."""
    intervals_s = []

    class Recorder(RateLimiter):
        def set(self, interval_s):
            intervals_s.append(interval_s)

    monkeypatch.setattr("edge.pipeline.pipeline.RateLimiter", Recorder)
    monkeypatch.setattr("edge.pipeline.pipeline.FACES_END_S", LIMIT_S)  # a busy machine makes pauses between frames
    follower = DetectionSchedule(
        MotionGate(threshold=12, min_share=0.001),
        HaarDetector(DetectSettings()),
        Tracker(TrackSettings()),
        ScheduleSettings(idle_after_s=0.3),
    )
    sink, counters = Collect(), Counters()
    source = Lockstep(make_scene("entering", width=320, height=240), counters)
    pipeline(source, replace(steps, follower=follower), sink, counters=counters).run()
    first_reading = next(item.frame_index for item in sink.observations if item.readings)
    fps = source.scene.fps
    empty, entering = intervals_s[: int(fps)], intervals_s[int(fps) : first_reading]
    assert empty[int(0.4 * fps) :] == [1 / 5] * len(empty[int(0.4 * fps) :])
    assert 0.0 in entering
    assert set(entering[entering.index(0.0) :]) == {0.0}


def test_a_camera_can_be_stopped_at_any_time(steps):
    """A stop ends a run in the middle of a live scene without an error, closes the sink and leaves no thread."""
    source, sink = scene_source(live=True), Collect()
    run = pipeline(source, steps, sink)
    runner = threading.Thread(target=run.run)
    runner.start()
    assert sink.arrived.acquire(timeout=LIMIT_S)
    run.ask_stop()
    runner.join(LIMIT_S)
    assert sink.closed == 1
    assert nothing_left()


@pytest.mark.usefixtures("impatient")
def test_a_driver_that_never_returns_cannot_hang_the_stop(steps):
    """A run whose `read` never returns can be stopped; it ends with an error that names the thread."""
    source = HungSource()
    run = pipeline(source, steps, Collect())
    run.ask_stop()
    with pytest.raises(StuckError, match="capture"):
        run.run()
    source.release.set()


@pytest.mark.parametrize(("every_s", "is_due"), [(0.0, True), (1e9, False)])
def test_free_memory_goes_back_to_the_system_now_and_then(steps, monkeypatch, every_s, is_due):
    """The main thread returns memory at its interval, while the run goes on."""
    returned, checked = threading.Semaphore(0), threading.Semaphore(0)
    monkeypatch.setattr("edge.pipeline.pipeline.CHECK_EVERY_S", 0.01)
    monkeypatch.setattr("edge.pipeline.pipeline.GIVE_BACK_EVERY_S", every_s)
    monkeypatch.setattr("edge.pipeline.pipeline.give_back_memory", returned.release)
    run = pipeline(scene_source(live=True), steps, Collect())
    monkeypatch.setattr(run._throttle, "update", lambda _: checked.release())
    runner = threading.Thread(target=run.run)
    runner.start()
    for _ in range(3):
        assert checked.acquire(timeout=LIMIT_S)
    run.ask_stop()
    runner.join(LIMIT_S)
    assert returned.acquire(blocking=False) == is_due


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", ["camera", "video", "pictures"])
def test_a_stop_does_not_wait_for_a_scan(new_steps, kind):
    """A run that is stopped while it scans, which takes seconds on a small board, ends without an error."""
    scanning, release = threading.Event(), threading.Event()

    class Slow:
        def scan(self, _gray, **_region):
            scanning.set()
            release.wait()
            return []

    is_stills = kind == "pictures"
    source = Stills([np.zeros((240, 320), np.uint8)] * 2) if is_stills else scene_source(live=kind == "camera")
    counters = Counters()
    run = pipeline(source, replace(new_steps(is_still_images=is_stills), scanner=Slow()), Collect(), counters=counters)

    def stop():
        assert scanning.wait(LIMIT_S)
        if kind == "video":  # with the second frame, the thread that follows faces waits for the scan of the first
            wait_for(lambda: counters.captured >= 3)
        run.ask_stop()

    stopper = threading.Thread(target=stop)
    stopper.start()
    run.run()
    assert scanning.is_set()
    release.set()
    stopper.join()
    wait_for(nothing_left)


def test_pictures_are_independent(new_steps):
    """The same image gives the same readings, whatever image was before it, and its face is number 1 each time."""
    color, _ = make_scene("one", clutter="plain").frame(0)
    gray = color[..., 1]
    darker = (gray // 3).astype(np.uint8)
    sink = Collect()
    pipeline(Stills([gray, darker, gray]), new_steps(is_still_images=True), sink).run()
    first, _, third = repeatable(sink.observations)
    assert first[1] == third[1]
    assert first[1][0][0] == 1


@pytest.mark.slow
def test_boxes_in_readings_lie_inside_the_picture(steps):
    """The box of a face that is partly outside the frame is clipped to it."""
    sink = Collect()
    pipeline(scene_source("fast"), steps, sink).run()
    boxes = [reading.box for item in sink.observations for reading in item.readings]
    assert boxes
    assert all(box == box.clipped(320, 240) for box in boxes)


def test_readings_carry_no_pixels(steps):
    """No field of a reading is an array, so that readings cannot carry an image."""
    sink = Collect()
    pipeline(scene_source(), steps, sink).run()
    reading = next(reading for item in sink.observations for reading in item.readings)
    fields = [getattr(reading, name) for name in reading.__slots__]
    assert not any(isinstance(value, np.ndarray) for value in fields)
