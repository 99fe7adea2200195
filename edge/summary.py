"""Says in a few lines how a run went."""

from pathlib import Path

from edge.meters import Meters
from edge.runtime.timings import StepTimes
from edge.sources.base import Source


def summarize(meters: Meters, source: Source, log_path: Path) -> str:
    """The lines that end a run."""
    noun = "pictures" if source.stills else "frames"
    lines = [f"{meters.latency.count} {noun} processed, {meters.frames_with_face} of them with a face"]
    if meters.dropped():
        lines[0] += f", {meters.dropped()} dropped for newer ones"
    if source.skipped:
        lines[0] += f", {source.skipped} skipped as unreadable"
    total = meters.emotions.total()
    if total:
        shares = ", ".join(f"{name} {count / total:.0%}" for name, count in meters.emotions.most_common())
        lines.append(f"{total} readings: {shares}")
    for name, times in (
        ("follow", meters.follow),
        ("scan", meters.scan),
        ("name", meters.name),
        ("frame to reading", meters.latency),
    ):
        lines += _describe(name, times)
    lines.append(f"log: {log_path}")
    return "\n".join(lines)


def _describe(name: str, times: StepTimes) -> list[str]:
    figures = times.percentiles()
    if figures is None:
        return []
    return [f"{name}: p50 {figures.p50:.1f}, p95 {figures.p95:.1f}, p99 {figures.p99:.1f} ms"]
