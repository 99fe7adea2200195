"""Makes an environment with Home Assistant once, in the user's cache: of this machine's Python, or in a Debian root.

Home Assistant needs a newer Python than the product. Where this machine has none, and the bench runs as root, a minimal
Debian is unpacked, and Home Assistant runs there with `chroot`; nothing is mounted.
"""

import ast
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

VERSION = os.environ.get("EDGE_HA_VERSION", "2026.2.3")
"""Home Assistant's release: the last one for Python 3.13, which is the newest in a stable Debian."""

OLDEST_PYTHON, AFTER_PYTHON = (3, 13, 2), (3, 14)
"""The Python versions with which that release runs. Source: its package's Requires-Python and compiled dependencies."""

SUITE = "trixie"
"""The Debian release that has such a Python."""

PACKAGES = ("python3-venv", "python3-dev", "gcc", "g++", "libc6-dev", "ca-certificates", "libturbojpeg0")
"""Debian packages of the root; some dependencies are compiled, and cameras use the JPEG library."""

INTEGRATIONS = ("mqtt", "generic", "mjpeg", "recorder", "history", "automation", "onboarding", "api", "config")
"""What the bench uses, besides what Home Assistant always loads."""

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
SERVICE = Path("/srv/homeassistant")
"""Where Home Assistant is in a Debian root."""


class SetupError(Exception):
    """The bench cannot be set up; the message is the one line for the user."""


@dataclass(frozen=True)
class Environment:
    """An installed Home Assistant.

    Attributes:
        root: the Debian root in which it runs; None without one.
        home: the virtual environment, as its own processes see it.
        scratch: a folder for its configurations, as this process sees it.
    """

    root: Path | None
    home: Path
    scratch: Path

    def command(self, *words: str) -> list[str]:
        """Return the command that runs one of the environment's programs."""
        enter = ["chroot", str(self.root)] if self.root else []
        return [*enter, str(self.home / "bin" / words[0]), *words[1:]]

    def outside(self, path: Path) -> Path:
        """Return where this process finds a path of the environment's processes."""
        return self.root / path.relative_to("/") if self.root else path

    def inside(self, path: Path) -> Path:
        """Return where the environment's processes find a path of this process."""
        return Path("/") / path.relative_to(self.root) if self.root else path

    def describe(self) -> str:
        """Return the versions of Home Assistant and of its Python, and where it runs."""
        python = _output(self.command("python", "-c", "import platform; print(platform.python_version())"))
        place = f"in a Debian {SUITE} root" if self.root else "on this machine's Python"
        return f"Home Assistant {_output(self.command('hass', '--version'))} with Python {python}, {place}"


def prepare() -> Environment:
    """Return the environment; make it if it is missing or of another version.

    Raises:
        SetupError: it cannot be made.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edge-emotion" / "homeassistant"
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(
            f"{cache}: expected a folder to write to, found: {error.strerror}: set XDG_CACHE_HOME"
        ) from error
    python = _suitable_python()
    base = cache / ("venv" if python else "debian")
    if python:
        environment = Environment(None, base, cache / "scratch")
    else:
        environment = Environment(base, SERVICE, base / "srv" / "scratch")
    wanted = json.dumps([VERSION, python or [SUITE, PACKAGES], INTEGRATIONS])
    ready = base / "bench-ready"
    if not ready.is_file() or ready.read_text() != wanted:
        print(f"installing Home Assistant {VERSION} into {base} (once)…", flush=True)  # noqa: T201  # takes minutes
        log = cache / "install.log"
        log.write_bytes(b"")
        if not python:
            _unpack_debian(base, log)
        _install(environment, python or "/usr/bin/python3", log)
        ready.write_text(wanted)
    environment.scratch.mkdir(parents=True, exist_ok=True)
    return environment


def _suitable_python() -> str | None:
    """Return a Python of this machine that Home Assistant supports and that has venv; None if there is none."""
    probe = "import ensurepip, sys; print(sys.executable, *sys.version_info[:3])"
    for name in ("python3.13", "python3"):
        if shutil.which(name) is None:
            continue
        found = subprocess.run([name, "-c", probe], check=False, capture_output=True, text=True)  # noqa: S603  # fixed names
        path, *version = found.stdout.split() if found.returncode == 0 else [name, "0"]
        if OLDEST_PYTHON <= tuple(map(int, version)) < AFTER_PYTHON:
            return path
    return None


def _unpack_debian(root: Path, log: Path) -> None:
    lacking = f"Home Assistant {VERSION} expects Python 3.13.2 or a later 3.13, found none on this machine, and"
    if os.geteuid() != 0:
        raise SetupError(f"{lacking} a Debian root needs root's rights: install python3.13-venv, or run it with sudo")
    if shutil.which("mmdebstrap") is None:
        raise SetupError(f"{lacking} no mmdebstrap to unpack a Debian root: sudo apt install mmdebstrap")
    shutil.rmtree(root, ignore_errors=True)
    include = f"--include={','.join(PACKAGES)}"
    _run(["mmdebstrap", "--mode=root", "--variant=minbase", include, SUITE, str(root)], log, f"Debian {SUITE}")
    for file in (Path("/etc/resolv.conf"), Path("/etc/hosts"), CERTIFICATES):
        if file.exists():
            shutil.copyfile(file, root / file.relative_to("/"))


def _install(environment: Environment, python: str, log: Path) -> None:
    home = environment.outside(environment.home)
    shutil.rmtree(home, ignore_errors=True)
    enter = ["chroot", str(environment.root)] if environment.root else []
    _run([*enter, python, "-m", "venv", str(environment.home)], log, "a virtual environment")
    _pip(environment, log, f"homeassistant=={VERSION}")
    package = next((home / "lib").glob("python3*")) / "site-packages" / "homeassistant"
    constraints = environment.inside(package / "package_constraints.txt")
    _pip(environment, log, *_requirements(package), "--constraint", str(constraints))


def _pip(environment: Environment, log: Path, *words: str) -> None:
    quiet = ("--quiet", "--disable-pip-version-check", "--no-compile", "--root-user-action=ignore")
    _run(environment.command("python", "-m", "pip", "install", *quiet, *words), log, words[0])


def _requirements(package: Path) -> list[str]:
    """Return the packages that the integrations need, and which Home Assistant would otherwise install at run time."""
    waiting = [*INTEGRATIONS, *_always_loaded(package / "bootstrap.py")]
    known: set[str] = set()
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        manifest = package / "components" / name / "manifest.json"
        if name not in known and manifest.is_file():
            known.add(name)
            declared = json.loads(manifest.read_text())
            found.update(declared.get("requirements", []))
            waiting.extend(declared.get("dependencies", []))
    return sorted(found)


def _always_loaded(bootstrap: Path) -> list[str]:
    """Return every constant of the sets of integrations in the module that starts Home Assistant."""
    names: list[str] = []
    for statement in ast.parse(bootstrap.read_text()).body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if any(isinstance(target, ast.Name) and target.id.endswith("_INTEGRATIONS") for target in targets):
            names += [node.value for node in ast.walk(statement) if isinstance(node, ast.Constant)]
    return [name for name in names if isinstance(name, str)]


def _run(command: Sequence[str], log: Path, what: str) -> None:
    with log.open("ab") as output:
        result = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=output, stderr=output)  # noqa: S603  # our own commands
    if result.returncode != 0:
        lines = log.read_text(errors="replace").strip().splitlines() or ["nothing"]
        named = [
            line for line in lines if line.startswith(("E: ", "ERROR: "))
        ]  # apt and pip may write warnings after it
        raise SetupError(
            f"{what} cannot be installed for Home Assistant on {platform.machine()}: {(named or lines)[-1]} ({log})"
        )


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603  # our own commands
