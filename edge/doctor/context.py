"""What the checks look at: everything that a test replaces by a small real thing."""

import getpass
import os
import platform
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ConfigError

if TYPE_CHECKING:
    from edge.settings import Settings  # needs msgspec: whether that is there is for a check to say

INSTALLED = "opt/edge-emotion/current"
INSTALLER = f"sudo /{INSTALLED}/systemd/install.sh"
INSTALLED_CONFIG = "etc/edge-emotion/edge.toml"
UNIT = "edge-emotion.service"


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose rights are meant. groups: numbers of all groups."""

    name: str
    uid: int
    groups: frozenset[int]

    def may(self, path: Path, mode: int) -> bool:
        """Whether `path` may be used so; mode: the sum of 4 read, 2 write, 1 enter.

        Raises:
            OSError: the path cannot be looked at.
        """
        if self.uid == 0:
            return True
        facts = path.stat()
        place = 6 if facts.st_uid == self.uid else 3 if facts.st_gid in self.groups else 0
        return (facts.st_mode >> place) & mode == mode


def _current_identity() -> Identity:
    uid = os.geteuid()
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container's user need not have a name
        name = str(uid)
    return Identity(name, uid, frozenset([os.getegid(), *os.getgroups()]))


@dataclass(frozen=True)
class Context:
    """The machine and what was asked for.

    config: the settings' file; None: the installed one, where there is one.
    root: where /proc, /sys, /etc, /dev and /run are looked for.
    architecture: the kernel's. pointer_bits: of this Python, so of the programs that are installed.
    """

    config: Path | None = None
    root: Path = Path("/")
    identity: Identity = field(default_factory=_current_identity)
    architecture: str = field(default_factory=platform.machine)
    pointer_bits: int = struct.calcsize("P") * 8
    python: tuple[int, int] = sys.version_info[:2]
    statvfs: Callable[[Path], os.statvfs_result] = os.statvfs

    def at(self, path: str) -> Path:
        """Return the place of an absolute path under `root`."""
        return self.root / path.lstrip("/")

    def at_working(self, path: str) -> Path:
        """Return the place of a path as the settings have it: under `root`, or in the working directory."""
        return self.at(path) if path.startswith("/") else Path(path).expanduser()

    @cached_property
    def config_path(self) -> Path | None:
        """The settings' file that would be read; None: the defaults hold."""
        installed = self.at(INSTALLED_CONFIG)
        return self.config or (installed if installed.exists() else None)

    @cached_property
    def settings(self) -> "Settings":
        """The settings, or the defaults where they cannot be read: a check of its own says so."""
        from edge.config import read_settings  # noqa: PLC0415  # as above
        from edge.settings import Settings  # noqa: PLC0415  # as above

        try:
            return read_settings(self.config_path) if self.config_path else Settings()
        except ConfigError:
            return Settings()

    def text(self, path: str) -> str | None:
        """Return the content of a small file; None where there is none."""
        try:
            return self.at(path).read_text(encoding="utf-8", errors="replace").strip("\0\n ")
        except OSError:
            return None
