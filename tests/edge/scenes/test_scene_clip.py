"""Scenes can be written as clips; the demo clip shows a face that the cascade finds."""

import cv2
import numpy as np
import pytest

from edge.records import Box
from edge.scenes.__main__ import main
from edge.scenes.catalogue import make_scene
from edge.scenes.render import write_clip
from edge.sources.open import DEMO_CLIP
from edge.sources.video import VideoSource


@pytest.mark.parametrize("name", ["clip.mp4", "clip.avi"])
def test_a_clip_holds_every_frame(tmp_path, name):
    """A clip, read back, has every frame of its scene, up to compression loss."""
    scene = make_scene("fast", width=160, height=120, fps=20, duration_s=0.5)
    write_clip(scene, tmp_path / name)
    source = VideoSource(tmp_path / name, color=True)
    assert source.fps == 20
    for index in range(scene.frame_count):
        difference = cv2.absdiff(source.read().color, scene.frame(index)[0])
        assert difference.mean() < 8
    assert source.read() is None


def test_the_command_line_writes_a_clip(tmp_path, capsys):
    """`python -m edge.scenes FILE --scene ... --size ... --fps ...` writes that clip, or prints a one-line error."""
    path = tmp_path / "clip.mp4"
    assert main([str(path), "--scene", "leaving", "--size", "160x120", "--fps", "2"]) == 0
    assert VideoSource(path).read().gray.shape == (120, 160)
    assert main([str(tmp_path / "clip.txt")]) == 3
    assert main([str(tmp_path / "no folder" / "clip.mp4"), "--fps", "1"]) == 3
    messages = capsys.readouterr().err.splitlines()
    assert len(messages) == 2
    assert "expected a name that ends in .mp4 or .avi" in messages[0]


def test_the_clip_that_ships_is_the_scene_demo():
    """The demo clip has the frames of the scene `demo`, so its ground truth is known."""
    scene = make_scene("demo", fps=25)
    source = VideoSource(DEMO_CLIP, color=True)
    assert source.fps == 25
    assert DEMO_CLIP.stat().st_size < 1_000_000
    index = 0
    while (frame := source.read()) is not None:
        if index % 30 == 0:
            assert cv2.absdiff(frame.color, scene.frame(index)[0]).mean() < 8
        index += 1
    assert index == scene.frame_count
    assert source.skipped == 0


@pytest.mark.slow
def test_the_face_in_the_clip_is_found():
    """The cascade finds the face of the demo clip wherever it is wholly inside the frame, and nothing else."""
    scene = make_scene("demo", fps=25)
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_alt2.xml")
    source = VideoSource(DEMO_CLIP)
    whole = []
    while (frame := source.read()) is not None:
        if frame.index % 15:
            continue
        found = [Box(*map(int, box)) for box in cascade.detectMultiScale(frame.gray, 1.1, 3, minSize=(60, 60))]
        truth = scene.frame(frame.index)[1]
        assert all(any(box.iou(face) > 0.5 for face in truth) for box in found)
        whole += [any(box.iou(face) > 0.5 for box in found) for face in truth if face.w == face.h]
    assert len(whole) > 10
    assert np.mean(whole) > 0.9
