"""Makes lines of logs, as a sink writes them."""

import json
from datetime import UTC, datetime, timedelta

BEGIN = datetime(2026, 11, 16, 8, tzinfo=UTC)


def moment(seconds):
    """RFC 3339, so many seconds after `BEGIN`."""
    return (BEGIN + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def line(seconds, **values):
    return json.dumps({"time": moment(seconds), "source": "camera", **values}) + "\n"


def event(seconds, name, **values):
    return line(seconds, event=name, **values)


def face(seconds, track, emotion, frame=0, **values):
    return line(seconds, frame=frame, track=track, box=[0, 0, 9, 9], emotion=emotion, confidence=0.9, **values)


def stay(begin, end, track, emotion):
    """A face that comes, and leaves without having changed."""
    return event(begin, "appeared", track=track, emotion=emotion) + event(
        end, "left", track=track, emotion=emotion, duration_s=end - begin
    )
