"""Measures whole processes of `python -m edge run`: start-up, memory, photographs."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from edge.benchmark.start import Start, measure_start
from edge.scenes.__main__ import write_clip
from edge.scenes.catalogue import make_scene

STARTS = 5

PHOTOS = Path(os.environ.get("EDGE_EMOTION_DATA", "../shared/datasets")) / "photos"
"""Photographs with one main face each; they are not part of the repository."""


def measure_starts() -> list[Start]:
    """Start the runtime on a clip that shows a face from its first frame, again and again."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        write_clip(make_scene("slow", duration_s=3), clip)
        return [measure_start(clip, Path(folder)) for _ in range(STARTS)]


def median_start_s(starts: list[Start]) -> float:
    """Median time to the first reading, s."""
    return statistics.median(start.first_reading_s for start in starts)


def share_of_photos(folder: Path = PHOTOS) -> tuple[float, int] | None:
    """Return the share of the photographs in which a face is found, and how many there are; None where none are."""
    if not folder.is_dir():
        return None
    with tempfile.TemporaryDirectory() as log:
        command = [sys.executable, "-m", "edge", "run", "--source", str(folder), "--log", f"{log}/log.jsonl", "--json"]
        said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    lines = [json.loads(line) for line in said.splitlines()]
    shown = {line["frame"] for line in lines}
    found = {line["frame"] for line in lines if line["box"]}
    return len(found) / len(shown), len(shown)
