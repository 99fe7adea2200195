"""Checks the service: its settings, the unit's network and state, and the status of the running process."""

from typing import TYPE_CHECKING

from edge.doctor.check import INSTALLED, INSTALLER, QUICK_S, Check, Context, Finding, failed, ok, warning
from edge.doctor.programs import run_program
from edge.errors import ConfigError, EdgeError, redact
from edge.settings import INSTALLED_CONFIG
from edge.sources.address import is_network

if TYPE_CHECKING:
    from edge.settings.schema import Settings

_PROPERTIES = (
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "Result",
    "ExecMainStatus",
    "NRestarts",
)


def _check_settings(context: Context) -> Finding:
    path, settings, error = context.config_path, context.settings, context.settings_error
    if path is None:
        return ok(f"the defaults: no --config is given, and there is no {INSTALLED_CONFIG}")
    if error is not None:
        missing = f"sudo cp {INSTALLED_CONFIG} {path}" if context.instance.name else "give another --config"
        return failed(str(error), f"sudo nano {path}" if path.exists() else missing)
    return ok(f"{path}: profile {settings.profile}, source {redact(settings.source.use)}")


def sinks_on_network(settings: "Settings") -> list[str]:
    """Return the sections that need a network: those of the enabled sinks, and the source's if it is a URL."""
    enabled = {
        "source": is_network(settings.source.use),
        "page": settings.page.enabled,
        "mqtt": bool(settings.mqtt.host),
        "metrics": settings.metrics.enabled,
        "hook": bool(settings.hook.command) and settings.hook.network,
    }
    return [section for section, is_enabled in enabled.items() if is_enabled]


def _check_network(context: Context) -> Finding:
    """Compare the unit's access to the network with what the sinks need."""
    if not context.at(INSTALLED).exists():
        return ok("not installed")
    names = ", ".join(sinks_on_network(context.settings))
    is_open = context.at(context.instance.drop_in_folder / "network.conf").exists()
    if names and not is_open:
        return warning(f"expected the unit's network open for {names}, found it closed", INSTALLER)
    if is_open and not names:
        return warning("expected the unit's network closed, since nothing needs it, found it open", INSTALLER)
    return ok(f"open for {names}" if names else "closed: nothing needs it")


def _check_unit(context: Context) -> Finding:
    """Report the unit's state; never a failure, because its past does not say whether it would run now."""
    unit = context.instance.unit
    properties = _unit_properties(unit)
    if properties is None:
        return warning(f"expected systemd to respond within {QUICK_S / 3:.0f} s, found no response", "try again")
    if not properties:
        return ok("no systemd on this machine")
    if properties.get("LoadState") != "loaded":
        if context.at(INSTALLED).exists():
            return warning(f"expected {unit}, found it {properties.get('LoadState', 'unknown')}", INSTALLER)
        return ok("not installed")
    return _judge(unit, properties)


def _unit_properties(unit: str) -> dict[str, str] | None:
    """Return the unit's properties from systemd; empty without a systemd, None if it does not respond."""
    result = run_program(["systemctl", "show", unit, f"--property={','.join(_PROPERTIES)}"], limit_s=QUICK_S / 3)
    if result is None:
        return {}
    if result.exit_code is None:
        return None
    return {key: value for key, _, value in (line.partition("=") for line in result.output.splitlines())}


def _judge(unit: str, properties: dict[str, str]) -> Finding:
    journal = f"journalctl -u {unit} -n 20 --no-pager shows why"
    state = properties.get("ActiveState", "unknown")
    restarts = int(properties.get("NRestarts") or 0)
    if state == "failed":
        reason = f"{properties.get('Result')}, exit code {properties.get('ExecMainStatus')}{_last_error(unit)}"
        return warning(f"{unit} has failed ({reason})", f"{journal}; then sudo systemctl restart {unit}")
    if state not in {"active", "activating", "reloading"}:
        return warning(f"{unit} is {state}", f"sudo systemctl enable --now {unit}")
    if restarts:
        return warning(f"{unit} is {state}, restarted {restarts} times{_last_error(unit)}", journal)
    if properties.get("UnitFileState") not in {"enabled", "enabled-runtime", "static"}:
        return warning(f"{unit} is {state}, but will not start with the machine", f"sudo systemctl enable {unit}")
    return ok(f"{unit} is {state} ({properties.get('SubState')})")


def _last_error(unit: str) -> str:
    """Return the unit's newest error in the journal, as the end of a sentence; empty if there is none."""
    command = ["journalctl", "--unit", unit, "--priority", "err", "--lines", "1", "--output", "cat", "--quiet"]
    result = run_program(command, limit_s=QUICK_S / 3)
    lines = result.output.strip().splitlines() if result is not None else []
    return f": {lines[-1]}" if lines else ""


def _check_status(context: Context) -> Finding:
    status = context.service
    if status is None:
        return ok("no service is running")
    text = status.summary + (f"; last error: {status.last_error}" if status.last_error else "")
    return ok(text) if status.is_healthy else warning(text, "edge-emotion status --watch follows it")


SETTINGS_CHECKS = (Check("configuration", "settings", _check_settings, ConfigError.exit_code),)
"""Runs before the checks that use the settings."""

CHECKS = (
    Check("service", "network", _check_network, EdgeError.exit_code),
    Check("service", "unit", _check_unit, EdgeError.exit_code),
    Check("service", "status", _check_status, EdgeError.exit_code),
)
