"""Runs a command of edge-emotion with one part altered: `python -m benchmarks.clips.altered_run MODE run …`.

- `decode-only` starts, builds everything, reads the source to its end, and runs no step and no sink. Its CPU time is
  subtracted from that of the same run, to leave the CPU time of the pipeline.
- `as-camera` takes a video file for a camera's, so that the runtime finds out how it is mounted. All frames are
  processed, as fast as possible.
"""

import sys

import edge.pipeline.build
from edge.__main__ import entry
from edge.sources.base import Source
from edge.sources.video import VideoSource


class SourceReader:
    """Stands in for the pipeline: reads the source and drops its frames."""

    def __init__(self, source: Source, *_args: object, **_options: object) -> None:
        self._source = source

    def run(self) -> None:
        """Read the source to its end."""
        while self._source.read() is not None:
            pass
        self._source.close()

    def ask_stop(self) -> None:
        """End the run early."""
        self._source.close()


if __name__ == "__main__":
    mode = sys.argv.pop(1)
    if mode == "decode-only":
        vars(edge.pipeline.build)["Pipeline"] = SourceReader  # `build_run` makes a pipeline of this name
    elif mode == "as-camera":
        VideoSource.is_camera = True
    else:
        sys.exit(f"expected decode-only or as-camera, found {mode}")
    entry()
