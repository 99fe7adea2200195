"""Formats observations as the lines of the log."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from edge.records import Box, MinuteCounts, Observation, Reading, TimeLine

Line = dict[str, object]
"""One line of the log, ready for JSON. The table in docs/log.md describes its keys."""

COUNTS = "counts"
"""The event of a line that has the counts of a minute and nothing about single faces."""

RunFacts = Mapping[str, object]
"""Keys of the event `started` besides the version, ready for JSON."""

NO_FACTS: RunFacts = MappingProxyType({})


def timestamp() -> str:
    """Return the current wall time, RFC 3339 in UTC with milliseconds.

    A Pi's wall clock may step, so durations are never computed from it.
    """
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def time_fields(observation: Observation) -> Line:
    """Return the keys of a line that say when it happened.

    `time` is the wall time; a video's line has its position in the video as well, a still image's line null.
    """
    if observation.time_line is TimeLine.CLOCK:
        return {"time": timestamp()}
    media_time_s = round(observation.media_time_s, 3) if observation.time_line is TimeLine.MEDIA else None
    return {"time": timestamp(), "media_time_s": media_time_s}


def reading_lines(observation: Observation, *, include_empty: bool) -> Iterator[Line]:
    """Yield one line for each reading, or a single line if the observation carries a minute's counts.

    Args:
        observation: the observation to format.
        include_empty: yield a line with `emotion` null if there is no reading.
    """
    if observation.counts is not None:
        yield counts_line(observation, observation.counts)
        return
    for reading in observation.readings:
        yield {
            **time_fields(observation),
            "source": observation.source,
            "frame": observation.frame_index,
            **reading_fields(reading),
        }
    if include_empty and not observation.readings:
        yield {
            **time_fields(observation),
            "source": observation.source,
            "frame": observation.frame_index,
            "track": None,
            "box": None,
            "emotion": None,
            "confidence": None,
            "probabilities": None,
            "latency_ms": None,
        }


def counts_line(observation: Observation, counts: MinuteCounts) -> Line:
    """Return the line for a minute's counts, which replaces all other lines in `counts_only` mode."""
    return {
        **time_fields(observation),
        "event": COUNTS,
        "source": observation.source,
        "duration_s": round(counts.duration_s, 1),
        "frames": counts.frames,
        "frames_with_face": counts.frames_with_face,
        "most_faces": counts.most_faces,
        "emotions": counts.emotions,
    }


def reading_fields(reading: Reading) -> Line:
    """Return the keys of a line that describe one face; `unclear` is present only if the reading has a reason."""
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
    """Return the box as [x, y, w, h], px."""
    return [box.x, box.y, box.w, box.h]
