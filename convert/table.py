"""Shows what a conversion came to, a row for each model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.manifest import Manifest

HEAD = ("model", "precision", "size", "accuracy", "ECE", "latency", "")


@dataclass(frozen=True, slots=True)
class Result:
    """One published model. outcome: `new`, or `unchanged` where the file is the old one to the byte."""

    model: Path
    manifest: Manifest
    outcome: str


def result_lines(results: Sequence[Result]) -> list[str]:
    """Return the table as lines; accuracy and calibration error are those of the manifest's first split."""
    rows = [HEAD, *(_row(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    left = (0, 1, len(HEAD) - 1)
    return [
        "  ".join(
            text.ljust(width) if column in left else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _row(result: Result) -> tuple[str, ...]:
    manifest = result.manifest
    first = manifest.figures[0] if manifest.figures else None
    times = [row.median_us for row in manifest.latency if row.precision == manifest.precision]
    return (
        str(result.model),
        manifest.precision,
        f"{manifest.size_bytes / 1024:.0f} KiB",
        f"{100 * first.model_accuracy:.2f} % of {first.split}" if first else "-",
        f"{first.calibration_error:.3f}" if first else "-",
        f"{times[0]:.0f} µs" if times else "-",
        result.outcome,
    )
