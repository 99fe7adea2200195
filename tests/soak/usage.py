"""Samples the memory, threads and open files of a process, and compares the end of its life with its beginning."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BARS = " ▁▂▃▄▅▆▇█"

MIN_LIFE_S = 2 * 86_400.0
"""Shortest life of a process whose growth is judged, simulated s."""

WARM_UP_S = 86_400.0
"""Time from a process's start until it has done everything once, simulated s: a day."""

FIRST_REAL_S, LAST_S = 60.0, 6 * 3600.0
"""Length of the beginning, real s, and of the end, simulated s."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The resources that a process used at one moment.

    Attributes:
        time_s: simulated time, s.
        real_s: real time, s.
        pid: the process.
        rss_kb: resident memory (VmRSS), kB.
        threads: number of threads.
        files: number of open files.
    """

    time_s: float
    real_s: float
    pid: int
    rss_kb: int
    threads: int
    files: int


def take_sample(pid: int, *, time_s: float, real_s: float) -> Sample | None:
    """Return a sample; None if the process has ended.

    Source: proc_pid_status(5).
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return None
    values = dict(line.split(":", 1) for line in lines)
    if "VmRSS" not in values:  # it has ended, and nobody has asked for its exit code
        return None
    return Sample(time_s, real_s, pid, int(values["VmRSS"].split()[0]), int(values["Threads"]), files)


@dataclass(frozen=True, slots=True)
class Growth:
    """The use at the beginning and at the end of a process's life; each is the median of a stretch.

    Attributes:
        rss_kb, threads, files: each at the beginning and at the end.
    """

    rss_kb: tuple[float, float]
    threads: tuple[float, float]
    files: tuple[float, float]

    @property
    def rss_share(self) -> float:
        """Growth of the resident memory as a share of the beginning."""
        return self.rss_kb[1] / self.rss_kb[0] - 1


def measure_growth(samples: Sequence[Sample]) -> Growth | None:
    """Compare the last process's first real minute after the warm-up with its end.

    Args:
        samples: of all processes, by time.

    Returns:
        The growth; None if the process did not live for `MIN_LIFE_S`.
    """
    own = [sample for sample in samples if sample.pid == samples[-1].pid]
    if own[-1].time_s - own[0].time_s < MIN_LIFE_S:
        return None
    warm = [sample for sample in own if sample.time_s >= own[0].time_s + WARM_UP_S]
    first = [sample for sample in warm if sample.real_s <= warm[0].real_s + FIRST_REAL_S]
    last = [sample for sample in own if sample.time_s >= own[-1].time_s - LAST_S]

    def medians(name: str) -> tuple[float, float]:
        return tuple(statistics.median(getattr(sample, name) for sample in part) for part in (first, last))

    return Growth(medians("rss_kb"), medians("threads"), medians("files"))


def draw_curve(samples: Sequence[Sample], *, step_s: float) -> str:
    """Return the resident memory of all processes in MB, the median of each step on a line of its own.

    Args:
        samples: by time.
        step_s: length of a step, simulated s.
    """
    steps: dict[int, list[float]] = {}
    for sample in samples:
        steps.setdefault(int(sample.time_s // step_s), []).append(sample.rss_kb / 1e3)
    medians = [statistics.median(values) for _, values in sorted(steps.items())]
    low, high = min(medians), max(medians)
    scale = (len(BARS) - 1) / ((high - low) or 1)
    return f"{low:.1f} MB to {high:.1f} MB: " + "".join(BARS[round((value - low) * scale)] for value in medians)
