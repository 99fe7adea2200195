"""A process that subscribes to all readings and records the delay of each.

`python -m benchmarks.fleet.listener PORT` prints its statistics as JSON when its standard input is closed.
"""

import json
import sys
import time
from collections import defaultdict
from datetime import datetime

import msgspec
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion


class DeliveryStats(msgspec.Struct):
    """Statistics of the received readings.

    Attributes:
        newest: number of the newest reading, by device.
        duplicates: readings that arrived twice.
        skipped: numbers below the newest that never arrived.
        p50_s: median delay from making a reading to its arrival, s.
        p95_s: 95th percentile of that delay, s.
        p99_s: 99th percentile of that delay, s.
        p100_s: longest delay, s.
    """

    newest: dict[str, int]
    duplicates: int
    skipped: int
    p50_s: float
    p95_s: float
    p99_s: float
    p100_s: float


class Listener:
    """Receives readings.

    Attributes:
        numbers: numbers of the readings that have arrived, by device.
        duplicates: see `DeliveryStats`.
        delays_s: of each reading, from making it to its arrival, s.
    """

    def __init__(self) -> None:
        self.numbers: defaultdict[str, set[int]] = defaultdict(set)
        self.duplicates = 0
        self.delays_s: list[float] = []

    def on_message(self, _: Client, __: object, message: MQTTMessage) -> None:
        """Record a reading."""
        arrived_s = time.time()
        reading = json.loads(message.payload)
        device, number = reading["device"], reading["number"]
        if number in self.numbers[device]:
            self.duplicates += 1
            return
        self.numbers[device].add(number)
        self.delays_s.append(arrived_s - datetime.fromisoformat(reading["time"]).timestamp())


def main(port: str) -> None:
    """Receive readings until standard input is closed."""
    listener = Listener()
    client = Client(CallbackAPIVersion.VERSION2, client_id="fleet-listener", clean_session=False)
    client.on_message = listener.on_message
    topics = [(f"edge-emotion/+/{leaf}", 1) for leaf in ("reading", "backlog")]
    client.on_connect = lambda client, *_: client.subscribe(topics)
    client.on_subscribe = lambda *_: print("listening", flush=True)  # noqa: T201  # the process that started this one waits for it
    client.reconnect_delay_set(min_delay=1, max_delay=2)
    client.connect("127.0.0.1", int(port))
    client.loop_start()
    sys.stdin.read()
    client.disconnect()
    client.loop_stop()
    delays_s = sorted(listener.delays_s)
    shares = {f"p{share}_s": round(delays_s[(len(delays_s) - 1) * share // 100], 4) for share in (50, 95, 99, 100)}
    newest = {device: max(numbers) for device, numbers in listener.numbers.items()}
    stats = DeliveryStats(
        newest=newest,
        duplicates=listener.duplicates,
        skipped=sum(newest[device] - len(numbers) for device, numbers in listener.numbers.items()),
        **shares,
    )
    sys.stdout.buffer.write(msgspec.json.encode(stats))


if __name__ == "__main__":
    main(*sys.argv[1:])
