"""What the tests of the display say of a run: its status, and what is said of a frame."""

from edge.records import Box, Observation, Reading
from edge.status import SinkStatus, Status

PAGE = SinkStatus(name="page", note="http://192.168.1.20:8080, nobody watches")


def status(**changed):
    facts = {
        "version": "0", "pid": 1, "state": "running", "since": "", "uptime_s": 100.0, "source": "camera", "frames": 9,
        "fps": 30.0, "latency_ms_p50": 1.0, "latency_ms_p95": 2.0, "faces": 0, "dropped": 0, "undelivered": 0,
        "reopens": 0, "log": "log.jsonl", "log_dropped": 0, "temperature_c": None, "throttled": None, "core_v": None,
    }  # fmt: skip
    return Status(**facts | changed)


def observation(*faces, counts=None):
    """faces: emotion, confidence and side each."""
    readings = tuple(
        Reading(number, Box(0, 0, side, side), emotion, confidence, {}, 0, 0.0, 0.0)
        for number, (emotion, confidence, side) in enumerate(faces)
    )
    return Observation(0, "camera", 0.0, 0.0, readings, (), counts)
