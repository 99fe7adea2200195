"""Checks the board: which one, its supply, its temperature."""

from edge.board import SINCE_BOOT, SLOWED, UNDER_VOLTAGE, Board, name_flags
from edge.doctor.check import Check
from edge.doctor.context import Context
from edge.doctor.finding import Finding, ok, warning
from edge.errors import EdgeError
from edge.machine import board_name, clock_mhz

_SILENT = "this machine has no firmware that tells"
_SUPPLY = "use the board's own power supply, and a short thick cable"
_COOLING = "give the board a heat sink or a fan, and air"

_WARM_C = 80.0
"""Source: Raspberry Pi documentation: from 80 °C on the firmware lowers the clock, bit by bit."""


def _board(context: Context) -> Finding:
    clock = clock_mhz(context.root)
    name = board_name(context.root)
    return ok(f"{name}, {clock} MHz" if clock else name)


def _supply(context: Context) -> Finding:
    flags = Board(context.root).throttle_flags()
    if flags is None:
        return ok(_SILENT)
    if flags & UNDER_VOLTAGE:
        return warning("the supply is too weak at this moment (under-voltage)", _SUPPLY)
    if flags >> SINCE_BOOT & UNDER_VOLTAGE:
        return warning("the supply has been too weak since boot (under-voltage)", _SUPPLY)
    return ok("no under-voltage since boot")


def _throttling(context: Context) -> Finding:
    flags = Board(context.root).throttle_flags()
    if flags is None:
        return ok(_SILENT)
    if (flags | flags >> SINCE_BOOT) & SLOWED:
        # The supply has a line of its own.
        said = ", ".join(name for name in name_flags(flags) if not name.startswith("under-voltage"))
        return warning(f"the firmware holds the processor back: {said}", _COOLING)
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
