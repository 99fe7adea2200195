"""The annotated video holds every frame at the source's rate, and is whole or not there."""

import resource
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest

from edge.errors import ConfigError, SinkError
from edge.records import Box, Frame, Observation, Reading, Shown
from edge.sinks.annotated_video import AnnotatedVideo
from edge.sinks.colors import COLORS

SUFFIXES = (".mp4", ".mkv", ".avi")

KILLED = """
import os, sys
from pathlib import Path
import numpy as np
from edge.records import Frame, Observation, Shown
from edge.sinks.annotated_video import AnnotatedVideo
video = AnnotatedVideo(Path(sys.argv[1]), fps=25)
noise = np.random.default_rng(0).integers(0, 255, (240, 320), np.uint8)
for index in range(100):
    video.write(Shown(Frame(np.roll(noise, index), index, 0.0, 0.0, ""), Observation(index, "", 0.0, 0.0, (), ())))
os.kill(os.getpid(), 9)
"""


def shown(index):
    """A grey picture that gets lighter, with a face."""
    gray = np.full((120, 160), 40 + 5 * index, np.uint8)
    face = Reading(1, Box(60, 40, 50, 50), "sad", 0.9, {"sad": 0.9}, index, 0.0, 0.0)
    return Shown(Frame(gray, index, 0.0, 0.0, "clip"), Observation(index, "clip", 0.0, 0.0, (face,), (1,)))


def write(path, frames, *, fps=12.5):
    video = AnnotatedVideo(path, fps=fps)
    for index in range(frames):
        video.write(shown(index))
    video.close()
    video.finish()


def read(path):
    """The frames, and the rate."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    fps = capture.get(cv2.CAP_PROP_FPS)
    frames = []
    while (found := capture.read())[0]:
        frames.append(found[1])
    capture.release()
    return frames, fps


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("count", [1, 2, 40])
def test_every_frame_is_there_in_order_and_annotated(tmp_path, suffix, count):
    """At the source's rate, with the face's box in its colour; nothing else is left in the folder."""
    path = tmp_path / f"out{suffix}"
    write(path, count)
    frames, fps = read(path)
    assert fps == pytest.approx(12.5)
    corners = [int(frame[100:, :40].mean()) for frame in frames]
    assert corners == pytest.approx([40 + 5 * index for index in range(count)], abs=6)
    assert frames[0][60, 60].astype(int) == pytest.approx(COLORS["sad"][::-1], abs=60)
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


def test_until_it_is_whole_the_old_one_stays(tmp_path):
    """What stood there is replaced in one step, at the end."""
    path = tmp_path / "out.mp4"
    path.write_bytes(b"of yesterday")
    video = AnnotatedVideo(path, fps=25)
    video.write(shown(0))
    assert path.read_bytes() == b"of yesterday"
    video.finish()
    assert len(read(path)[0]) == 1


def test_without_a_frame_there_is_no_file(tmp_path):
    AnnotatedVideo(tmp_path / "out.mp4", fps=25).finish()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_of_a_full_disk_is_told(tmp_path, suffix):
    """OpenCV says nothing of it. The part stays, under its own name."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    path = tmp_path / f"out{suffix}"
    video = AnnotatedVideo(path, fps=25)
    noise = np.random.default_rng(0).integers(0, 255, (240, 320), np.uint8)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, limits[1]))
        for index in range(60):
            frame = Frame(np.roll(noise, index), index, 0.0, 0.0, "")
            video.write(Shown(frame, Observation(index, "", 0.0, 0.0, (), ())))
        with pytest.raises(SinkError, match="expected a video of 60 frames, found fewer: is there room"):
            video.finish()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert not path.exists()


@pytest.mark.parametrize("suffix", [".mkv", ".avi"])
def test_after_a_kill_the_part_plays(tmp_path, suffix):
    """Nothing could be finished: most of what was written can be seen, and the name is not taken by a torso."""
    path = tmp_path / f"out{suffix}"
    ended = subprocess.run([sys.executable, "-c", KILLED, path], check=False)  # noqa: S603  # our own words
    assert ended.returncode == -signal.SIGKILL
    assert not path.exists()
    assert len(read(tmp_path / f"out.part{suffix}")[0]) >= 50


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"out\.webm: expected a video's name that ends in \.mp4, \.mkv, \.avi"):
        AnnotatedVideo(tmp_path / "out.webm", fps=25)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(SinkError, match="expected a place to write a video, found: No such file or directory"):
        AnnotatedVideo(tmp_path / "none" / "out.mp4", fps=25)


def test_a_folder_of_that_name_is_told(tmp_path):
    (tmp_path / "out.mp4").mkdir()
    with pytest.raises(SinkError, match="expected a video's name, found a folder"):
        AnnotatedVideo(tmp_path / "out.mp4", fps=25)


def test_an_opencv_that_cannot_write_it_is_told(tmp_path):
    """A rate that no container holds stands for a missing codec."""
    video = AnnotatedVideo(tmp_path / "out.mp4", fps=-1)
    with pytest.raises(SinkError, match="this OpenCV cannot write mp4v video"):
        video.write(shown(0))
