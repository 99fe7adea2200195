"""A drawn two-second scene as a clip with its reference, for the tests of the benchmarks."""

import json

import pytest

from edge.scenes.catalogue import make_scene
from edge.scenes.render import write_clip

SCENE = make_scene("slow", width=320, height=240, duration_s=2)


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    """Folder with one clip, `drawn`, and its reference; use a copy to change it."""
    folder = tmp_path_factory.mktemp("clips")
    write_clip(SCENE, folder / "drawn.mp4")
    boxes = [[[*face.box.xywh, 1.0, 0.0] for face in SCENE.annotations(index)] for index in range(SCENE.frame_count)]
    reference = {
        "fps": SCENE.fps,
        "frames": SCENE.frame_count,
        "persons": 1,
        "boxes": boxes,
        "maybe": [[] for _ in boxes],
    }
    (folder / "drawn.json").write_text(json.dumps(reference))
    return folder
