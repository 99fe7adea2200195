"""A run opens what the settings ask for, says what it does, and gives everything back however it ends."""

import errno
import importlib.util
import io
import json
import signal
import sys

import cv2
import msgspec
import numpy as np
import pytest

from edge import run as run_module
from edge.errors import CameraError, ModelError
from edge.extras import Extras
from edge.labels import CLASS_SETS
from edge.records import Box, Observation, Reading
from edge.run import build_steps, open_log, run
from edge.scenes.catalogue import make_scene
from edge.settings import DetectSettings, LogSettings, ModelSettings, PrivacySettings, Settings, SourceSettings
from edge.sinks.console import PlainLines
from edge.sinks.jsonl import JsonLinesLog
from edge.sinks.rotated import rotated_files
from edge.sources.scene import SceneSource


class Full(io.StringIO):
    """A terminal's stand-in that takes nothing."""

    def write(self, _text):
        raise OSError(errno.ENOSPC, "No space left on device")


def observation(frame, *emotions):
    readings = tuple(
        Reading(number, Box(0, 0, 50, 50), name, 0.8, {name: 0.8}, frame, 0.0, 0.01)
        for number, name in enumerate(emotions, start=1)
    )
    return Observation(frame, "camera", 0.0, frame / 30, readings, tuple(item.track_id for item in readings))


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def settings(tmp_path, interpreter_package):
    return Settings(
        model=ModelSettings(interpreter=interpreter_package), log=LogSettings(path=str(tmp_path / "log.jsonl"))
    )


@pytest.fixture
def source(monkeypatch):
    """Ten frames of an empty room, as from a file, that note how often they were closed."""

    class Room(SceneSource):
        closed = 0

        def close(self):
            self.closed += 1
            super().close()

    room = Room(make_scene("empty", width=160, height=120, duration_s=1 / 3), live=False)
    monkeypatch.setattr(run_module, "open_source", lambda _settings, **_color: room)
    return room


@pytest.fixture
def closed_logs(monkeypatch):
    """The paths of the logs that were closed."""
    paths = []

    class Log(JsonLinesLog):
        def close(self):
            super().close()
            paths.append(self.path)

    monkeypatch.setattr(run_module, "JsonLinesLog", Log)
    return paths


@pytest.mark.parametrize(
    ("mode", "live", "expected"),
    [
        ("auto", True, ["started", "appeared", "left", "stopped"]),
        ("auto", False, [None, None]),
        ("changes", True, ["started", "appeared", "left", "stopped"]),
        ("changes", False, ["started", "appeared", "left", "stopped"]),
        ("all", True, [None, None]),
        ("all", False, [None, None]),
    ],
)
def test_the_log_tells_changes_of_cameras_and_all_of_files_unless_it_is_told(tmp_path, mode, live, expected):
    """Two frames of one face: what came and went, or a line for each."""
    path = tmp_path / "log.jsonl"
    log = open_log(LogSettings(path=str(path), mode=mode), SceneSource(make_scene("one"), live=live))
    log.write(observation(0, "happy"))
    log.write(observation(1, "happy"))
    log.close()
    assert [line.get("event") for line in lines_of(path)] == expected


def test_the_summarys_interval_is_the_settings(tmp_path):
    """Half a second apart, here."""
    path = tmp_path / "log.jsonl"
    log = open_log(
        LogSettings(path=str(path), mode="changes", summary_interval_s=0.5), SceneSource(make_scene("one"), live=True)
    )
    for frame in range(31):
        log.write(observation(frame))
    log.close()
    assert [line["event"] for line in lines_of(path)] == ["started", "summary", "summary", "stopped"]


@pytest.mark.parametrize(("stills", "count"), [(True, 1), (False, 0)])
def test_the_log_has_a_line_for_a_picture_without_a_face(tmp_path, stills, count):
    """A video's frames without one have none."""
    path = tmp_path / "log.jsonl"
    source = SceneSource(make_scene("empty"), live=False)
    source.stills = stills
    log = open_log(LogSettings(path=str(path)), source)
    log.write(observation(0))
    log.close()
    assert len(lines_of(path)) == count


@pytest.mark.parametrize("json_output", [False, True])
@pytest.mark.parametrize("stills", [False, True])
def test_json_lines_go_to_standard_output_and_the_rest_to_the_person(
    settings, source, tmp_path, monkeypatch, json_output, stills
):
    """With `--json` standard output has a line for each picture, none for an empty video, and nothing else."""
    source.stills = stills
    output, errors = (tmp_path / "output").open("w"), io.StringIO()
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(sys, "stderr", errors)
    with output:
        run(settings, json_output=json_output)
    printed = (tmp_path / "output").read_text()
    said = errors.getvalue() if json_output else printed
    assert said.startswith("reading scene:empty, log: ")
    assert f"10 {'pictures' if stills else 'frames'} processed" in said
    if json_output:
        assert [json.loads(line)["emotion"] for line in printed.splitlines()] == [None] * 10 * stills
    else:
        assert errors.getvalue() == ""


def test_when_the_console_cannot_be_opened_log_and_source_are_closed(settings, source, closed_logs, monkeypatch):
    """The log is open already, and the error passes on as it is."""
    monkeypatch.setattr(sys, "stdout", Full())
    with pytest.raises(OSError, match="No space left"):
        run(settings, json_output=False)
    assert [str(path) for path in closed_logs] == [settings.log.path]
    assert source.closed == 1


def test_when_the_pipeline_cannot_be_built_every_sink_is_closed(settings, source, closed_logs, monkeypatch):
    """The log and the console, in this case."""
    closed = []
    monkeypatch.setattr(PlainLines, "close", lambda _sink: closed.append("console"))

    def fail(*_parts, **_options):
        raise ModelError("no pipeline")

    monkeypatch.setattr(run_module, "Pipeline", fail)
    with pytest.raises(ModelError, match="no pipeline"):
        run(settings, json_output=False)
    assert closed == ["console"]
    assert len(closed_logs) == 1
    assert source.closed == 1


def test_when_the_log_cannot_be_opened_the_source_is_closed(settings, source):
    """A camera that was opened for nothing is free for the next try."""
    in_the_way = Settings(model=settings.model, log=LogSettings(path=f"{__file__}/log.jsonl"))
    with pytest.raises(OSError, match="expected a log file"):
        run(in_the_way, json_output=False)
    assert source.closed == 1


def test_a_wrong_model_is_told_before_a_camera_is_opened(settings, monkeypatch):
    """The camera's light does not go on for nothing."""
    opened = []
    monkeypatch.setattr(run_module, "open_source", opened.append)
    wrong = Settings(model=ModelSettings(path="none.tflite"), log=settings.log)
    with pytest.raises(ModelError, match=r"none\.tflite"):
        run(wrong, json_output=False)
    assert opened == []


def test_a_run_that_fails_is_summed_up_all_the_same(settings, monkeypatch, capsys):
    """What was read before the camera broke is told, and then the error."""
    broken = SceneSource(make_scene("empty", width=160, height=120), live=False, fail_at=5)
    monkeypatch.setattr(run_module, "open_source", lambda _settings, **_color: broken)
    with pytest.raises(CameraError):
        run(settings, json_output=False)
    assert "frames processed" in capsys.readouterr().out


@pytest.mark.usefixtures("source")
def test_signals_are_given_back(settings):
    """After a run Ctrl-C means what it meant before."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    run(settings, json_output=False)
    assert [signal.getsignal(number) for number in numbers] == before


@pytest.mark.usefixtures("source")
def test_opencv_has_the_settings_threads(settings):
    """One by default, so that a small board stays cool; as many as are asked for else."""
    before = cv2.getNumThreads()
    try:
        for threads in (2, 1):
            detect = DetectSettings(threads=threads)
            run(Settings(model=settings.model, log=settings.log, detect=detect), json_output=False)
            assert cv2.getNumThreads() == threads
    finally:
        cv2.setNumThreads(before)


def test_the_interpreter_that_is_asked_for_is_not_replaced_by_another():
    """A package that is missing is named, though the other one is there."""
    names = {"ai-edge-litert": "ai_edge_litert", "tflite-runtime": "tflite_runtime"}
    missing = [name for name, module in names.items() if importlib.util.find_spec(module) is None]
    if not missing:
        pytest.skip("both interpreters are installed")
    with pytest.raises(ModelError, match=missing[0]):
        build_steps(Settings(model=ModelSettings(interpreter=missing[0])))


@pytest.mark.parametrize(("classes", "labels"), [(0, CLASS_SETS[7]), (6, CLASS_SETS[6]), (5, CLASS_SETS[5])])
def test_the_emotions_that_are_asked_for_are_told_to_every_sink(settings, tmp_path, monkeypatch, classes, labels):
    """The model that ships knows seven; Home Assistant, Prometheus and the page list what can be said."""
    told = []

    def opened(_settings, surroundings):
        told.append(surroundings.labels)
        return Extras()

    monkeypatch.setattr("edge.run.open_extras", opened)
    cv2.imwrite(str(tmp_path / "face.png"), make_scene("one").frame(0)[0])
    asked = msgspec.structs.replace(settings.model, classes=classes)
    pictures = SourceSettings(use=str(tmp_path / "face.png"))
    run(msgspec.structs.replace(settings, model=asked, source=pictures), json_output=False)
    assert told == [labels]
    assert tuple(lines_of(tmp_path / "log.jsonl")[0]["probabilities"]) == labels


@pytest.mark.parametrize(("stills", "searched"), [(True, (720, 880)), (False, (360, 460))])
def test_a_picture_is_searched_as_a_whole_and_a_stream_shrunk(settings, monkeypatch, stills, searched):
    """A picture has one chance and a wide border; a stream's scan is repeated and has to be quick."""
    shapes = []

    class Cascade:
        def detectMultiScale3(self, gray, **_options):  # noqa: N802  # OpenCV's name
            shapes.append(gray.shape)
            return [], None, []

    monkeypatch.setattr("edge.vision.detect.open_cascade", lambda _name: Cascade())
    steps = build_steps(settings)(stills=stills)
    steps.scanner.detect(np.zeros((480, 640), np.uint8))
    assert shapes == [searched]


@pytest.mark.parametrize(
    ("rotate", "live", "rotated"),
    [("auto", True, True), ("auto", False, False), ("always", False, True), ("never", True, False)],
)
def test_a_cameras_log_is_rotated_and_a_files_is_not_unless_it_is_told(tmp_path, rotate, live, rotated):
    """A camera's has no end; a film's is one result, which belongs into one file."""
    settings = LogSettings(path=str(tmp_path / "log.jsonl"), mode="all", rotate=rotate, rotate_mb=0.001, flush_s=0.0)
    log = open_log(settings, SceneSource(make_scene("one"), live=live))
    for frame in range(20):
        log.write(observation(frame, "happy"))
    log.close()
    assert bool(rotated_files(tmp_path / "log.jsonl")) is rotated


def test_lines_are_gathered_for_as_long_as_the_settings_say(tmp_path):
    """An hour: until the end nothing is written."""
    path = tmp_path / "log.jsonl"
    log = open_log(LogSettings(path=str(path), flush_s=3600.0), SceneSource(make_scene("one"), live=True))
    log.write(observation(0, "happy"))
    assert (path.read_bytes(), log.flushes) == (b"", 0)
    log.close()
    assert (len(path.read_bytes()), log.flushes) == (log.bytes_written, 1)


def test_the_retention_is_the_settings(settings, monkeypatch):
    """It stands in [privacy], and reaches the log."""
    asked = []
    monkeypatch.setattr(run_module, "new_keeping", lambda _, *, retention_days: asked.append(retention_days))
    log = msgspec.structs.replace(settings.log, rotate="always")
    source = SourceSettings(use="scene:one")
    privacy = PrivacySettings(retention_days=30.0)
    monkeypatch.setattr(
        run_module, "open_source", lambda *_, **__: SceneSource(make_scene("one", duration_s=0.1), live=False)
    )
    run(msgspec.structs.replace(settings, source=source, log=log, privacy=privacy), json_output=False)
    assert asked == [30.0]
