"""Simulated devices: the sink that ships, with a queue in a file for each, and no camera."""

import heapq
import random
import time
from dataclasses import dataclass
from pathlib import Path

from edge.records import Box, Observation, Reading
from edge.sink_settings import MqttSettings
from edge.sinks.mqtt.sink import MqttSink
from edge.status import Status

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

DRAIN_S = 90.0
"""What waits at the end is waited for no longer than this, s."""

CONNECT_S = 10.0
"""Nobody speaks before all are connected: how long that takes is not what is measured, s."""

STATUS = Status(
    version="simulated",
    pid=0,
    state="running",
    since="2026-01-01T00:00:00Z",
    uptime_s=0.0,
    source="simulated",
    frames=1,
    fps=15.0,
    latency_ms_p50=None,
    latency_ms_p95=None,
    faces=1,
    dropped=0,
    undelivered=0,
    reopens=0,
    log="",
    log_dropped=0,
    temperature_c=50.0,
    throttled=[],
    core_v=None,
)


class Device:
    """One face that looks different each time: each `say` is one reading."""

    def __init__(self, folder: Path, port: int, number: int) -> None:
        self.name = f"sim-{number:04d}"
        self.said = 0
        settings = MqttSettings(
            host="127.0.0.1", port=port, device_id=self.name, queue=str(folder / f"{self.name}.sqlite3")
        )
        self.sink = MqttSink(settings, labels=LABELS, status=lambda: STATUS)

    def say(self) -> None:
        """Give the sink something new."""
        emotion = LABELS[self.said % len(LABELS)]
        share = dict.fromkeys(LABELS, 1 / len(LABELS))
        reading = Reading(1, Box(100, 100, 80, 80), emotion, 0.8, share, self.said, 0.0, 0.01)
        self.sink.write(Observation(self.said, "simulated", 0.0, float(self.said), (reading,), (1,)))
        self.said += 1


@dataclass(frozen=True, slots=True)
class Group:
    """Devices that share a process. first, count: their numbers. period_s: between two readings of a device."""

    folder: Path
    port: int
    first: int
    count: int
    period_s: float
    seconds: float


def speak(group: Group) -> dict[str, int]:
    """Let all of them speak, each with a phase of its own; return how many readings each has made."""
    devices = [Device(group.folder, group.port, number) for number in range(group.first, group.first + group.count)]
    time.sleep(CONNECT_S)
    _take_turns(devices, group.period_s, time.monotonic() + group.seconds)
    deadline = time.monotonic() + DRAIN_S
    while any(device.sink.stored for device in devices) and time.monotonic() < deadline:
        time.sleep(0.1)
    return {device.name: device.said for device in devices}


def _take_turns(devices: list[Device], period_s: float, until_s: float) -> None:
    due = [(time.monotonic() + random.uniform(0, period_s), index) for index in range(len(devices))]  # noqa: S311
    heapq.heapify(due)
    while (at_s := due[0][0]) < until_s:
        time.sleep(max(0.0, at_s - time.monotonic()))
        index = due[0][1]
        devices[index].say()
        heapq.heapreplace(due, (at_s + period_s, index))
