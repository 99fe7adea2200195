"""A run opens what the settings enable, prints what it does, and closes everything however it ends."""

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

from edge.cli.run import run
from edge.errors import CameraError, ModelError, SinkError
from edge.labels import CLASS_SETS, EMOTIONS
from edge.model.prior import describe_prior
from edge.pipeline import build as build_module
from edge.pipeline import sinks as sinks_module
from edge.pipeline.build import build_steps
from edge.pipeline.sinks import OptionalSinks, open_log
from edge.records import Box, Observation, Reading
from edge.scenes.catalogue import make_scene
from edge.settings.load import override
from edge.settings.schema import (
    ClassifySettings,
    DetectSettings,
    LogSettings,
    ModelSettings,
    PrivacySettings,
    Settings,
    SourceSettings,
)
from edge.sinks.console.lines import PlainLines
from edge.sinks.log.jsonl import JsonLinesLog
from edge.sinks.log.rotated_names import rotated_files
from edge.sources.scene import SceneSource

OTHERS = set(EMOTIONS) - {"happy", "neutral"}


class Full(io.StringIO):
    """A terminal to which nothing can be written."""

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
    """A source of ten frames of an empty room, as from a file, that counts how often it was closed."""

    class Room(SceneSource):
        closed = 0

        def close(self):
            self.closed += 1
            super().close()

    room = Room(make_scene("empty", width=160, height=120, duration_s=1 / 3), live=False)
    monkeypatch.setattr(build_module, "open_source", lambda _settings, **_color: room)
    return room


@pytest.fixture
def closed_logs(monkeypatch):
    """The paths of the logs that were closed."""
    paths = []

    class Log(JsonLinesLog):
        def close(self):
            super().close()
            paths.append(self.path)

    monkeypatch.setattr(sinks_module, "JsonLinesLog", Log)
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
def test_log_mode_depends_on_the_source(tmp_path, mode, live, expected):
    """With mode `auto` a camera's log has changes and a file's has every reading; another mode holds for both."""
    path = tmp_path / "log.jsonl"
    log = open_log(LogSettings(path=str(path), mode=mode), SceneSource(make_scene("one"), live=live))
    log.write(observation(0, "happy"))
    log.write(observation(1, "happy"))
    log.close()
    assert [line.get("event") for line in lines_of(path)] == expected


def test_summary_interval_is_that_of_the_settings(tmp_path):
    """With an interval of half a second the log has a summary every half second."""
    path = tmp_path / "log.jsonl"
    log = open_log(
        LogSettings(path=str(path), mode="changes", summary_interval_s=0.5), SceneSource(make_scene("one"), live=True)
    )
    for frame in range(31):
        log.write(observation(frame))
    log.close()
    assert [line["event"] for line in lines_of(path)] == ["started", "summary", "summary", "stopped"]


@pytest.mark.parametrize(("is_still_images", "count"), [(True, 1), (False, 0)])
def test_log_has_a_line_for_a_picture_without_a_face(tmp_path, is_still_images, count):
    """A picture without a face is logged, and a video's frame without a face is not."""
    path = tmp_path / "log.jsonl"
    source = SceneSource(make_scene("empty"), live=False)
    source.is_still_images = is_still_images
    log = open_log(LogSettings(path=str(path)), source)
    log.write(observation(0))
    log.close()
    assert len(lines_of(path)) == count


@pytest.mark.parametrize("json_output", [False, True])
@pytest.mark.parametrize("is_still_images", [False, True])
def test_json_lines_go_to_standard_output_and_the_rest_to_standard_error(
    settings, source, tmp_path, monkeypatch, json_output, is_still_images
):
    """With `--json` standard output has a line for each picture, none for an empty video, and nothing else."""
    source.is_still_images = is_still_images
    output, errors = (tmp_path / "output").open("w"), io.StringIO()
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(sys, "stderr", errors)
    with output:
        run(settings, json_output=json_output)
    printed = (tmp_path / "output").read_text()
    said = errors.getvalue() if json_output else printed
    assert said.startswith("reading scene:empty, log: ")
    assert f"10 {'pictures' if is_still_images else 'frames'} processed" in said
    if json_output:
        assert [json.loads(line)["emotion"] for line in printed.splitlines()] == [None] * 10 * is_still_images
    else:
        assert errors.getvalue() == ""


def test_log_and_source_are_closed_if_the_console_cannot_be_opened(settings, source, closed_logs, monkeypatch):
    """The log, which is open by then, and the source are closed, and the error is raised unchanged."""
    monkeypatch.setattr(sys, "stdout", Full())
    with pytest.raises(OSError, match="No space left"):
        run(settings, json_output=False)
    assert [str(path) for path in closed_logs] == [settings.log.path]
    assert source.closed == 1


def test_every_sink_is_closed_if_the_pipeline_cannot_be_built(settings, source, closed_logs, monkeypatch):
    """The log, the console and the source are closed when building the pipeline raises."""
    closed = []
    monkeypatch.setattr(PlainLines, "close", lambda _sink: closed.append("console"))

    def fail(*_parts, **_options):
        raise ModelError("no pipeline")

    monkeypatch.setattr(build_module, "Pipeline", fail)
    with pytest.raises(ModelError, match="no pipeline"):
        run(settings, json_output=False)
    assert closed == ["console"]
    assert len(closed_logs) == 1
    assert source.closed == 1


def test_source_is_closed_if_the_log_cannot_be_opened(settings, source):
    """A camera that was opened is closed again, so that the next attempt finds it free."""
    in_the_way = Settings(model=settings.model, log=LogSettings(path=f"{__file__}/log.jsonl"))
    with pytest.raises(SinkError, match="expected a log file"):
        run(in_the_way, json_output=False)
    assert source.closed == 1


def test_invalid_model_is_reported_before_the_camera_is_opened(settings, monkeypatch):
    """A model that cannot be used raises before the source is opened."""
    opened = []
    monkeypatch.setattr(build_module, "open_source", opened.append)
    wrong = Settings(model=ModelSettings(path="none.tflite"), log=settings.log)
    with pytest.raises(ModelError, match=r"none\.tflite"):
        run(wrong, json_output=False)
    assert opened == []


@pytest.mark.parametrize("prior", ["balanced", {"happy": 2.0, "neutral": 1.0} | dict.fromkeys(OTHERS, 0.5)])
@pytest.mark.usefixtures("source")
def test_a_run_names_its_model_and_prior(settings, tmp_path, capsys, prior):
    """The log's first line and the summary have them, so that figures can be traced to them."""
    classify, log = ClassifySettings(prior=prior, prior_strength=0.25), override(settings.log, mode="changes")
    run(msgspec.structs.replace(settings, classify=classify, log=log), json_output=False)
    started = lines_of(tmp_path / "log.jsonl")[0]
    expected = {"event": "started", "model": "edge_small", "prior": prior, "prior_strength": 0.25}
    assert started | expected == started
    assert f"model: edge_small, prior {describe_prior(prior, 0.25)}" in capsys.readouterr().out.splitlines()


def test_run_that_fails_is_summarized(settings, monkeypatch, capsys):
    """A run whose camera fails prints the summary of the frames before, and then raises."""
    broken = SceneSource(make_scene("empty", width=160, height=120), live=False, fail_at=5)
    monkeypatch.setattr(build_module, "open_source", lambda _settings, **_color: broken)
    with pytest.raises(CameraError):
        run(settings, json_output=False)
    assert "frames processed" in capsys.readouterr().out


@pytest.mark.usefixtures("source")
def test_signal_handlers_are_restored(settings):
    """After a run that is not the program's own the signals have the handlers that they had before."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    run(settings, json_output=False)
    assert [signal.getsignal(number) for number in numbers] == before


@pytest.mark.usefixtures("source")
def test_opencv_uses_the_configured_threads(settings):
    """OpenCV uses one thread by default, so that a small board stays cool, and otherwise `detect.threads`."""
    before = cv2.getNumThreads()
    try:
        for threads in (2, 1):
            detect = DetectSettings(threads=threads)
            run(Settings(model=settings.model, log=settings.log, detect=detect), json_output=False)
            assert cv2.getNumThreads() == threads
    finally:
        cv2.setNumThreads(before)


def test_configured_interpreter_is_not_replaced():
    """If the configured package is missing, the error names it, although another package is installed."""
    names = {"ai-edge-litert": "ai_edge_litert", "tflite-runtime": "tflite_runtime"}
    missing = [name for name, module in names.items() if importlib.util.find_spec(module) is None]
    if not missing:
        pytest.skip("both interpreters are installed")
    with pytest.raises(ModelError, match=missing[0]):
        build_steps(Settings(model=ModelSettings(interpreter=missing[0])))


@pytest.mark.parametrize(("classes", "labels"), [(0, CLASS_SETS[7]), (6, CLASS_SETS[6]), (5, CLASS_SETS[5])])
def test_sinks_get_the_configured_labels(settings, tmp_path, monkeypatch, classes, labels):
    """With `model.classes` the sinks get those labels instead of the model's seven, for Home Assistant and metrics."""
    passed = []

    def opened(_settings, context):
        passed.append(context.labels)
        return OptionalSinks()

    monkeypatch.setattr("edge.pipeline.build.new_optional_sinks", opened)
    cv2.imwrite(str(tmp_path / "face.png"), make_scene("one").frame(0)[0])
    asked = msgspec.structs.replace(settings.model, classes=classes)
    pictures = SourceSettings(use=str(tmp_path / "face.png"))
    run(msgspec.structs.replace(settings, model=asked, source=pictures), json_output=False)
    assert passed == [labels]
    assert tuple(lines_of(tmp_path / "log.jsonl")[0]["probabilities"]) == labels


@pytest.mark.parametrize(("is_still_images", "searched"), [(True, (720, 880)), (False, (360, 460))])
def test_picture_is_searched_as_a_whole_and_a_stream_shrunk(settings, monkeypatch, is_still_images, searched):
    """A picture is searched at its full size with a wide border; a stream, which is scanned repeatedly, is shrunk."""
    shapes = []

    class Cascade:
        def detectMultiScale3(self, gray, **_options):  # noqa: N802  # OpenCV's name
            shapes.append(gray.shape)
            return [], None, []

    monkeypatch.setattr("edge.vision.haar.open_cascade", lambda _name: Cascade())
    steps = build_steps(settings)(is_still_images=is_still_images)
    steps.scanner.scan(np.zeros((480, 640), np.uint8))
    assert shapes == [searched]


@pytest.mark.parametrize(
    ("rotate", "live", "rotated"),
    [("auto", True, True), ("auto", False, False), ("always", False, True), ("never", True, False)],
)
def test_rotation_depends_on_the_source(tmp_path, rotate, live, rotated):
    """With `auto` a camera's log, which has no end, is rotated and a file's is not; another setting holds for both."""
    settings = LogSettings(path=str(tmp_path / "log.jsonl"), mode="all", rotate=rotate, rotate_mb=0.001, flush_s=0.0)
    log = open_log(settings, SceneSource(make_scene("one"), live=live))
    for frame in range(20):
        log.write(observation(frame, "happy"))
    log.close()
    assert bool(rotated_files(tmp_path / "log.jsonl")) is rotated


def test_lines_are_collected_for_the_configured_time(tmp_path):
    """With `log.flush_s` of an hour nothing is written until the log is closed."""
    path = tmp_path / "log.jsonl"
    log = open_log(LogSettings(path=str(path), flush_s=3600.0), SceneSource(make_scene("one"), live=True))
    log.write(observation(0, "happy"))
    assert (path.read_bytes(), log.flushes) == (b"", 0)
    log.close()
    assert (len(path.read_bytes()), log.flushes) == (log.bytes_written, 1)


def test_retention_reaches_the_log(settings, monkeypatch):
    """`privacy.retention_days` is passed to the log's limits."""
    asked = []
    monkeypatch.setattr(sinks_module, "rotation_policy", lambda _, *, retention_days: asked.append(retention_days))
    log = msgspec.structs.replace(settings.log, rotate="always")
    source = SourceSettings(use="scene:one")
    privacy = PrivacySettings(retention_days=30.0)
    monkeypatch.setattr(
        build_module, "open_source", lambda *_, **__: SceneSource(make_scene("one", duration_s=0.1), live=False)
    )
    run(msgspec.structs.replace(settings, source=source, log=log, privacy=privacy), json_output=False)
    assert asked == [30.0]
