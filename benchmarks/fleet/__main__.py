"""Command line: `python -m benchmarks.fleet` measures fleets of several sizes at one MQTT broker."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import msgspec

from benchmarks.fleet.broker import MeasuredBroker
from benchmarks.fleet.devices import CONNECT_S, DeviceGroup, run_group
from benchmarks.fleet.listener import DeliveryStats
from benchmarks.results import describe_in_a_line
from edge.device.info import describe_machine

DEVICES_PER_PROCESS = 5
"""Devices that share a process: more would wait for each other, as threads of one Python do."""

_MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108  # a folder with a random name is made in it
"""Folder for the queues: real devices have a card each, and hundreds of queues on one disk would measure the disk."""

ROW = (
    "| {devices} | {readings} | {lost} | {duplicates} | {p50_s:.3f} / {p95_s:.3f} / {p99_s:.3f} s "
    "| {cpu:.1f} % | {memory:.1f} MB | {load_1_min:.0f} |"
)
HEAD = (
    "| devices | readings | lost | duplicates | delay p50 / p95 / p99 | broker's CPU | broker's memory | load |\n"
    "|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True, slots=True)
class FleetFigures:
    """Figures of one fleet.

    Attributes:
        devices: number of devices.
        outage_s: time without a broker, s.
        readings: number of readings that the devices made.
        lost: readings that never arrived.
        duplicates: readings that arrived twice.
        p50_s: median delay from making a reading to its arrival, s.
        p95_s: 95th percentile of that delay, s.
        p99_s: 99th percentile of that delay, s.
        p100_s: longest delay, s.
        cpu: of the broker, % of one core.
        memory: peak of the broker, MB.
        load_1_min: load average of the machine.
    """

    devices: int
    outage_s: float
    readings: int
    lost: int
    duplicates: int
    p50_s: float
    p95_s: float
    p99_s: float
    p100_s: float
    cpu: float
    memory: float
    load_1_min: float


def main() -> None:
    """Measure a fleet of each size and print its row."""
    options = _options()
    print(f"{describe_in_a_line(describe_machine())}, {datetime.now(UTC):%Y-%m-%d}\n\n{HEAD}", flush=True)  # noqa: T201  # the command's output
    results = []
    for devices in options.devices:
        result = _measure(devices, options)
        results.append(asdict(result))
        print(ROW.format(**asdict(result)), flush=True)  # noqa: T201  # the command's output
    if options.json:
        options.json.write_text(json.dumps({"machine": describe_machine(), "results": results}, indent=2) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--devices", type=int, nargs="+", default=[50, 200, 500], metavar="N", help="sizes of fleets")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each fleet sends readings (default: 60)")
    parser.add_argument("--period", type=float, default=10.0, help="s between two readings of a device (default: 10)")
    parser.add_argument("--outage", type=float, default=0.0, help="s without broker, after a third of the time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")
    return parser.parse_args()


def _measure(devices: int, options: argparse.Namespace) -> FleetFigures:
    with tempfile.TemporaryDirectory(dir=_MEMORY_FOLDER if _MEMORY_FOLDER.is_dir() else None) as folder:
        broker = MeasuredBroker(Path(folder))
        start_s = time.monotonic()
        listener = _start("listener", str(broker.port), stdin=subprocess.PIPE)
        _wait_for_line(listener)
        groups = [
            DeviceGroup(
                Path(folder),
                broker.port,
                first,
                min(DEVICES_PER_PROCESS, devices - first),
                options.period,
                options.seconds,
            )
            for first in range(0, devices, DEVICES_PER_PROCESS)
        ]
        with get_context("fork").Pool(len(groups)) as pool:
            fleet = pool.map_async(run_group, groups, chunksize=1)
            if options.outage:
                time.sleep(CONNECT_S + options.seconds / 3)
                broker.stop()
                time.sleep(options.outage)
                broker.start()
            sent = {name: count for part in fleet.get() for name, count in part.items()}
        time.sleep(2.0)  # the last readings are still on their way from the broker to the listener
        delivered = msgspec.json.decode(listener.communicate(b"")[0].splitlines()[-1], type=DeliveryStats)
        broker.stop()
    return FleetFigures(
        devices=devices,
        outage_s=options.outage,
        readings=sum(sent.values()),
        lost=sum(count - delivered.newest.get(name, 0) for name, count in sent.items()) + delivered.skipped,
        duplicates=delivered.duplicates,
        p50_s=delivered.p50_s,
        p95_s=delivered.p95_s,
        p99_s=delivered.p99_s,
        p100_s=delivered.p100_s,
        cpu=round(100 * broker.cpu_s / (time.monotonic() - start_s), 2),
        memory=round(broker.peak_mb, 1),
        load_1_min=round(os.getloadavg()[0], 1),
    )


def _start(module: str, *words: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.fleet.{module}", *words], stdin=stdin, stdout=subprocess.PIPE
    )


def _wait_for_line(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline()


if __name__ == "__main__":
    main()
