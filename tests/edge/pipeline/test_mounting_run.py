"""A run on a camera that is mounted upside down, on its side or behind a mirror is like one on an upright camera."""

import json

import cv2
import numpy as np
import pytest

from edge.cli.run import run
from edge.counters import Counters
from edge.errors import ConfigError
from edge.pipeline.build import build_steps
from edge.pipeline.pipeline import Pipeline
from edge.pipeline.sinks import ViewOptions
from edge.scenes.catalogue import make_scene
from edge.settings.schema import LogSettings, ModelSettings, Settings, SourceSettings
from edge.sinks.base import Sink
from edge.sinks.colors import COLORS
from edge.sources.base import Source
from edge.sources.mounting import Mounting
from edge.sources.scene import SceneSource


class Collect(Sink):
    name = "collect"

    def __init__(self):
        self.items = []

    def write(self, item):
        self.items.append(item)


class Mounted(Source):
    """A camera that sees a scene turned and mirrored by the function `change`; every frame is read."""

    is_camera = True
    name = "camera"

    def __init__(self, scene, change, *, color=False):
        self._source = SceneSource(scene, live=False, color=color)
        self._change = change

    def read(self):
        frame = self._source.read()
        if frame is None:
            return None
        color = None if frame.color is None else self._changed(frame.color)
        return type(frame)(
            self._changed(frame.gray), frame.index, frame.captured_at, frame.media_time_s, self.name, color
        )

    def _changed(self, pixels):
        changed = np.ascontiguousarray(self._change(pixels))
        changed.flags.writeable = False
        return changed

    def close(self):
        self._source.close()


def upright(pixels):
    return pixels


@pytest.fixture
def new_steps(interpreter_package):
    return build_steps(Settings(model=ModelSettings(interpreter=interpreter_package)))


def readings(observations):
    return [[(r.track_id, r.box, r.emotion, r.probabilities) for r in item.readings] for item in observations]


@pytest.mark.parametrize(
    ("change", "settings"),
    [
        (lambda pixels: np.rot90(pixels, 2), SourceSettings(rotate=180)),
        (np.rot90, SourceSettings(rotate=90)),
        (lambda pixels: np.rot90(pixels[::-1]), SourceSettings(rotate=90, flip="vertical")),
        (lambda pixels: np.pad(pixels, ((64, 0), (100, 30)), mode="edge"), SourceSettings(crop=(100, 64, 320, 240))),
    ],
    ids=["upside down", "on its side", "mirrored", "cropped"],
)
def test_a_mounted_camera_gives_the_same_readings_as_an_upright_one(new_steps, change, settings):
    """The settings undo the mounting before anything looks: tracks, boxes in the turned frame and predictions agree."""
    runs = []
    for source_change, mounting in [(upright, None), (change, Mounting(settings))]:
        sink, scene = Collect(), make_scene("one", width=320, height=240, duration_s=2.0)
        steps = new_steps(is_still_images=False)
        Pipeline(Mounted(scene, source_change), steps, [sink], Counters(), Settings(), mounting=mounting).run()
        runs.append(readings(sink.items))
    assert runs[0] == runs[1]
    assert sum(map(bool, runs[0])) > len(runs[0]) / 2


def test_viewers_see_the_oriented_frame_in_colour(new_steps):
    """Sinks that show pictures get gray and colour as the detector saw them."""
    frames, scene = Collect(), make_scene("one", width=320, height=240, duration_s=0.2)
    pipeline = Pipeline(
        Mounted(scene, lambda pixels: np.rot90(pixels, 2), color=True),
        new_steps(is_still_images=False),
        [],
        Counters(),
        Settings(),
        frame_sinks=[frames],
        mounting=Mounting(SourceSettings(rotate=180, crop=(64, 64, 128, 100))),
    )
    pipeline.run()
    expected, _ = scene.frame(frames.items[0].frame.index)
    assert np.array_equal(frames.items[0].frame.color, expected[64:164, 64:192])
    assert frames.items[0].frame.gray.shape == (100, 128)


def test_a_crop_that_does_not_fit_ends_the_run_with_the_frame_s_size(new_steps):
    """The first frame shows it; the error reaches the caller like any other wrong setting."""
    mounting = Mounting(SourceSettings(rotate=90, crop=(0, 0, 320, 240)))
    source = Mounted(make_scene("one", width=320, height=240), upright)
    pipeline = Pipeline(
        source, new_steps(is_still_images=False), [Collect()], Counters(), Settings(), mounting=mounting
    )
    with pytest.raises(ConfigError, match=r"inside the 240x320 px of the turned frame, found \[0, 0, 320, 240\]"):
        pipeline.run()


@pytest.fixture
def clip_on_its_side(tmp_path):
    """A video of one face whose top is on the left."""
    path, scene = tmp_path / "clip.avi", make_scene("one", width=320, height=240, fps=12.0, duration_s=2.0)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 12.0, (240, 320))
    for index in range(scene.frame_count):
        writer.write(np.ascontiguousarray(np.rot90(scene.frame(index)[0])))
    writer.release()
    return path


def test_log_and_annotated_video_count_in_the_turned_frame(tmp_path, clip_on_its_side, interpreter_package):
    """A number turns a file too: the annotated video is upright, and a bar is where the log says that the face is."""
    settings = Settings(
        source=SourceSettings(use=str(clip_on_its_side), rotate=90),
        model=ModelSettings(interpreter=interpreter_package),
        log=LogSettings(path=str(tmp_path / "log.jsonl")),
    )
    out = tmp_path / "out.avi"
    run(settings, json_output=False, views=ViewOptions(annotate=out))
    capture, frames = cv2.VideoCapture(str(out), cv2.CAP_FFMPEG), []
    while (found := capture.read())[0]:
        frames.append(found[1])
    assert {frame.shape for frame in frames} == {(240, 320, 3)}
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert len(lines) > 12
    for line in lines:
        x, y, _, height = line["box"]  # the bar stands below it
        bar = frames[line["frame"]][y + height + 2, x + 8].astype(int)
        assert bar == pytest.approx(COLORS[line["emotion"]][::-1], abs=60)
