"""Command line: `python -m edge.scenes FILE [--scene NAME] [--size WxH] [--fps F] [--wall W]` writes a clip."""

import argparse
import re
import sys
from pathlib import Path

import cv2

from edge.errors import EdgeError, MediaError
from edge.scenes.catalogue import SCENE_NAMES, describe_scene, make_scene
from edge.scenes.render import Scene

_CODECS = {".mp4": "mp4v", ".avi": "MJPG"}
"""By the file's suffix: what OpenCV's own wheels can write and read on every machine."""


def write_clip(scene: Scene, path: Path) -> None:
    """Write every frame of `scene` to `path`, a .mp4 (MPEG-4) or a .avi (Motion JPEG).

    Raises:
        MediaError: the suffix is another one, or the file cannot be written.
    """
    codec = _CODECS.get(path.suffix.lower())
    if codec is None:
        raise MediaError(f"{path}: expected a name that ends in {' or '.join(_CODECS)}")
    fourcc = cv2.VideoWriter.fourcc(*codec)
    writer = cv2.VideoWriter(str(path), fourcc, scene.fps, (scene.width, scene.height))
    try:
        if not writer.isOpened():
            raise MediaError(f"{path}: a clip cannot be written here: does the folder exist, and may you write to it?")
        for index in range(scene.frame_count):
            writer.write(scene.frame(index)[0])
    finally:
        writer.release()


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    scenes = "\n".join(f"  {name:10} {describe_scene(name)}" for name in SCENE_NAMES)
    parser = argparse.ArgumentParser(
        prog="python -m edge.scenes",
        description="Write a scene with known faces as a clip.",
        epilog=f"scenes:\n{scenes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, help="the clip to write, .mp4 or .avi")
    parser.add_argument("--scene", choices=SCENE_NAMES, default="demo", metavar="NAME", help="default: demo")
    parser.add_argument("--size", type=_size, default=(640, 480), metavar="WxH", help="px, default: 640x480")
    parser.add_argument("--fps", type=float, default=25.0, help="frames a second, default: 25")
    parser.add_argument("--wall", choices=("plain", "busy"), help="behind the faces; default: the scene's own")
    options = parser.parse_args(arguments)
    width, height = options.size
    try:
        scene = make_scene(options.scene, width=width, height=height, fps=options.fps, clutter=options.wall)
        write_clip(scene, options.file)
    except EdgeError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{2,4})x(\d{2,4})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text}: expected a width and a height in px, such as 640x480")
    return int(match[1]), int(match[2])


if __name__ == "__main__":
    sys.exit(main())
