"""A process that hears all readings and notes how late each is.

`python -m benchmarks.fleet.listener PORT` prints what it has heard when its standard input is closed.
"""

import json
import sys
import time
from collections import Counter
from datetime import datetime

import msgspec
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion


class Heard(msgspec.Struct):
    """highest: by device, the newest number. again: readings that came twice. passed_over: numbers that never came.

    p50_s ... p100_s: from a reading's making to its arrival, s.
    """

    highest: dict[str, int]
    again: int
    passed_over: int
    p50_s: float
    p95_s: float
    p99_s: float
    p100_s: float


class Listener:
    """late_s: of each reading, s from its making. The rest is as in `Heard`."""

    def __init__(self) -> None:
        self.highest: Counter[str] = Counter()
        self.again = 0
        self.passed_over = 0
        self.late_s: list[float] = []

    def take(self, _: Client, __: object, message: MQTTMessage) -> None:
        """Note a reading."""
        arrived_s = time.time()
        reading = json.loads(message.payload)
        device, number = reading["device"], reading["number"]
        if number <= self.highest[device]:
            self.again += 1
            return
        self.passed_over += number - self.highest[device] - 1
        self.highest[device] = number
        self.late_s.append(arrived_s - datetime.fromisoformat(reading["time"]).timestamp())


def main(port: str) -> None:
    """Listen until told to stop."""
    listener = Listener()
    client = Client(CallbackAPIVersion.VERSION2, client_id="fleet-listener", clean_session=False)
    client.on_message = listener.take
    client.on_connect = lambda client, *_: client.subscribe("edge-emotion/+/reading", qos=1)
    client.on_subscribe = lambda *_: print("listening", flush=True)  # noqa: T201  # for the process that has started it
    client.reconnect_delay_set(min_delay=1, max_delay=2)
    client.connect("127.0.0.1", int(port))
    client.loop_start()
    sys.stdin.read()
    client.disconnect()
    client.loop_stop()
    late = sorted(listener.late_s)
    shares = {f"p{share}_s": round(late[(len(late) - 1) * share // 100], 4) for share in (50, 95, 99, 100)}
    heard = Heard(highest=dict(listener.highest), again=listener.again, passed_over=listener.passed_over, **shares)
    sys.stdout.buffer.write(msgspec.json.encode(heard))


if __name__ == "__main__":
    main(*sys.argv[1:])
