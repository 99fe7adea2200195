"""Measures whole processes of `python -m edge run`: start-up, memory, photographs."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from edge.scenes.__main__ import write_clip
from edge.scenes.catalogue import make_scene

STARTS = 5
MEBI = 1024 * 1024

PHOTOS = Path(os.environ.get("EDGE_EMOTION_DATA", "../shared/datasets")) / "photos"
"""Photographs with one main face each; they are not part of the repository."""


@dataclass(frozen=True, slots=True)
class Start:
    """first_reading_s: from the start of the process to its first reading. peak_mb: resident memory at its highest."""

    first_reading_s: float
    peak_mb: float


def measure_starts() -> list[Start]:
    """Start the runtime on a clip that shows a face from its first frame, again and again."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        write_clip(make_scene("slow", duration_s=3), clip)
        return [_start(clip, Path(folder)) for _ in range(STARTS)]


def median_start_s(starts: list[Start]) -> float:
    """Median time to the first reading, s."""
    return statistics.median(start.first_reading_s for start in starts)


def _start(clip: Path, folder: Path) -> Start:
    command = [sys.executable, "-m", "edge", "run", "--source", str(clip), "--log", str(folder / "log.jsonl"), "--json"]
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        first_reading_s = time.monotonic() - started
        peak = 0
        while process.stdout.readline():
            peak = max(peak, _peak_bytes(process.pid))
    if not first or process.returncode != 0:
        raise ChildProcessError(f"expected readings of {clip.name}, found exit code {process.returncode}")
    return Start(first_reading_s, peak / MEBI)


def _peak_bytes(pid: int) -> int:
    """Return the highest resident memory so far; the kernel keeps it, so asking now and then loses nothing."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0  # it has just ended
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)


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
