"""Checks the board: which one, its supply, its temperature."""

from edge.board import SLOWED, UNDER_VOLTAGE, Board
from edge.doctor.check import Check
from edge.doctor.context import Context
from edge.doctor.finding import Finding, ok, warning
from edge.errors import EdgeError
from edge.machine import board_name, clock_mhz, throttle_flags

_SINCE_BOOT = 16
"""The firmware's flags stand once more, so many bits higher, for what has happened since boot."""

_SUPPLY = "use the board's own power supply, and a short thick cable"
_COOLING = "give the board a heat sink or a fan, and air"

_WARM_C = 80.0
"""Source: Raspberry Pi documentation: from 80 °C on the firmware lowers the clock, bit by bit."""


def _board(context: Context) -> Finding:
    clock = clock_mhz(context.root)
    name = board_name(context.root)
    return ok(f"{name}, {clock} MHz" if clock else name)


def _supply(context: Context) -> Finding:
    flags = throttle_flags(context.root)
    if _hwmon_alarm(context) or (flags or 0) & UNDER_VOLTAGE:
        return warning("the supply is too weak at this moment (under-voltage)", _SUPPLY)
    if flags is None:
        return ok("this machine has no firmware that tells")
    if flags >> _SINCE_BOOT & UNDER_VOLTAGE:
        return warning("the supply has been too weak since boot (under-voltage)", _SUPPLY)
    return ok("no under-voltage since boot")


def _hwmon_alarm(context: Context) -> bool:
    """Whether the kernel's own watch over the supply, `rpi_volt`, has its alarm on."""
    for name in sorted(context.at("sys/class/hwmon").glob("hwmon*/name")):
        folder = f"sys/class/hwmon/{name.parent.name}"
        if context.text(f"{folder}/name") == "rpi_volt" and context.text(f"{folder}/in0_lcrit_alarm") == "1":
            return True
    return False


def _throttling(context: Context) -> Finding:
    flags = throttle_flags(context.root)
    if flags is None:
        return ok("this machine has no firmware that tells")
    if flags & SLOWED:
        return warning(f"the firmware holds the processor back at this moment ({flags:#x})", _COOLING)
    if flags >> _SINCE_BOOT & SLOWED:
        return warning(f"the firmware has held the processor back since boot ({flags:#x})", _COOLING)
    return ok("not throttled since boot")


def _temperature(context: Context) -> Finding:
    found_c = Board(context.root).temperature_c()
    if found_c is None:
        return ok("this machine has no sensor that tells")
    if found_c >= _WARM_C:
        return warning(f"expected less than {_WARM_C:.0f} °C, found {found_c:.0f} °C", _COOLING)
    return ok(f"{found_c:.0f} °C")


CHECKS = (
    Check("board", "board", _board, EdgeError.exit_code),
    Check("board", "supply", _supply, EdgeError.exit_code),
    Check("board", "throttling", _throttling, EdgeError.exit_code),
    Check("board", "temperature", _temperature, EdgeError.exit_code),
)
