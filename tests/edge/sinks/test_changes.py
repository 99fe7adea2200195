"""A summary says what is known of the machine."""

from edge.records import Observation
from edge.sinks.changes import Changes


def test_a_summary_carries_the_machines_state():
    """Asked for once a summary, not once a frame."""
    asked = []

    def describe():
        asked.append(None)
        return {"temperature_c": 51.5, "throttled": ["under-voltage"]}

    changes = Changes(summary_interval_s=1.0, describe_machine=describe)
    lines = []
    for frame in range(31):
        lines += changes.lines(Observation(frame, "camera", 0.0, frame / 30, (), ()))
    (summary,) = lines
    assert (summary["event"], summary["temperature_c"], summary["throttled"]) == ("summary", 51.5, ["under-voltage"])
    assert len(asked) == 1
