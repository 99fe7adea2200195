"""Checks the service: its unit, and what it says of itself."""

from typing import TYPE_CHECKING

from edge.doctor.check import QUICK_S, Check
from edge.doctor.context import INSTALLED, INSTALLER, UNIT, Context
from edge.doctor.finding import Finding, ok, warning
from edge.doctor.programs import ask
from edge.errors import EdgeError, ServiceError

if TYPE_CHECKING:
    from edge.status import Status

_JOURNAL = f"journalctl -u {UNIT} -n 20 --no-pager says why"

_PROPERTIES = (
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "Result",
    "ExecMainStatus",
    "NRestarts",
)


def _unit_facts() -> dict[str, str] | None:
    """Return what systemd says of the unit; nothing where there is no systemd, None where it does not answer."""
    answer = ask(["systemctl", "show", UNIT, f"--property={','.join(_PROPERTIES)}"], limit_s=QUICK_S / 3)
    if answer is None:
        return {}
    if answer.exit_code is None:
        return None
    return {key: value for key, _, value in (line.partition("=") for line in answer.output.splitlines())}


def _unit(context: Context) -> Finding:
    """Nothing here is a failure: what a unit has met says nothing on whether it would run now."""
    facts = _unit_facts()
    if facts is None:
        return warning(f"expected systemd to answer within {QUICK_S / 3:.0f} s, found no answer", "try again")
    if not facts:
        return ok("no systemd to ask")
    if facts.get("LoadState") != "loaded":
        if context.at(INSTALLED).exists():
            return warning(f"expected {UNIT}, found it {facts.get('LoadState', 'unknown')}", INSTALLER)
        return ok("not installed")
    return _state(facts)


def _state(facts: dict[str, str]) -> Finding:
    state = facts.get("ActiveState", "unknown")
    restarts = int(facts.get("NRestarts") or 0)
    if state == "failed":
        why = f"{facts.get('Result')}, exit code {facts.get('ExecMainStatus')}{_last_error()}"
        return warning(f"{UNIT} has failed ({why})", f"{_JOURNAL}; then sudo systemctl restart {UNIT}")
    if state not in {"active", "activating", "reloading"}:
        return warning(f"{UNIT} is {state}", f"sudo systemctl enable --now {UNIT}")
    if restarts:
        return warning(f"{UNIT} is {state}, restarted {restarts} times{_last_error()}", _JOURNAL)
    if facts.get("UnitFileState") not in {"enabled", "enabled-runtime", "static"}:
        return warning(f"{UNIT} is {state}, but will not start with the machine", f"sudo systemctl enable {UNIT}")
    return ok(f"{UNIT} is {state} ({facts.get('SubState')})")


def _last_error() -> str:
    """Return the newest error that the unit has left in the journal, for the end of a sentence."""
    words = ["journalctl", "--unit", UNIT, "--priority", "err", "--lines", "1", "--output", "cat", "--quiet"]
    answer = ask(words, limit_s=QUICK_S / 3)
    lines = answer.output.strip().splitlines() if answer is not None else []
    return f": {lines[-1]}" if lines else ""


def _status(context: Context) -> Finding:
    status = running_service(context)
    if status is None:
        return ok("no running service answers")
    said = status.words + (f"; last error: {status.last_error}" if status.last_error else "")
    return ok(said) if status.is_well else warning(said, "edge-emotion status --watch shows how it goes on")


def running_service(context: Context) -> "Status | None":
    """Return what the running service says of itself; None where none answers."""
    from edge.status import STATUS_SOCKET, ask_status  # noqa: PLC0415  # needs msgspec: the settings' line tells

    try:
        return ask_status(context.at(str(STATUS_SOCKET)))
    except ServiceError:
        return None


CHECKS = (
    Check("service", "unit", _unit, EdgeError.exit_code),
    Check("service", "status", _status, EdgeError.exit_code),
)
