"""A check, the machine that it examines, and what it finds."""

import getpass
import os
import platform
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from edge.device.files import ROOT, read_text
from edge.errors import ConfigError, EdgeError, ServiceError
from edge.settings.instance import Instance

if TYPE_CHECKING:
    from edge.settings.schema import Settings
    from edge.status import Status

QUICK_S = 10.0
"""Time limit for reading some small files, or running one program, on the slowest board."""

HEAVY_S = 120.0
"""Time limit for loading OpenCV or the interpreter from an SD card, on the slowest board or an emulated one."""

CAMERA_S = 45.0
"""Time limit for opening a camera and closing it again."""

INSTALLED = "opt/edge-emotion/current"
INSTALLER = f"sudo /{INSTALLED}/systemd/install.sh"

READ, WRITE, ENTER = 4, 2, 1
"""Permission bits."""


class CheckStatus(StrEnum):
    """How a check ended. Only FAILED means that the service would not run."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check.

    Attributes:
        status: how the check ended.
        text: what was found, and what was expected if that differs.
        remedy: the command or action that fixes it; empty if there is nothing to fix.
    """

    status: CheckStatus
    text: str
    remedy: str = ""


def ok(text: str) -> Finding:
    """Return a finding without a problem."""
    return Finding(CheckStatus.OK, text)


def warning(text: str, remedy: str) -> Finding:
    """Return a finding with a problem despite which the service would run."""
    return Finding(CheckStatus.WARNING, text, remedy)


def failed(text: str, remedy: str = "") -> Finding:
    """Return a finding with a problem that keeps the service from running."""
    return Finding(CheckStatus.FAILED, text, remedy)


def from_error(error: EdgeError, status: CheckStatus = CheckStatus.FAILED) -> Finding:
    """Turn one of our errors into a finding: the message's last part, after a colon, becomes the remedy."""
    text, _, remedy = str(error).rpartition(": ")
    return Finding(status, str(error)) if not text or remedy.startswith("expected") else Finding(status, text, remedy)


@dataclass(frozen=True, slots=True)
class Identity:
    """The user whose permissions a check examines.

    Attributes:
        name: the user's name.
        uid: the user's number.
        groups: the numbers of all the user's groups.
    """

    name: str
    uid: int
    groups: frozenset[int]

    def may(self, path: Path, mode: int) -> bool:
        """Return whether the user has the permissions `mode`, a sum of READ, WRITE and ENTER, for `path`.

        Raises:
            OSError: the path does not exist, or lies in a folder that this process may not enter.
        """
        if self.uid == 0:
            return True
        stat = path.stat()
        shift = 6 if stat.st_uid == self.uid else 3 if stat.st_gid in self.groups else 0
        return (stat.st_mode >> shift) & mode == mode


def _current_identity() -> Identity:
    uid = os.geteuid()
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        name = str(uid)
    return Identity(name, uid, frozenset([os.getegid(), *os.getgroups()]))


@dataclass(frozen=True)
class Context:
    """The machine that the checks examine; a test replaces its parts by small real ones.

    Attributes:
        config: the configuration given with `--config`; None for the installed one, if there is one.
        instance: the service.
        root: the folder that holds /proc, /sys, /etc, /dev and /run.
        identity: the user.
        architecture: the kernel's.
        pointer_bits: of this Python, so of the installed programs.
        python: the version.
        statvfs: returns the free space of a file system.
    """

    config: Path | None = None
    instance: Instance = Instance()  # noqa: RUF009  # it is frozen
    root: Path = ROOT
    identity: Identity = field(default_factory=_current_identity)
    architecture: str = field(default_factory=platform.machine)
    pointer_bits: int = struct.calcsize("P") * 8
    python: tuple[int, int] = sys.version_info[:2]
    statvfs: Callable[[Path], os.statvfs_result] = os.statvfs

    def at(self, path: str | Path) -> Path:
        """Return where an absolute path is: below `root`."""
        return self.root / str(path).lstrip("/")

    def at_setting(self, path: str) -> Path:
        """Return where a path from the settings is: below `root` if it is absolute, else in the working directory."""
        return self.at(path) if path.startswith("/") else Path(path)

    def text(self, path: str) -> str | None:
        """Return the content of a small file below `root`; None if it cannot be read."""
        return read_text(self.at(path))

    @cached_property
    def config_path(self) -> Path | None:
        """The configuration that the service would read; None if it would use the defaults."""
        installed = self.at(self.instance.config)
        return self.config or (installed if installed.exists() or self.instance.name else None)

    @cached_property
    def settings(self) -> "Settings":
        """The settings, or the defaults if they cannot be read: `settings_error` then says why."""
        return self._settings[0]

    @cached_property
    def settings_error(self) -> ConfigError | None:
        """Why the settings cannot be read; None if they can."""
        return self._settings[1]

    @cached_property
    def _settings(self) -> "tuple[Settings, ConfigError | None]":
        from edge.settings.instance import for_instance
        from edge.settings.load import read_settings
        from edge.settings.schema import Settings

        try:
            settings = read_settings(self.config_path) if self.config_path else Settings()
            return for_instance(settings, self.instance), None
        except ConfigError as error:
            return Settings(), error

    @cached_property
    def service(self) -> "Status | None":
        """The running service's status; None if no service responds."""
        from edge.status import query_status

        try:
            return query_status(self.at(self.instance.socket))
        except ServiceError:
            return None


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report.

    Attributes:
        family: the group that the check belongs to, such as `camera`.
        name: the check's own name, which is unique.
        run: returns the finding and changes nothing. An exception counts as a failure.
        exit_code: the process's exit code if this is the first check that fails; see `edge/errors.py`.
        limit_s: the check fails if it takes longer, s.
        isolated: the check runs in a process of its own, because it may crash or hang where no signal reaches it.
    """

    family: str
    name: str
    run: Callable[[Context], Finding]
    exit_code: int
    limit_s: float = QUICK_S
    isolated: bool = False
