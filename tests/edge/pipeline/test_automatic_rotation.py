"""With `source.rotate = "auto"` a run finds out how a camera is mounted or a file lies, and turns nothing upright."""

import json
import logging
import threading
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
from waiting import wait_for

from edge.cli.run import run
from edge.counters import Counters
from edge.device.state import RotationMemory
from edge.errors import ModelError
from edge.pipeline.build import build_steps
from edge.pipeline.pipeline import Pipeline
from edge.pipeline.sinks import ViewOptions
from edge.records import Frame
from edge.scenes.catalogue import make_scene
from edge.settings.schema import DetectSettings, LogSettings, ModelSettings, ScheduleSettings, Settings, SourceSettings
from edge.sinks.base import Sink
from edge.sources.base import Source
from edge.sources.mounting import Mounting
from edge.vision.blazeface import find_models
from edge.vision.orientation import OrientationSearch

FOUND_WITHIN_S = 5.0

SCENE_FPS = 15.0


class Collect(Sink):
    """Keeps the observations, and the rotation and shape of the frames."""

    name = "collect"

    def __init__(self):
        self.shown = []

    def write(self, item):
        self.shown.append(item)

    @property
    def rotations(self):
        """Rotation of the frames, each value once for each time that it changed."""
        rotations = [item.frame.rotation for item in self.shown]
        return [rotation for before, rotation in zip([None, *rotations], rotations, strict=False) if before != rotation]

    def first_face_s(self, rotation):
        """Time of the first frame in this rotation with a face, s; infinite if there is none."""
        return next(
            (
                item.frame.media_time_s
                for item in self.shown
                if item.frame.rotation == rotation and item.observation.readings
            ),
            float("inf"),
        )


class Camera(Source):
    """Shows frames in a loop, turned as by a camera that must be turned by `mounted` degrees to be upright.

    Frames are lost by no queue, so that a run repeats.
    """

    name, is_camera = "camera", True

    def __init__(self, frames, fps, *, mounted=0, seconds=8.0):
        self._frames = [np.ascontiguousarray(np.rot90(gray, mounted // 90)) for gray in frames]
        for gray in self._frames:
            gray.flags.writeable = False
        self._fps = fps
        self._indexes = iter(range(round(seconds * fps)))

    def read(self):
        index = next(self._indexes, None)
        if index is None:
            return None
        gray = self._frames[index % len(self._frames)]
        return Frame(gray, index, time.monotonic(), index / self._fps, self.name)

    def close(self):
        self._indexes = iter(())


class LiveCamera(Camera):
    """The same at the frames' own pace, without an end, as a live camera."""

    live = True

    def __init__(self, frames, fps, *, mounted):
        super().__init__(frames, fps, mounted=mounted, seconds=3600.0)
        self._closed = threading.Event()

    def read(self):
        self._closed.wait(1 / self._fps)
        frame = super().read()
        return frame and replace(frame, media_time_s=frame.captured_at)

    def close(self):
        super().close()
        self._closed.set()


def draw(name, *, seconds=5.0):
    """Return the frames of a scene, gray, 320x240."""
    scene = make_scene(name, width=320, height=240, fps=SCENE_FPS)
    return [cv2.cvtColor(scene.frame(index)[0], cv2.COLOR_BGR2GRAY) for index in range(round(seconds * SCENE_FPS))]


@pytest.fixture(scope="module")
def people():
    """A drawn scene of three people who move."""
    return draw("three")


@pytest.fixture(params=["haar", "blazeface"])
def method(request):
    """Each detector that can be installed."""
    if request.param == "blazeface":
        try:
            find_models()
        except ModelError as error:
            pytest.skip(str(error))
    return request.param


@pytest.fixture
def new_pipeline(method, interpreter_package):
    """Create a pipeline from a camera to a sink."""
    settings = Settings(
        detect=DetectSettings(method=method),
        model=ModelSettings(interpreter=interpreter_package),
        schedule=ScheduleSettings(heat_limit_c=120.0),
    )

    def create(camera, sink, *, memory=None, flip="none"):
        return Pipeline(
            camera,
            build_steps(settings)(is_still_images=False),
            [],
            Counters(),
            settings,
            frame_sinks=[sink],
            mounting=Mounting(SourceSettings(flip=flip), memory),
            search=OrientationSearch(cpu_share=settings.schedule.scan_cpu_share),
        )

    return create


@pytest.fixture
def start(new_pipeline):
    """Run a camera to its end, and return what its sink got."""

    def start(camera, **options):
        sink = Collect()
        new_pipeline(camera, sink, **options).run()
        return sink

    return start


@pytest.mark.slow
@pytest.mark.parametrize("mounted", [90, 180, 270])
def test_drawn_people_are_found_however_the_camera_is_mounted(start, people, mounted, tmp_path, caplog):
    """Within five seconds the frames are turned upright, once, with one line in the log, and that is remembered."""
    caplog.set_level(logging.INFO, "edge")
    memory = RotationMemory(tmp_path)
    sink = start(Camera(people, SCENE_FPS, mounted=mounted), memory=memory)
    assert sink.rotations == [0, mounted]
    assert sink.first_face_s(mounted) <= FOUND_WITHIN_S
    assert caplog.messages.count(f"camera: turned by {mounted} degrees: faces are upright now") == 1
    assert memory.find("camera") == mounted


@pytest.mark.slow
def test_all_people_are_found_after_the_turn(start, people):
    """Upside-down frames lead to the tracks of an upright camera, with new ids."""
    upright = start(Camera(people, SCENE_FPS))
    turned = start(Camera(people, SCENE_FPS, mounted=180))
    after = [item for item in turned.shown if item.frame.rotation == 180]
    before = {track for item in turned.shown if item.frame.rotation == 0 for track in item.observation.present}
    assert not before & {track for item in after for track in item.observation.present}
    assert len(after[-1].observation.readings) == len(upright.shown[-1].observation.readings)
    for reading in after[-1].observation.readings:
        ious = [reading.box.iou(other.box) for other in upright.shown[-1].observation.readings]
        assert max(ious) > 0.7


@pytest.mark.slow
@pytest.mark.parametrize("name", ["three", "crossing", "empty"])
def test_an_upright_camera_is_never_turned(start, name):
    """Neither while people are there nor where nothing is."""
    assert start(Camera(draw(name), SCENE_FPS, seconds=12.0)).rotations == [0]


@pytest.mark.slow
@pytest.mark.parametrize("flip", ["horizontal", "vertical"])
def test_a_mirrored_camera_is_turned_the_right_way(start, people, flip):
    """With a flip the frames turn the other way, so that they end upright as well."""
    mirrored = [gray[:, ::-1] if flip == "horizontal" else gray[::-1] for gray in people]
    sink = start(Camera(mirrored, SCENE_FPS, mounted=90), flip=flip)
    assert sink.rotations == [0, 90]
    assert sink.first_face_s(90) <= FOUND_WITHIN_S


@pytest.mark.slow
def test_the_next_run_starts_in_the_rotation_that_was_found(start, people, tmp_path):
    """A restart costs no second search: the first frames are upright already."""
    RotationMemory(tmp_path).store("camera", 180)
    sink = start(Camera(people, SCENE_FPS, mounted=180, seconds=2.0), memory=RotationMemory(tmp_path))
    assert sink.rotations == [180]
    assert sink.first_face_s(180) < 1.0


@pytest.mark.slow
def test_a_camera_that_was_mounted_anew_is_turned_back(start, people, tmp_path):
    """A remembered rotation that no longer fits is found out like any other."""
    memory = RotationMemory(tmp_path)
    memory.store("camera", 180)
    sink = start(Camera(people, SCENE_FPS), memory=memory)
    assert sink.rotations == [180, 0]
    assert memory.find("camera") == 0


@pytest.mark.slow
def test_a_live_camera_is_turned_too(new_pipeline, people):
    """Where frames do not wait for scans, results of the frames before the turn do not disturb those after it."""
    sink = Collect()
    pipeline = new_pipeline(LiveCamera(people, SCENE_FPS, mounted=180), sink)
    running = threading.Thread(target=pipeline.run)
    running.start()
    try:
        wait_for(lambda: sink.first_face_s(180) < float("inf"))
    finally:
        pipeline.ask_stop()
        running.join()
    assert sink.rotations == [0, 180]


@pytest.fixture
def read_clip(datasets):
    """Read a real clip: its frames, gray, and its frame rate."""

    def read(name):
        path = datasets / "clips" / f"{name}.mp4"
        if not path.is_file():
            pytest.skip(f"there is no clip {path}")
        capture, frames = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG), []
        while (found := capture.read())[0]:
            frames.append(cv2.cvtColor(found[1], cv2.COLOR_BGR2GRAY))
        return frames, capture.get(cv2.CAP_PROP_FPS)

    return read


@pytest.mark.slow
@pytest.mark.parametrize("mounted", [90, 180, 270])
@pytest.mark.parametrize("name", ["single_face", "asl_again", "asl_sister", "sk_carphone_pristine"])
def test_real_people_are_found_however_the_camera_is_mounted(start, read_clip, name, mounted):
    """Each clip ends upright, with a face within five seconds."""
    sink = start(Camera(*read_clip(name), mounted=mounted, seconds=6.0))
    assert sink.rotations == [0, mounted]
    assert sink.first_face_s(mounted) <= FOUND_WITHIN_S


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "single_face",
        "face_noface",
        "asl_again",
        "asl_sister",
        "sk_carphone_pristine",
        "p_head-pose-face-detection-female-and-male",
        "p_store-aisle-detection",
    ],
)
def test_real_upright_people_never_turn_the_camera(start, read_clip, name):
    """Neither tilted heads, hands, bodies seen from above nor a title turn an upright camera."""
    assert start(Camera(*read_clip(name), seconds=12.0)).rotations == [0]


@pytest.fixture
def run_file(tmp_path, method, interpreter_package):
    """Run a file with these settings of the source, and return the lines of its log without times."""

    def run_file(path, *, name="log", annotate=None, **source):
        log = tmp_path / f"{name}.jsonl"
        settings = Settings(
            source=SourceSettings(use=str(path), **source),
            detect=DetectSettings(method=method),
            model=ModelSettings(interpreter=interpreter_package),
            log=LogSettings(path=str(log), mode="all"),
        )
        run(settings, json_output=False, views=ViewOptions(annotate=annotate))
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        return [{key: value for key, value in line.items() if key not in {"time", "latency_ms"}} for line in lines]

    return run_file


def write_video(path, frames, *, mounted=0):
    """Write gray frames as a video that must be turned by `mounted` degrees to be upright."""
    turned = [np.ascontiguousarray(np.rot90(gray, mounted // 90)) for gray in frames]
    size = turned[0].shape[::-1]
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), SCENE_FPS, size)
    for gray in turned:
        writer.write(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR))
    writer.release()
    return path


def faces(lines):
    """Return the number of faces with a box in the log, and their boxes in its last frame, from left to right."""
    found = [line for line in lines if line.get("box")]
    last = max(line["frame"] for line in found)
    return len(found), sorted(line["box"] for line in found if line["frame"] == last)


def frame_shapes(video):
    """Return the shape of each frame of a video."""
    capture, shapes = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG), []
    while (found := capture.read())[0]:
        shapes.append(found[1].shape)
    return shapes


@pytest.mark.parametrize("mounted", [90, 180, 270])
def test_a_video_is_turned_from_its_first_frame_on(run_file, people, mounted, tmp_path):
    """The log has the same faces as for an upright video, and the annotated video is upright as a whole."""
    upright, _ = faces(run_file(write_video(tmp_path / "a.avi", people[:45])))
    video, annotated = write_video(tmp_path / "b.avi", people[:45], mounted=mounted), tmp_path / "annotated.avi"
    turned, boxes = faces(run_file(video, name="turned", rotate="auto", annotate=annotated))
    assert turned > upright / 2
    assert max(y + h for _, y, _, h in boxes) <= 240
    assert frame_shapes(annotated) == [(240, 320, 3)] * 45


def test_two_runs_of_a_turned_video_give_the_same_log(run_file, people, tmp_path):
    """Neither threads nor time decide when the frames are turned."""
    video = write_video(tmp_path / "a.avi", people[:30], mounted=180)
    first, second = (run_file(video, name=name, rotate="auto") for name in ("first", "second"))
    assert first == second
    assert faces(first)[0] > 30


@pytest.mark.parametrize(("rotate", "is_turned"), [(None, False), (0, False), ("auto", True)])
def test_a_file_is_turned_only_on_request(run_file, people, tmp_path, rotate, is_turned):
    """A rotation that is left open is 0 for files."""
    video, annotated = write_video(tmp_path / "a.avi", people[:15], mounted=90), tmp_path / "annotated.avi"
    run_file(video, rotate=rotate, annotate=annotated)
    assert set(frame_shapes(annotated)) == {(240, 320, 3) if is_turned else (320, 240, 3)}


def test_the_crop_of_a_turned_video_counts_in_the_turned_frame(run_file, people, tmp_path):
    """The rotation is found in the whole frame, and the turned one is cropped."""
    crop = (10, 5, 300, 230)
    upright = run_file(write_video(tmp_path / "a.avi", people[:30]), crop=crop)
    video = write_video(tmp_path / "b.avi", people[:30], mounted=90)
    turned = run_file(video, name="turned", rotate="auto", crop=crop)
    for box, other in zip(faces(upright)[1], faces(turned)[1], strict=True):
        assert box == pytest.approx(other, abs=4)


def test_each_still_image_is_turned_by_itself(run_file, people, tmp_path):
    """Images of a folder may lie in different ways; an image without a face stays as it is."""
    folder = tmp_path / "images"
    folder.mkdir()
    for mounted in (0, 90, 180, 270):
        cv2.imwrite(str(folder / f"{mounted:03}.png"), np.rot90(people[30], mounted // 90))
    cv2.imwrite(str(folder / "empty.png"), np.full((240, 320), 128, np.uint8))
    lines = [line for line in run_file(folder, rotate="auto") if line.get("box")]
    found = {line["source"]: [] for line in lines}
    for line in lines:
        found[line["source"]].append(line["box"])
    assert sorted(found) == ["000.png", "090.png", "180.png", "270.png"]
    for boxes in found.values():
        assert np.allclose(sorted(boxes), sorted(found["000.png"]), atol=1)


@pytest.mark.parametrize(
    ("options", "is_camera", "searches"),
    [
        ({}, True, True),
        ({"rotate": "auto"}, True, True),
        ({"flip": "horizontal"}, True, True),
        ({"rotate": 0}, True, False),
        ({"rotate": 180}, True, False),
        ({"crop": (0, 0, 64, 64)}, True, False),
        ({}, False, False),
        ({"rotate": "auto"}, False, True),
    ],
)
def test_only_a_camera_whose_rotation_is_not_set_is_searched(
    monkeypatch, tmp_path, interpreter_package, options, is_camera, searches
):
    """A number or a crop keeps the frames as they are, and so does a drawn scene whose rotation is left open."""
    camera, given = Camera([np.zeros((240, 320), np.uint8)], SCENE_FPS, seconds=0.1), {}
    camera.is_camera, camera.live = is_camera, True

    def new_pipeline(*arguments, **parts):
        given.update(parts)
        return Pipeline(*arguments, **parts)

    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setattr("edge.pipeline.build.open_source", lambda *_, **__: camera)
    monkeypatch.setattr("edge.pipeline.build.Pipeline", new_pipeline)
    settings = Settings(
        source=SourceSettings(**options),
        model=ModelSettings(interpreter=interpreter_package),
        log=LogSettings(path=str(tmp_path / "log.jsonl")),
    )
    run(settings, json_output=False)
    assert (given["search"] is not None) == searches
