"""A report: what a day of readings costs to read."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from edge.labels import EMOTIONS
from edge.report.period import Period
from edge.report.story import Story

LINES = 100_000
"""A tenth of a day at twelve readings a second."""


@pytest.fixture(scope="module")
def log(tmp_path_factory) -> Path:
    """Every reading of one face, as a sink writes it."""
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
    """A whole day, a million lines, is to take less than ten seconds."""

    def read() -> Story:
        story = Story(Period())
        story.read([log])
        return story

    story = benchmark.pedantic(read, rounds=3)
    assert story.lines == LINES
