"""What a check is."""

from collections.abc import Callable
from dataclasses import dataclass

from edge.doctor.context import Context
from edge.doctor.finding import Finding

QUICK_S = 10.0
"""Reading some small files, or asking one program, on the slowest board."""

HEAVY_S = 120.0
"""Loading OpenCV or the interpreter from an SD card, on the slowest board, or on an emulated one."""

CAMERA_S = 45.0
"""Opening a camera, and giving it up."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report.

    family: what it belongs to, such as `camera`. name: what the line calls it.
    look: says what it finds; it changes nothing. What it raises is a failure, too.
    exit_code: of the process when this is the first that fails; see `edge/errors.py`.
    limit_s: a check that takes longer has failed, s.
    isolated: it runs in a process of its own, since what it tries may crash, or hang where no signal reaches it.
    """

    family: str
    name: str
    look: Callable[[Context], Finding]
    exit_code: int
    limit_s: float = QUICK_S
    isolated: bool = False
