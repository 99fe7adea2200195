"""Runs the product with the scripted camera, and does what the script says at its times."""

import socket
import sys
import threading
from pathlib import Path

import msgspec
from script import DAY_S, Script
from scripted_camera import Room, ScriptedCamera
from simulated_clock import SimulatedClock

import edge.cli.run
import edge.sinks.metrics.endpoint
import edge.sinks.mqtt.sink
import edge.sinks.page.sink
import edge.sources.open
from edge.__main__ import entry

OUTSIDE = ("broker gone", "disk full", "reload", "killed", "viewers")
"""Faults that another process causes."""

COLLECT_S = DAY_S / 4
"""Time between two collections of the log, s: before the retention removes it."""

VIEWERS_PACE = 60.0
"""Simulated seconds in a real one while browsers watch: they run in real time."""


def run(
    script_path: Path, clock: SimulatedClock, control: socket.socket, arguments: list[str], *, uptime_s: float
) -> None:
    """Run `edge-emotion` with these arguments; the process ends with its exit code.

    Args:
        script_path: the script as JSON.
        clock: the installed clock.
        control: what another process must do is written to it, a line each; time stands still until a byte comes back.
        arguments: of the product.
        uptime_s: time on the monotonic clock at the script's beginning, s.
    """
    clock.install_datetime()
    script = msgspec.json.decode(script_path.read_bytes(), type=Script)
    room, begin_wall_s = Room(script), clock.wall_offset_s

    def since_start_s() -> float:
        return clock.now_s - uptime_s

    def set_wall_clock() -> None:
        clock.wall_offset_s = begin_wall_s + script.wall_offset_s(since_start_s())

    def open_camera(_settings: object, *, color: bool, mounting: object) -> ScriptedCamera:
        del mounting  # it is mounted upright
        return ScriptedCamera(script, room, since_start_s, color=color)

    def direct() -> None:
        for time_s, what in _moments(script):
            if time_s < since_start_s():
                continue  # an earlier process has seen it
            clock.sleep(time_s - since_start_s())
            if what == "clock step begins":
                set_wall_clock()
                continue
            control.sendall(f"{what}\n".encode())
            control.recv(1)
            clock.pace = {"viewers begins": VIEWERS_PACE, "viewers ends": 0.0}.get(what, clock.pace)

    set_wall_clock()
    edge.sources.open.open_camera = open_camera
    threading.Thread(target=direct, name="director", daemon=True).start()
    sys.argv = ["edge-emotion", *arguments]
    entry()


def _moments(script: Script) -> list[tuple[float, str]]:
    collections = [(number * COLLECT_S, "collect") for number in range(1, int(script.seconds // COLLECT_S))]
    return sorted([*script.agenda(*OUTSIDE, "clock step"), *collections, (script.seconds, "end")])
