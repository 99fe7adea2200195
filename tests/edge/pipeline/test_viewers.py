"""`--view` and `--annotate` show what the run sees, or end it with an error that says why they cannot."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from waiting import LIMIT_S, wait_for

from edge.cli.run import run
from edge.errors import ConfigError, SinkError
from edge.pipeline.sinks import ViewOptions, open_annotated_video
from edge.scenes.catalogue import make_scene
from edge.scenes.render import write_clip
from edge.settings.schema import LogSettings, ModelSettings, PrivacySettings, Settings, SourceSettings
from edge.sinks.colors import COLORS
from edge.sources.open import open_source


@pytest.fixture
def clip(tmp_path):
    """A video of one face, two seconds at 12 frames per second."""
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
    """Return a video's frames and frame rate."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    fps = capture.get(cv2.CAP_PROP_FPS)
    frames = []
    while (found := capture.read())[0]:
        frames.append(found[1])
    capture.release()
    return frames, fps


def test_the_annotated_video_has_every_frame_with_its_readings(tmp_path, settings):
    """`--annotate` writes as many frames at the same rate, in colour, with a bar at every face in the log."""
    out = tmp_path / "out.mp4"
    run(settings, json_output=False, views=ViewOptions(annotate=out))
    frames, fps = read(out)
    assert (len(frames), fps) == (24, 12.0)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines
    for line in lines:
        x, y, _, height = line["box"]  # the bar stands below it
        bar = frames[line["frame"]][y + height + 2, x + 8].astype(int)
        assert bar == pytest.approx(COLORS[line["emotion"]][::-1], abs=60)
    assert np.ptp(frames[0], axis=2).max() > 30, "the clip is in colour"


ENDLESS = """
import threading
import edge.__main__
from edge.sources.video import VideoSource

read, closed = VideoSource.read, threading.Event()

def endless(self):
    frame = read(self)
    if frame and frame.index == 50:
        closed.wait()
        return None
    return frame

VideoSource.read, VideoSource.close = endless, lambda _: closed.set()
edge.__main__.entry()
"""
"""The program, with videos whose fiftieth frame never comes."""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_a_video_that_plays(tmp_path, number):
    """Ctrl-C and SIGTERM end a run with exit code 0 and an annotated video of the frames so far."""
    clip, out = tmp_path / "long.mp4", tmp_path / "out.mp4"
    write_clip(make_scene("one", width=320, height=240, fps=25.0, duration_s=4.0), clip)
    options = ["run", "--source", clip, "--annotate", out, "--log", tmp_path / "log.jsonl"]
    with subprocess.Popen(  # noqa: S603  # ours
        [sys.executable, "-c", ENDLESS, *map(str, options)], stdout=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        part = out.with_name("out.part.mp4")
        wait_for(lambda: process.poll() is not None or (part.exists() and part.stat().st_size))
        process.send_signal(number)
        assert process.wait(LIMIT_S) == 0
    frames, fps = read(out)
    assert 0 < len(frames) <= 50
    assert fps == 25.0
    assert not out.with_name("out.part.mp4").exists()


@pytest.mark.parametrize("use", ["scene:one", "pictures"])
def test_only_a_video_can_be_annotated(tmp_path, clip, use):
    """`--annotate` rejects a camera, which has no end, and images, which have no rate; no file is left."""
    if use == "pictures":
        use = str(tmp_path / "face.png")
        cv2.imwrite(use, read(clip)[0][0])
    source = open_source(SourceSettings(use=use))
    with pytest.raises(ConfigError, match=r"--annotate: expected a video as the source, found .*: name one"):
        open_annotated_video(tmp_path / "out.mp4", source)
    assert not list(tmp_path.glob("out*"))


def test_the_source_is_not_overwritten(settings, clip):
    """`--annotate` rejects the source's own path and leaves the file as it is."""
    before = clip.read_bytes()
    with pytest.raises(ConfigError, match="expected another file than the source"):
        run(settings, json_output=False, views=ViewOptions(annotate=clip))
    assert clip.read_bytes() == before


@pytest.mark.parametrize("asked", [{"view": True}, {"annotate": "out.mp4"}])
def test_with_counts_only_no_picture_is_shown(tmp_path, settings, asked):
    """`privacy.counts_only` cannot be overridden by `--view` or `--annotate`."""
    private = Settings(source=settings.source, log=settings.log, privacy=PrivacySettings(counts_only=True))
    if "annotate" in asked:
        asked["annotate"] = tmp_path / asked["annotate"]
    with pytest.raises(ConfigError, match=r"expected privacy\.counts_only = false"):
        run(private, json_output=False, views=ViewOptions(**asked))


@pytest.mark.parametrize("asked", [{"view": True}, {"annotate": "out.mp4"}])
@pytest.mark.parametrize("picture", ["blur", "boxes"])
def test_with_a_reduced_picture_none_is_shown_in_full(tmp_path, settings, asked, picture):
    """Window and video show pictures as they are, so they are refused where the page may not show them so."""
    private = Settings(source=settings.source, log=settings.log, privacy=PrivacySettings(picture=picture))
    if "annotate" in asked:
        asked["annotate"] = tmp_path / asked["annotate"]
    with pytest.raises(ConfigError, match=r"expected privacy\.picture = .full., found"):
        run(private, json_output=False, views=ViewOptions(**asked))


def test_an_unknown_suffix_is_rejected_before_anything_is_opened(tmp_path):
    """A suffix without a codec is reported first, even if the source does not exist."""
    nowhere = Settings(source=SourceSettings(use="nowhere.mp4"))
    with pytest.raises(ConfigError, match=r"ends in \.mp4, \.mkv, \.avi"):
        run(nowhere, json_output=False, views=ViewOptions(annotate=tmp_path / "out.gif"))


@pytest.mark.parametrize(
    ("asked", "options"),
    [
        (ViewOptions(), {"color": False, "paced": False}),
        (ViewOptions(view=True), {"color": True, "paced": True}),
        (ViewOptions(annotate=Path("out.mp4")), {"color": True, "paced": False}),
    ],
)
def test_views_decide_on_colour_and_pace(monkeypatch, asked, options):
    """The source gives colour frames if they are shown, and a video plays at its own pace for a window only."""

    def open_nothing(_settings, *, mounting, **given):
        assert mounting is not None
        assert given == options
        raise SinkError("seen")

    monkeypatch.setattr("edge.pipeline.build.open_source", open_nothing)
    with pytest.raises(SinkError, match="seen"):
        run(Settings(), json_output=False, views=asked)


def test_without_a_screen_no_video_is_left(tmp_path, settings, monkeypatch):
    """If the window cannot open, the annotated video that was opened before leaves no file."""

    def fail(*_parts, **_options):
        raise SinkError("no screen")

    monkeypatch.setattr("edge.pipeline.build.open_window", fail)
    with pytest.raises(SinkError, match="no screen"):
        run(settings, json_output=False, views=ViewOptions(view=True, annotate=tmp_path / "out.mp4"))
    assert not list(tmp_path.glob("out*"))


def test_a_run_that_cannot_begin_leaves_no_video(tmp_path, settings):
    """If the log cannot be opened, the annotated video leaves no file."""
    wrong = Settings(source=settings.source, model=settings.model, log=LogSettings(path=f"{__file__}/log.jsonl"))
    with pytest.raises(SinkError, match="expected a log file"):
        run(wrong, json_output=False, views=ViewOptions(annotate=tmp_path / "out.mp4"))
    assert not list(tmp_path.glob("out*"))


def test_q_in_the_window_ends_the_run(tmp_path, settings, monkeypatch):
    """The key `q` in the window ends a camera's run in good order, with the log written."""
    pygame = pytest.importorskip("pygame", reason="pygame is not installed: make extras")
    from edge.sinks.window.backends import PygameWindow  # noqa: PLC0415  # pygame is optional

    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    show = PygameWindow.show

    def show_and_press(screen, picture):
        show(screen, picture)
        assert picture.shape == (240, 320, 3)
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_q))

    monkeypatch.setattr(PygameWindow, "show", show_and_press)
    camera = SourceSettings(use="scene:one", width=320, height=240)
    live = Settings(source=camera, model=settings.model, log=settings.log)
    run(live, json_output=False, views=ViewOptions(view=True))
    assert (tmp_path / "log.jsonl").exists()


def test_for_a_window_a_video_is_played_at_its_own_pace(clip):
    """No frame of a paced video comes before it is due."""
    source = open_source(SourceSettings(use=str(clip)), paced=True)
    started_s = time.monotonic()
    for _ in range(7):
        frame = source.read()
    source.close()
    assert frame.captured_at - started_s > 0.49  # the seventh frame is due after 0.5 s
