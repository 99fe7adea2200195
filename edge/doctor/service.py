"""Checks the systemd unit: whether it runs, and what ended it last."""

from edge.doctor.check import QUICK_S, Check
from edge.doctor.context import INSTALLED, UNIT, Context
from edge.doctor.finding import Finding, ok, warning
from edge.doctor.programs import ask
from edge.errors import EdgeError

_JOURNAL = f"journalctl -u {UNIT} -n 20 --no-pager says why"

_PROPERTIES = (
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "Result",
    "ExecMainStatus",
    "NRestarts",
    "MainPID",
)


def unit_facts() -> dict[str, str]:
    """Return what systemd says of the unit; nothing where there is no systemd."""
    answer = ask(["systemctl", "show", UNIT, f"--property={','.join(_PROPERTIES)}"], limit_s=QUICK_S / 2)
    if answer is None or answer.exit_code != 0:
        return {}
    return {key: value for key, _, value in (line.partition("=") for line in answer.output.splitlines())}


def _unit(context: Context) -> Finding:
    """Nothing here is a failure: what a unit has met says nothing on whether it would run now."""
    facts = unit_facts()
    if not facts:
        return ok("no systemd to ask")
    if facts.get("LoadState") != "loaded":
        if context.at(INSTALLED).exists():
            return warning(f"expected {UNIT}, found it {facts.get('LoadState', 'unknown')}", "sudo make install")
        return ok("not installed")
    return _state(facts)


def _state(facts: dict[str, str]) -> Finding:
    state = facts.get("ActiveState", "unknown")
    restarts = int(facts.get("NRestarts") or 0)
    if state == "failed":
        why = f"{facts.get('Result')}, exit code {facts.get('ExecMainStatus')}"
        return warning(f"{UNIT} has failed ({why})", f"{_JOURNAL}; then sudo systemctl restart {UNIT}")
    if state not in {"active", "activating", "reloading"}:
        return warning(f"{UNIT} is {state}", f"sudo systemctl enable --now {UNIT}")
    if restarts:
        return warning(f"{UNIT} is {state}, restarted {restarts} times", _JOURNAL)
    if facts.get("UnitFileState") not in {"enabled", "enabled-runtime", "static"}:
        return warning(f"{UNIT} is {state}, but will not start with the machine", f"sudo systemctl enable {UNIT}")
    return ok(f"{UNIT} is {state} ({facts.get('SubState')})")


CHECKS = (Check("service", "unit", _unit, EdgeError.exit_code),)
