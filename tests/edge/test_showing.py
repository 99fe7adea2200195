"""What a user asks to see is had, or the run ends with one line that says why not."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import ConfigError, SinkError
from edge.run import run
from edge.scenes.__main__ import write_clip
from edge.scenes.catalogue import make_scene
from edge.settings import LogSettings, ModelSettings, PrivacySettings, Settings, SourceSettings
from edge.showing import Asked, Showing
from edge.sinks.colors import COLORS
from edge.sources.choose import open_source


@pytest.fixture
def clip(tmp_path):
    """Two seconds of one face, 12 frames a second."""
    path = tmp_path / "clip.mp4"
    write_clip(make_scene("one", width=320, height=240, fps=12.0, duration_s=2.0), path)
    return path


@pytest.fixture
def settings(tmp_path, clip, interpreter_package):
    return Settings(
        source=SourceSettings(use=str(clip)),
        model=ModelSettings(interpreter=interpreter_package),
        log=LogSettings(path=str(tmp_path / "log.jsonl")),
    )


def read(path):
    """The frames, and the rate."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    fps = capture.get(cv2.CAP_PROP_FPS)
    frames = []
    while (found := capture.read())[0]:
        frames.append(found[1])
    capture.release()
    return frames, fps


def test_the_annotated_video_has_each_frame_of_the_source_and_what_the_log_says_of_it(tmp_path, settings):
    """The same number of frames, the same rate, in colour, and a bar where the log has a face."""
    out = tmp_path / "out.mp4"
    run(settings, json_output=False, asked=Asked(annotate=out))
    frames, fps = read(out)
    assert (len(frames), fps) == (24, 12.0)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines
    for line in lines:
        x, y, _, height = line["box"]  # the bar stands below it
        bar = frames[line["frame"]][y + height + 2, x + 8].astype(int)
        assert bar == pytest.approx(COLORS[line["emotion"]][::-1], abs=60)
    assert np.ptp(frames[0], axis=2).max() > 30, "the clip is in colour"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_a_video_that_plays(tmp_path, number):
    """What was seen until then, under its name, and exit code 0."""
    clip, out = tmp_path / "long.mp4", tmp_path / "out.mp4"
    write_clip(make_scene("one", width=320, height=240, fps=25.0, duration_s=30.0), clip)
    options = ["run", "--source", clip, "--annotate", out, "--log", tmp_path / "log.jsonl"]
    with subprocess.Popen(  # noqa: S603  # ours
        [sys.executable, "-m", "edge", *options], stdout=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        part = out.with_name("out.part.mp4")
        while process.poll() is None and not (part.exists() and part.stat().st_size):
            threading.Event().wait(0.01)
        process.send_signal(number)
        assert process.wait(30) == 0
    frames, fps = read(out)
    assert 0 < len(frames) < 750
    assert fps == 25.0
    assert not out.with_name("out.part.mp4").exists()


@pytest.mark.parametrize("use", ["scene:one", "pictures"])
def test_a_source_that_is_no_video_is_told(tmp_path, clip, use):
    """A camera has no end, and pictures have no rate; the place on the disk is not taken."""
    if use == "pictures":
        use = str(tmp_path / "face.png")
        cv2.imwrite(use, read(clip)[0][0])
    source = open_source(SourceSettings(use=use))
    with pytest.raises(ConfigError, match=r"--annotate: expected a video as the source, found .*: name one"):
        Showing(Asked(annotate=tmp_path / "out.mp4"), source, ask_stop=lambda: None)
    assert not list(tmp_path.glob("out*"))


def test_the_source_is_not_written_over(settings, clip):
    before = clip.read_bytes()
    with pytest.raises(ConfigError, match="expected another file than the source"):
        run(settings, json_output=False, asked=Asked(annotate=clip))
    assert clip.read_bytes() == before


@pytest.mark.parametrize("asked", [{"view": True}, {"annotate": "out.mp4"}])
def test_where_only_counts_may_be_told_no_picture_is_shown(tmp_path, settings, asked):
    """A setting that promises privacy is not undone by an option."""
    private = Settings(source=settings.source, log=settings.log, privacy=PrivacySettings(counts_only=True))
    if "annotate" in asked:
        asked["annotate"] = tmp_path / asked["annotate"]
    with pytest.raises(ConfigError, match=r"expected privacy\.counts_only = false"):
        run(private, json_output=False, asked=Asked(**asked))


def test_an_unknown_suffix_is_told_before_anything_is_opened(tmp_path):
    """The source, which is not there, is not even looked for."""
    nowhere = Settings(source=SourceSettings(use="nowhere.mp4"))
    with pytest.raises(ConfigError, match=r"ends in \.mp4, \.mkv, \.avi"):
        run(nowhere, json_output=False, asked=Asked(annotate=tmp_path / "out.gif"))


@pytest.mark.parametrize(
    ("asked", "options"),
    [
        (Asked(), {"color": False, "paced": False}),
        (Asked(view=True), {"color": True, "paced": True}),
        (Asked(annotate=Path("out.mp4")), {"color": True, "paced": False}),
    ],
)
def test_frames_are_in_colour_for_who_sees_them_and_paced_for_a_window(monkeypatch, asked, options):
    """A file is written as fast as it can be."""

    def open_nothing(_settings, **given):
        assert given == options
        raise SinkError("seen")

    monkeypatch.setattr("edge.run.open_source", open_nothing)
    with pytest.raises(SinkError, match="seen"):
        run(Settings(), json_output=False, asked=asked)


def test_without_a_screen_nothing_of_the_video_is_left(tmp_path, settings, monkeypatch):
    """The first of the two was open already."""

    def fail(*_parts):
        raise SinkError("no screen")

    monkeypatch.setattr("edge.showing._open_window", fail)
    with pytest.raises(SinkError, match="no screen"):
        run(settings, json_output=False, asked=Asked(view=True, annotate=tmp_path / "out.mp4"))
    assert not list(tmp_path.glob("out*"))


def test_a_run_that_cannot_begin_leaves_nothing_of_the_video(tmp_path, settings):
    """Here the log cannot be opened."""
    wrong = Settings(source=settings.source, model=settings.model, log=LogSettings(path=f"{__file__}/log.jsonl"))
    with pytest.raises(SinkError, match="expected a log file"):
        run(wrong, json_output=False, asked=Asked(annotate=tmp_path / "out.mp4"))
    assert not list(tmp_path.glob("out*"))


def test_q_in_the_window_ends_the_run(tmp_path, settings, monkeypatch):
    """In good order, long before the camera would: with a summary, and the log written."""
    pygame = pytest.importorskip("pygame", reason="pygame is not installed: make extras")
    from edge.sinks.window.screen import PygameScreen  # noqa: PLC0415  # needs pygame, as said above

    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    show = PygameScreen.show

    def show_and_press(screen, picture):
        show(screen, picture)
        assert picture.shape == (240, 320, 3)
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_q))

    monkeypatch.setattr(PygameScreen, "show", show_and_press)
    camera = SourceSettings(use="scene:one", width=320, height=240)
    live = Settings(source=camera, model=settings.model, log=settings.log)
    run(live, json_output=False, asked=Asked(view=True))
    assert (tmp_path / "log.jsonl").exists()


def test_for_a_window_a_video_is_played_at_its_own_pace(clip):
    """Nobody could follow it otherwise."""
    source = open_source(SourceSettings(use=str(clip)), paced=True)
    stamps = [source.read().captured_at for _ in range(3)]
    source.close()
    assert stamps[2] - stamps[0] == pytest.approx(2 / 12, abs=0.06)
