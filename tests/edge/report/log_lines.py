"""Makes log lines in the form that the log sink writes."""

import json
from datetime import UTC, datetime, timedelta

BEGIN = datetime(2026, 11, 16, 8, tzinfo=UTC)


def time_at(seconds):
    """Return the time `seconds` after `BEGIN`, in RFC 3339."""
    return (BEGIN + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def line(seconds, **values):
    return json.dumps({"time": time_at(seconds), "source": "camera", **values}) + "\n"


def event(seconds, name, **values):
    return line(seconds, event=name, **values)


def reading(seconds, track, emotion, frame=0, **values):
    return line(seconds, frame=frame, track=track, box=[0, 0, 9, 9], emotion=emotion, confidence=0.9, **values)


def visit(begin, end, track, emotion):
    """Return the lines of a face that appears, and leaves without having changed."""
    return event(begin, "appeared", track=track, emotion=emotion) + event(
        end, "left", track=track, emotion=emotion, duration_s=end - begin
    )
