"""The live table shows the faces of the newest frame without drawing more often than needed."""

import io
import threading

import pytest
from samples import make_observation, make_reading, opened

from edge.records import Box, MinuteCounts
from edge.sinks.console.table import LiveTable


def draw(clock, observation):
    """Return what the table prints for an observation."""
    stream = io.StringIO()
    table = opened(LiveTable("edge-emotion: camera", "log: readings.jsonl   q: quit", frames=lambda: 30, stream=stream))
    clock.advance(1.0)
    table.write(observation)
    table.close()
    return stream.getvalue()


def test_the_table_has_faces_title_and_hint(clock):
    """Emotion, confidence, position, size and latency are shown, and how to quit."""
    faces = [make_reading(name, box=Box(10, 20, 50, 50), latency_s=0.012) for name in ("happy", "sad")]
    drawn = draw(clock, make_observation(*faces))
    for text in ("edge-emotion: camera", "happy", "sad", "80%", "10, 20", "50 px", "latency 12 ms", "q: quit"):
        assert text in drawn


def test_an_empty_table_has_a_latency_of_zero(clock):
    """Without a face there is no row, and the largest latency of none is 0."""
    assert "latency 0 ms" in draw(clock, make_observation())


def test_the_table_has_the_counts_of_a_minute(clock):
    """With `privacy.counts_only` the counts replace the latency, the most frequent emotion first."""
    counts = MinuteCounts(60.0, 1800, 1800, 1, {"sad": 300, "happy": 1500})
    assert "in 60 s: happy 1500, sad 300" in draw(clock, make_observation(counts=counts))


def test_the_table_is_drawn_at_most_ten_times_a_second(monkeypatch, clock):
    """Of two hundred frames in two seconds at most twenty are drawn, and the rate is measured once a second."""
    monkeypatch.setenv("FORCE_COLOR", "1")  # draw as on a terminal
    stream, counts = io.StringIO(), []
    table = opened(LiveTable("title", "hint", frames=lambda: counts.append(1) or 0, stream=stream))
    start_s, drawn = clock.now_s, 0
    for frame in range(1, 201):
        clock.now_s = start_s + frame / 100
        before = stream.tell()
        table.write(make_observation("happy"))
        drawn += stream.tell() > before
    table.close()
    assert 17 <= drawn <= 20
    assert 2 <= len(counts) <= 3


@pytest.mark.usefixtures("clock")
def test_the_table_starts_no_thread():
    """Rich would start a thread that draws by itself; the sink alone decides when to draw."""
    before = set(threading.enumerate())
    table = opened(LiveTable("title", "hint", frames=lambda: 0, stream=io.StringIO()))
    assert set(threading.enumerate()) <= before
    table.close()
