"""Report: reading a log."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from edge.labels import EMOTIONS
from edge.report.period import Period
from edge.report.summary import LogSummary

LINES = 100_000
"""Readings in a tenth of a day, at twelve per second."""


@pytest.fixture(scope="module")
def log(tmp_path_factory) -> Path:
    """A log with every reading of one face."""
    path = tmp_path_factory.mktemp("log") / "readings.jsonl"
    began = datetime(2026, 11, 20, tzinfo=UTC)
    shares = dict.fromkeys(EMOTIONS, 0.1429)
    with path.open("wb") as file:
        for number in range(LINES):
            line = {
                "time": began + timedelta(milliseconds=86.4 * number),
                "source": "imx708",
                "frame": number,
                "track": number // 5000,
                "box": [277, 158, 117, 117],
                "emotion": EMOTIONS[number // 300 % 7],
                "confidence": 0.9625,
                "probabilities": shares,
                "latency_ms": 4.3,
            }
            file.write(msgspec.json.encode(line) + b"\n")
    return path


def test_a_tenth_of_a_day(benchmark, log: Path):
    """Summarize a tenth of a day; a whole day, a million lines, should take less than ten seconds."""

    def read() -> LogSummary:
        summary = LogSummary(Period())
        summary.read([log])
        return summary

    summary = benchmark.pedantic(read, rounds=3)
    assert summary.line_count == LINES
