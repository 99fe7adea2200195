"""Measures a whole process of the runtime: how soon it answers, and how much memory it takes."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from edge.errors import EdgeError

_MEBI = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Start:
    """first_reading_s: from the start of the process to its first reading. peak_mb: resident memory at its highest."""

    first_reading_s: float
    peak_mb: float


def measure_start(clip: Path, folder: Path) -> Start:
    """Run the runtime on a clip that shows a face. folder: where its log is made.

    Raises:
        EdgeError: it gave no reading, or failed.
    """
    command = [sys.executable, "-m", "edge", "run", "--source", str(clip), "--log", str(folder / "log.jsonl"), "--json"]
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:  # noqa: S603  # ours
        # In the class library's types a pipe may be absent; it was asked for just above.
        readings = iter(process.stdout or [])
        first = next(readings, b"")
        first_reading_s = time.monotonic() - started
        peak = max((_peak_bytes(process.pid) for _ in readings), default=0)
    if not first or process.returncode != 0:
        raise EdgeError(
            f"expected readings of {clip.name}, found exit code {process.returncode}: edge-emotion doctor names why"
        )
    return Start(first_reading_s, peak / _MEBI)


def _peak_bytes(pid: int) -> int:
    """Return the highest resident memory so far; the kernel keeps it, so asking now and then loses nothing."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0  # it has just ended
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)
