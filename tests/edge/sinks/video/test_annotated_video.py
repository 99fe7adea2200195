"""The annotated video has every frame at the rate of the source, and is either complete or does not exist."""

import resource
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest
from samples import opened

from edge.errors import ConfigError, SinkError
from edge.records import Box, Frame, FrameWithReadings, Observation, Reading
from edge.sinks.colors import COLORS
from edge.sinks.video.sink import AnnotatedVideo

SUFFIXES = (".mp4", ".mkv", ".avi")

KILLED = """
import os, sys
from pathlib import Path
import numpy as np
from edge.records import Frame, Observation, FrameWithReadings
from edge.sinks.video.sink import AnnotatedVideo
video = AnnotatedVideo(Path(sys.argv[1]), fps=25)
video.open()
noise = np.random.default_rng(0).integers(0, 255, (240, 320), np.uint8)
for index in range(100):
    frame = Frame(np.roll(noise, index), index, 0.0, 0.0, "")
    video.write(FrameWithReadings(frame, Observation(index, "", 0.0, 0.0, (), ())))
os.kill(os.getpid(), 9)
"""


def make_item(index):
    """Return a grey frame with a face, lighter for a higher index."""
    gray = np.full((120, 160), 40 + 5 * index, np.uint8)
    face = Reading(1, Box(60, 40, 50, 50), "sad", 0.9, {"sad": 0.9}, index, 0.0, 0.0)
    return FrameWithReadings(Frame(gray, index, 0.0, 0.0, "clip"), Observation(index, "clip", 0.0, 0.0, (face,), (1,)))


def write(path, frames, *, fps=12.5):
    video = opened(AnnotatedVideo(path, fps=fps))
    for index in range(frames):
        video.write(make_item(index))
    video.close()
    video.finish()


def read(path):
    """Return the frames and the frame rate."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    fps = capture.get(cv2.CAP_PROP_FPS)
    frames = []
    while (found := capture.read())[0]:
        frames.append(found[1])
    capture.release()
    return frames, fps


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("count", [1, 2, 40])
def test_every_frame_is_in_the_video_in_order_and_annotated(tmp_path, suffix, count):
    """The video has the rate of the source and the coloured box of each face; the partial file is gone."""
    path = tmp_path / f"out{suffix}"
    write(path, count)
    frames, fps = read(path)
    assert fps == pytest.approx(12.5)
    corners = [int(frame[100:, :40].mean()) for frame in frames]
    assert corners == pytest.approx([40 + 5 * index for index in range(count)], abs=6)
    assert frames[0][60, 60].astype(int) == pytest.approx(COLORS["sad"][::-1], abs=60)
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


def test_an_existing_video_is_replaced_at_the_end(tmp_path):
    """Until the new video is complete, the old file stays."""
    path = tmp_path / "out.mp4"
    path.write_bytes(b"of yesterday")
    video = opened(AnnotatedVideo(path, fps=25))
    video.write(make_item(0))
    assert path.read_bytes() == b"of yesterday"
    video.finish()
    assert len(read(path)[0]) == 1


def test_without_a_frame_there_is_no_file(tmp_path):
    """The partial file is removed."""
    opened(AnnotatedVideo(tmp_path / "out.mp4", fps=25)).finish()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_is_an_error(tmp_path, suffix):
    """OpenCV does not report it. The incomplete video does not get the name of the complete one."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    path = tmp_path / f"out{suffix}"
    video = opened(AnnotatedVideo(path, fps=25))
    noise = np.random.default_rng(0).integers(0, 255, (240, 320), np.uint8)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, limits[1]))
        for index in range(60):
            frame = Frame(np.roll(noise, index), index, 0.0, 0.0, "")
            video.write(FrameWithReadings(frame, Observation(index, "", 0.0, 0.0, (), ())))
        with pytest.raises(SinkError, match="expected a video of 60 frames, found fewer: is there room"):
            video.finish()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert not path.exists()


@pytest.mark.parametrize("suffix", [".mkv", ".avi"])
def test_the_partial_file_of_a_killed_run_can_be_played(tmp_path, suffix):
    """At least half of its frames are readable, and there is no file under the name of the complete video."""
    path = tmp_path / f"out{suffix}"
    ended = subprocess.run([sys.executable, "-c", KILLED, path], check=False)  # noqa: S603  # a constant program
    assert ended.returncode == -signal.SIGKILL
    assert not path.exists()
    assert len(read(tmp_path / f"out.part{suffix}")[0]) >= 50


def test_an_unknown_suffix_is_an_error(tmp_path):
    """The error has the suffixes that are supported."""
    with pytest.raises(ConfigError, match=r"out\.webm: expected a video's name that ends in \.mp4, \.mkv, \.avi"):
        AnnotatedVideo(tmp_path / "out.webm", fps=25)


def test_a_missing_folder_is_an_error(tmp_path):
    """It is not created: it may be a typing error."""
    with pytest.raises(SinkError, match="expected a place to write a video, found: No such file or directory"):
        opened(AnnotatedVideo(tmp_path / "none" / "out.mp4", fps=25))


def test_a_folder_with_the_name_of_the_video_is_an_error(tmp_path):
    """A video cannot replace a folder."""
    (tmp_path / "out.mp4").mkdir()
    with pytest.raises(SinkError, match="expected a video's name, found a folder"):
        opened(AnnotatedVideo(tmp_path / "out.mp4", fps=25))


def test_an_opencv_without_the_codec_is_an_error(tmp_path):
    """A frame rate that no container supports stands for a missing codec."""
    video = opened(AnnotatedVideo(tmp_path / "out.mp4", fps=-1))
    with pytest.raises(SinkError, match="this OpenCV cannot write mp4v video"):
        video.write(make_item(0))
