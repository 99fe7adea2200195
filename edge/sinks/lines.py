"""What a log line says of an observation."""

from collections.abc import Iterator
from datetime import UTC, datetime

from edge.records import Box, Counts, Observation, Reading

Line = dict[str, object]
"""One line of the log, ready for JSON; the README's table describes it."""


def now() -> str:
    """The time of writing, RFC 3339 in UTC with ms. Wall time is taken only here: a Pi's clock steps."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def reading_lines(observation: Observation, *, say_none: bool) -> Iterator[Line]:
    """One line for each reading, or for a minute's counts. say_none: without a reading, one with `emotion` null."""
    if observation.counts is not None:
        yield counts_line(observation, observation.counts)
        return
    for reading in observation.readings:
        yield {"time": now(), "source": observation.source, "frame": observation.frame_index, **describe(reading)}
    if say_none and not observation.readings:
        yield {
            "time": now(),
            "source": observation.source,
            "frame": observation.frame_index,
            "track": None,
            "box": None,
            "emotion": None,
            "confidence": None,
            "probabilities": None,
            "latency_ms": None,
        }


def counts_line(observation: Observation, counts: Counts) -> Line:
    """All that is told of a minute where nothing else may be."""
    return {
        "time": now(),
        "event": "counts",
        "source": observation.source,
        "duration_s": round(counts.duration_s, 1),
        "frames": counts.frames,
        "frames_with_face": counts.frames_with_face,
        "most_faces": counts.most_faces,
        "emotions": counts.emotions,
    }


def describe(reading: Reading) -> Line:
    """The part of a line that speaks of one face. `unclear` is there only where it has something to say."""
    line: Line = {
        "track": reading.track_id,
        "box": box_list(reading.box),
        "emotion": reading.emotion,
        "confidence": round(reading.confidence, 4),
        "probabilities": {label: round(value, 4) for label, value in reading.probabilities.items()},
        "latency_ms": round(reading.latency_s * 1e3, 1),
    }
    return line if reading.unclear is None else {**line, "unclear": reading.unclear}


def box_list(box: Box) -> list[int]:
    """[x, y, w, h], px."""
    return [box.x, box.y, box.w, box.h]
