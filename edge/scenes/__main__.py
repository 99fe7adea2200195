"""Writes a scene as a clip: `python -m edge.scenes FILE [--scene NAME] [--size WxH] [--fps F] [--wall W]`."""

import argparse
import re
import sys
from pathlib import Path

from edge.errors import EdgeError
from edge.scenes.catalogue import SCENE_NAMES, describe_scene, make_scene
from edge.scenes.render import write_clip


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    scenes = "\n".join(f"  {name:10} {describe_scene(name)}" for name in SCENE_NAMES)
    parser = argparse.ArgumentParser(
        prog="python -m edge.scenes",
        description="Write a scene with known faces as a clip.",
        epilog=f"scenes:\n{scenes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, help="the clip to write, .mp4 or .avi")
    parser.add_argument("--scene", choices=SCENE_NAMES, default="demo", metavar="NAME", help="default: demo")
    parser.add_argument("--size", type=_size, default=(640, 480), metavar="WxH", help="px (default: 640x480)")
    parser.add_argument("--fps", type=float, default=25.0, help="frames per second (default: 25)")
    parser.add_argument("--wall", choices=("plain", "busy"), help="behind the faces (default: the scene's own)")
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
