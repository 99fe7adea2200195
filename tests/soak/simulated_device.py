"""Runs `edge-emotion` in simulated time with the scripted camera.

    simulated_device.py SCRIPT START_S CONTROL TIME BROKER_PORT run ...

SCRIPT is the script as JSON, START_S the time at which this process starts. CONTROL is the descriptor of a socket: what
must be done from outside is written to it, a line each, and time stands still until a byte comes back. TIME is the
descriptor of a file that shows the present time. Everything else is the product's own.
"""

import mmap
import socket
import struct
import sys
from pathlib import Path

from barrier import BrokerBarrier
from simulated_clock import SimulatedClock

UPTIME_S = 1000.0
"""Time on the monotonic clock when the script begins, s: the machine has just been started."""

BEGIN = 1_796_601_600.0
"""Time on the wall clock when the script begins: 2026-12-07T00:00:00Z."""


def main() -> None:
    """Install the clock, then load and run the product."""
    script_path, start_s, control, time_file, broker_port, *arguments = sys.argv[1:]
    shown = mmap.mmap(int(time_file), 8)
    barrier = BrokerBarrier(int(broker_port))
    barrier.install()
    clock = SimulatedClock(
        UPTIME_S + float(start_s),
        BEGIN - UPTIME_S,
        settle=barrier.settle,
        publish=lambda now_s: struct.pack_into("d", shown, 0, now_s - UPTIME_S),
    )
    clock.install()
    from director import run  # noqa: PLC0415  # it loads the product, which must not see the real clock

    run(Path(script_path), clock, socket.socket(fileno=int(control)), arguments, uptime_s=UPTIME_S)


if __name__ == "__main__":
    main()
