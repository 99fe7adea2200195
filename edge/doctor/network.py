"""Checks that the unit's network is open where a sink needs it, and closed where none does."""

from typing import TYPE_CHECKING

from edge.doctor.check import Check
from edge.doctor.context import INSTALLED, INSTALLER, UNIT, Context
from edge.doctor.finding import Finding, ok, warning
from edge.errors import EdgeError

if TYPE_CHECKING:
    from edge.settings import Settings

DROP_IN = f"etc/systemd/system/{UNIT}.d/network.conf"


def sinks_on_network(settings: "Settings") -> list[str]:
    """Name the configured sinks that do not work without a network, as the settings call them."""
    asked_for = {
        "page": settings.page.enabled,
        "mqtt": bool(settings.mqtt.host),
        "metrics": settings.metrics.enabled,
    }
    return [name for name, is_asked_for in asked_for.items() if is_asked_for]


def _network(context: Context) -> Finding:
    if not context.at(INSTALLED).exists():
        return ok("not installed")
    names = ", ".join(sinks_on_network(context.settings))
    is_open = context.at(DROP_IN).exists()
    if names and not is_open:
        return warning(f"expected the unit's network open for {names}, found it closed", INSTALLER)
    if is_open and not names:
        return warning("expected the unit's network closed, since no sink needs it, found it open", INSTALLER)
    return ok(f"open for {names}" if names else "closed: no sink needs it")


CHECKS = (Check("service", "network", _network, EdgeError.exit_code),)
