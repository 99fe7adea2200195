"""Checks that the small display's package and bus are there."""

from importlib.util import find_spec

from edge.doctor.check import Check
from edge.doctor.context import Context
from edge.doctor.finding import Finding, Status, from_error, ok, warning
from edge.doctor.service import running_service
from edge.errors import SinkError

_READ_WRITE = 6


def _display(context: Context) -> Finding:
    """Look only: opening the display would clear it. Without it the service runs all the same."""
    from edge.sinks.display.panel import (  # noqa: PLC0415  # needs numpy: whether that is there is for a check to say
        I2C_DEVICES,
        bus_of,
        group_of,
        remedy_of,
    )

    settings = context.settings.display
    if not settings.device:
        return ok("none asked for")
    package = "luma.oled" if settings.device in I2C_DEVICES else "luma.lcd"
    if settings.device != "framebuffer" and not _is_there(package):
        return warning(f"expected the package {package}, found none", f"sudo apt install python3-{package}")
    service = running_service(context)
    for sink in service.sinks if service else ():
        if sink.name == "display":
            return from_error(SinkError(sink.error), Status.WARNING) if sink.error else ok(sink.note)
    bus, name = bus_of(settings), context.identity.name
    if not context.at(bus).exists():
        return warning(f"expected the display's bus {bus}, found none", remedy_of(bus))
    if not context.identity.may(context.at(bus), _READ_WRITE):
        return warning(
            f"{bus}: expected leave for {name} to use it, found none", f"sudo usermod -aG {group_of(bus)} {name}"
        )
    return ok(f"{settings.device} on {bus}: to be looked at with edge-emotion display-test")


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # not even luma
        return False


CHECKS = (Check("sinks", "display", _display, SinkError.exit_code),)
