"""What a check says."""

from dataclasses import dataclass
from enum import StrEnum

from edge.errors import EdgeError

INSTALL_AGAIN = "install again with sudo make install, or sudo ./install.sh of the release archive"
"""Mends an installation of which something is damaged or missing."""


class Status(StrEnum):
    """How a check ended. Only what has failed keeps the service from running."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """text: what was found, and what was expected where that differs. remedy: the command or deed that mends it."""

    status: Status
    text: str
    remedy: str = ""


def ok(text: str) -> Finding:
    """Say that all is well."""
    return Finding(Status.OK, text)


def warning(text: str, remedy: str) -> Finding:
    """Say that it would run, though not as it should."""
    return Finding(Status.WARNING, text, remedy)


def failed(text: str, remedy: str = "") -> Finding:
    """Say that it would not run."""
    return Finding(Status.FAILED, text, remedy)


def from_error(error: EdgeError, status: Status = Status.FAILED) -> Finding:
    """Turn one of our errors into a finding: its message ends in a colon and the remedy, where there is one."""
    text, _, remedy = str(error).rpartition(": ")
    return Finding(status, str(error)) if not text or remedy.startswith("expected") else Finding(status, text, remedy)
