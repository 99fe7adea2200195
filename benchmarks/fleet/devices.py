"""Simulates devices: each has the real MQTT sink with a queue in a file, and no camera."""

import heapq
import random
import time
from dataclasses import dataclass
from pathlib import Path

from edge.records import Box, Observation, Reading
from edge.settings.sinks import MqttSettings
from edge.sinks.mqtt.sink import MqttSink
from edge.status import Status

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

DRAIN_S = 90.0
"""Longest wait at the end for readings that are still queued, s."""

CONNECT_S = 10.0
"""Wait for all devices to connect before the first reading, s; the connection is not measured."""

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


class SimulatedDevice:
    """A device with one face, whose emotion differs from one reading to the next.

    Attributes:
        name: device id.
        sent: number of readings.
        sink: the MQTT sink.
    """

    def __init__(self, folder: Path, port: int, number: int) -> None:
        self.name = f"sim-{number:04d}"
        self.sent = 0
        settings = MqttSettings(
            host="127.0.0.1", port=port, device_id=self.name, queue=str(folder / f"{self.name}.sqlite3")
        )
        self.sink = MqttSink(settings, labels=LABELS, status=lambda: STATUS)
        self.sink.open()

    def send_reading(self) -> None:
        """Write a reading with the next emotion to the sink."""
        emotion = LABELS[self.sent % len(LABELS)]
        share = dict.fromkeys(LABELS, 1 / len(LABELS))
        reading = Reading(1, Box(100, 100, 80, 80), emotion, 0.8, share, self.sent, 0.0, 0.01)
        self.sink.write(Observation(self.sent, "simulated", 0.0, float(self.sent), (reading,), (1,)))
        self.sent += 1


@dataclass(frozen=True, slots=True)
class DeviceGroup:
    """Devices that share a process.

    Attributes:
        folder: for their queues.
        port: of the broker.
        first: number of the first device.
        count: number of devices.
        period_s: between two readings of a device, s.
        seconds: how long they send readings.
    """

    folder: Path
    port: int
    first: int
    count: int
    period_s: float
    seconds: float


def run_group(group: DeviceGroup) -> dict[str, int]:
    """Let all devices send readings, each in its own phase; return the number of readings by device."""
    devices = [
        SimulatedDevice(group.folder, group.port, number) for number in range(group.first, group.first + group.count)
    ]
    time.sleep(CONNECT_S)
    _send_in_turns(devices, group.period_s, time.monotonic() + group.seconds)
    deadline = time.monotonic() + DRAIN_S
    while any(device.sink.stored for device in devices) and time.monotonic() < deadline:
        time.sleep(0.1)
    return {device.name: device.sent for device in devices}


def _send_in_turns(devices: list[SimulatedDevice], period_s: float, until_s: float) -> None:
    due = [(time.monotonic() + random.uniform(0, period_s), index) for index in range(len(devices))]  # noqa: S311  # phases need no cryptographic randomness
    heapq.heapify(due)
    while (at_s := due[0][0]) < until_s:
        time.sleep(max(0.0, at_s - time.monotonic()))
        index = due[0][1]
        devices[index].send_reading()
        heapq.heapreplace(due, (at_s + period_s, index))
