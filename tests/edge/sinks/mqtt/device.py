"""A device without a camera: what its sink is told, and a program that runs one."""

import sys
import threading
from itertools import count
from pathlib import Path

import msgspec

from edge.config import read_settings
from edge.records import Box, Observation, Reading
from edge.status import Status

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


class World:
    """What the sink is told of the run. status: may be exchanged."""

    def __init__(self):
        self.status = Status(
            version="1.0.0",
            pid=1,
            state="running",
            since="2026-11-20T10:00:00Z",
            uptime_s=60.0,
            source="a camera",
            frames=100,
            fps=12.5,
            latency_ms_p50=5.0,
            latency_ms_p95=9.0,
            faces=1,
            dropped=0,
            undelivered=0,
            reopens=0,
            log="readings.jsonl",
            log_dropped=0,
            temperature_c=51.5,
            throttled=[],
            core_v=None,
        )

    def change(self, **values):
        self.status = msgspec.structs.replace(self.status, **values)


def seen(index, *emotions):
    """What is said of a frame with a face for each of these, numbered from 1."""
    readings = tuple(
        Reading(
            track_id=number,
            box=Box(10, 10, 50, 50),
            emotion=emotion,
            confidence=0.8,
            probabilities=dict.fromkeys(LABELS, 1 / 7),
            frame_index=index,
            captured_at=index / 10,
            latency_s=0.01,
        )
        for number, emotion in enumerate(emotions, 1)
    )
    return Observation(index, "a camera", index / 10, index / 10, readings, tuple(range(1, 1 + len(emotions))))


def main(config):
    """Say something new a hundred times a second, for ever; print how much was said, after each."""
    from edge.sinks.mqtt.sink import MqttSink  # noqa: PLC0415  # the modules skip where paho-mqtt is missing

    world = World()
    sink = MqttSink(read_settings(Path(config)).mqtt, labels=LABELS, status=lambda: world.status)
    for index in count():
        sink.write(seen(index, LABELS[index % len(LABELS)]))
        print(sink._run, index + 1, flush=True)  # noqa: T201  # for the test that has started it
        threading.Event().wait(0.01)


if __name__ == "__main__":
    main(*sys.argv[1:])
