"""Names the command that installs a package into this process's Python environment, whatever made the environment."""

import importlib.util
import shlex
import shutil
import sys
import sysconfig
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
"""The folder of the package `edge`: a checkout, an installed version of the service, or site-packages."""

REINSTALL = "install again with sudo make install, or sudo ./install.sh of the release archive"
"""The remedy for an installed service with a damaged or missing part."""

APT_NAMES = {
    "luma.lcd": "python3-luma.lcd",
    "luma.oled": "python3-luma.oled",
    "Pillow": "python3-pil",
    "pygame": "python3-pygame",
    "RPi.GPIO": "python3-rpi-lgpio",
    "smbus2": "python3-smbus2",
    "spidev": "python3-spidev",
}
"""Debian's names of the optional packages that it has."""


EXTRAS = frozenset({"luma.lcd", "luma.oled", "mcp", "Pillow", "pygame", "smbus2"})
"""The packages that `make extras` installs."""


def install_command(*packages: str, is_optional: bool = False, without_dependencies: bool = False) -> str:
    """Return what a user does to install packages into this environment: a command, or for the service an instruction.

    Args:
        packages: requirements, as pip takes them.
        is_optional: whether they are for windows, small displays or assistants, which the runtime's lock does
            not have.
        without_dependencies: whether what the packages declare stays out.
    """
    if is_optional and APT_NAMES.keys() >= set(packages) and sees_system_packages():
        return "sudo apt install " + " ".join(APT_NAMES[name] for name in packages)
    if is_project_environment() and (not is_optional or EXTRAS.issuperset(packages)):
        return _make("extras") if is_optional else f"rm {shlex.quote(f'{sys.prefix}/ready')}; {_make('run')}"
    if not is_optional and (PROJECT / "systemd" / "install.sh").is_file() and not (PROJECT / "Makefile").is_file():
        return REINSTALL
    return _install_with_tool(packages, "--no-deps " if without_dependencies else "")


def uninstall_command(package: str) -> str:
    """Return the command that removes a package from this environment, so that apt's is used."""
    return f"{_pip()} uninstall {package}"


def picamera_command() -> str:
    """Return what a user does to make apt's picamera2 available in this environment."""
    apt = "sudo apt install --no-install-recommends python3-picamera2"
    if sees_system_packages():
        return apt
    if is_project_environment():
        return f"{apt}; {_make('run')}"
    return f"{apt}, and install edge-emotion into an environment made with --system-site-packages"


def is_project_environment() -> bool:
    """Return whether this is the runtime's environment in a checkout, which `make run` keeps up to date."""
    return (PROJECT / "Makefile").is_file() and Path(sys.prefix) == PROJECT / ".venv"


def _make(target: str) -> str:
    folder = "" if Path.cwd() == PROJECT else f"-C {shlex.quote(str(PROJECT))} "
    return f"make {folder}{target}"


def sees_system_packages() -> bool:
    """Return whether this environment uses the packages that apt installs."""
    try:
        lines = (Path(sys.prefix) / "pyvenv.cfg").read_text().splitlines()
    except (OSError, ValueError):
        return _is_externally_managed()
    return "include-system-site-packages = true" in lines


def _is_externally_managed() -> bool:
    """Return whether pip refuses to change this Python, because the system's package manager keeps it (PEP 668)."""
    return sys.prefix == sys.base_prefix and (Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED").is_file()


def _install_with_tool(packages: tuple[str, ...], options: str) -> str:
    words = shlex.join(packages)
    python = shlex.quote(sys.executable)
    if (Path(sys.prefix) / "pipx_metadata.json").is_file():
        arguments = f" --pip-args={options.strip()}" if options else ""
        return f"pipx inject edge-emotion {words}{arguments}"
    if (Path(sys.prefix) / "uv-receipt.toml").is_file() or (shutil.which("uv") and not _has_pip()):
        return f"uv pip install --python {python} {options}{words}"
    if _is_externally_managed():
        return "pipx install edge-emotion, since apt keeps this Python"
    return f"{_pip()} install {options}{words}"


def _pip() -> str:
    python = shlex.quote(sys.executable)
    return f"{python} -m pip" if _has_pip() else f"pip --python {python}"


def _has_pip() -> bool:
    return importlib.util.find_spec("pip") is not None
