"""Measures fleets of several sizes at one broker: `python -m benchmarks.fleet --help`."""

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

from benchmarks.fleet.broker import Broker
from benchmarks.fleet.devices import CONNECT_S, Group, speak
from benchmarks.fleet.listener import Heard
from benchmarks.machine import describe_shortly
from edge.machine import describe_machine

IN_A_PROCESS = 5
"""Devices that share one: more would wait for each other, as threads of one Python do."""

_MEMORY = Path("/dev/shm")  # noqa: S108  # a folder that nobody else knows is made in it
"""Each device has a card of its own: the queues of hundreds of them on one disk would measure that disk."""

ROW = (
    "| {devices} | {said} | {lost} | {again} | {p50_s:.3f} / {p95_s:.3f} / {p99_s:.3f} s "
    "| {cpu:.1f} % | {memory:.1f} MB | {load_1_min:.0f} |"
)
HEAD = (
    "| devices | readings | lost | came twice | late p50 / p95 / p99 | broker's CPU | broker's memory | load |\n"
    "|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True, slots=True)
class Result:
    """What a fleet did. cpu: of the broker, % of one core. memory: its most, MB. load_1_min: of the whole machine.

    said: readings made. lost: those that never came. again: those that came twice. p..._s: how late they were, s.
    """

    devices: int
    outage_s: float
    said: int
    lost: int
    again: int
    p50_s: float
    p95_s: float
    p99_s: float
    p100_s: float
    cpu: float
    memory: float
    load_1_min: float


def main() -> None:
    """Measure each size, and print a row for it."""
    options = _options()
    print(f"{describe_shortly(describe_machine())}, {datetime.now(UTC):%Y-%m-%d}\n\n{HEAD}", flush=True)  # noqa: T201
    results = []
    for devices in options.devices:
        result = _measure(devices, options)
        results.append(asdict(result))
        print(ROW.format(**asdict(result)), flush=True)  # noqa: T201  # the answer
    if options.json:
        options.json.write_text(json.dumps({"machine": describe_machine(), "results": results}, indent=2) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--devices", type=int, nargs="+", default=[50, 200, 500], metavar="N", help="sizes of fleets")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each fleet speaks (default: 60)")
    parser.add_argument("--period", type=float, default=10.0, help="s between two readings of a device (default: 10)")
    parser.add_argument("--outage", type=float, default=0.0, help="s that the broker is away after a third of the time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")
    return parser.parse_args()


def _measure(devices: int, options: argparse.Namespace) -> Result:
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        broker = Broker(Path(folder))
        began = time.monotonic()
        listener = _start("listener", str(broker.port), stdin=subprocess.PIPE)
        _first_line(listener)
        groups = [
            Group(Path(folder), broker.port, first, min(IN_A_PROCESS, devices - first), options.period, options.seconds)
            for first in range(0, devices, IN_A_PROCESS)
        ]
        with get_context("fork").Pool(len(groups)) as pool:
            fleet = pool.map_async(speak, groups, chunksize=1)
            if options.outage:
                time.sleep(CONNECT_S + options.seconds / 3)
                broker.stop()
                time.sleep(options.outage)
                broker.start()
            made = {name: number for part in fleet.get() for name, number in part.items()}
        time.sleep(2.0)  # the last ones are with the broker, and on their way to the listener
        heard = msgspec.json.decode(listener.communicate(b"")[0].splitlines()[-1], type=Heard)
        broker.stop()
    return Result(
        devices=devices,
        outage_s=options.outage,
        said=sum(made.values()),
        lost=sum(number - heard.highest.get(name, 0) for name, number in made.items()) + heard.passed_over,
        again=heard.again,
        p50_s=heard.p50_s,
        p95_s=heard.p95_s,
        p99_s=heard.p99_s,
        p100_s=heard.p100_s,
        cpu=round(100 * broker.cpu_s / (time.monotonic() - began), 2),
        memory=round(broker.most_mb, 1),
        load_1_min=round(os.getloadavg()[0], 1),
    )


def _start(module: str, *words: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.fleet.{module}", *words], stdin=stdin, stdout=subprocess.PIPE
    )


def _first_line(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline()


if __name__ == "__main__":
    main()
