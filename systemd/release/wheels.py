"""Downloads the locked wheels for one machine and several Pythons, and lists them.

    python systemd/release/wheels.py --machine aarch64 --python 3.11 --python 3.13 --out FOLDER

FOLDER gets the wheels, and `packages.txt`, which lists each with its hash, in the form of a lock.
"""

import argparse
import hashlib
import re
import subprocess
import sys
from collections.abc import Collection, Iterator, Set
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename

REPOSITORY = Path(__file__).resolve().parents[2]
LOCKS = [REPOSITORY / "edge" / name for name in ("requirements.txt", "requirements-detector.txt")]
TOOLS = REPOSITORY / "systemd" / "release" / "requirements.txt"
"""The lock of the tools; its pip is included, because Raspberry Pi OS Lite may have none."""

GLIBC = range(17, 37)
"""Minor versions of glibc 2 whose wheels are accepted. Source: Bookworm has 2.36, Trixie a later one."""


def main() -> None:
    """Download and list the wheels that the command line selects."""
    parser = argparse.ArgumentParser(description="Download the locked wheels of a machine.")
    parser.add_argument("--machine", choices=["aarch64", "x86_64"], required=True)
    parser.add_argument("--python", metavar="3.N", action="append", required=True, help="may be repeated")
    parser.add_argument("--without", metavar="PACKAGE", action="append", default=["setuptools"], help="may be repeated")
    parser.add_argument("--out", metavar="FOLDER", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for python in options.python:
        wanted = options.out / f"requirements-{python}.txt"
        # pip evaluates markers for its own Python, so they are evaluated and removed here.
        wanted.write_text(re.sub(r" ; [^\\\n]*", " ", "".join(lines_for(options.machine, python, options.without))))
        if download(wanted, options.machine, python, options.out) != 0:
            sys.exit(
                f"expected a wheel of each package for Python {python} on {options.machine}, found what pip says above"
            )
        wanted.unlink()
    (options.out / "packages.txt").write_text(list_wheels(options.out))


def entries(lock: Path) -> Iterator[tuple[Requirement, str]]:
    """Yield each requirement of a lock, and its text with the hashes."""
    for text in re.findall(r"^[^\s#].*\n(?:[ ].*\n)*", lock.read_text(), flags=re.MULTILINE):
        yield Requirement(text.partition("--hash")[0].replace("\\", "").strip()), text


def lines_for(machine: str, python: str, without: Collection[str]) -> list[str]:
    """Return the lines of the locks for a machine and a Python, except those of the packages `without`, and pip's."""
    environment: dict[str, str | Set[str]] = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_version": f"{python}.0",
        "platform_machine": machine,
        "platform_system": "Linux",
        "sys_platform": "linux",
        "os_name": "posix",
    }
    locked = [
        text
        for lock in LOCKS
        for requirement, text in entries(lock)
        if requirement.name not in without and (requirement.marker is None or requirement.marker.evaluate(environment))
    ]
    return locked + [text for requirement, text in entries(TOOLS) if requirement.name == "pip"]


def download(wanted: Path, machine: str, python: str, out: Path) -> int:
    """Download the wheels with pip, and return its exit code."""
    platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in GLIBC]
    fetched = subprocess.run(  # noqa: S603  # runs pip with arguments made here
        [
            *(sys.executable, "-I", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
            *("--only-binary=:all:", "--require-hashes", "--implementation=cp", f"--python-version={python}"),
            *(*platforms, f"--platform=manylinux2014_{machine}", f"--dest={out}", f"--requirement={wanted}"),
        ],
        check=False,
    )
    return fetched.returncode


def list_wheels(folder: Path) -> str:
    """Return a line for each package with the hashes of its wheels: there may be a wheel for each Python."""
    hashes: dict[str, list[str]] = {}
    for wheel in sorted(folder.glob("*.whl")):
        name, version, _, _ = parse_wheel_filename(wheel.name)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        hashes.setdefault(f"{name}=={version}", []).append(f" --hash=sha256:{digest}")
    return "".join(f"{package}{''.join(digests)}\n" for package, digests in hashes.items())


if __name__ == "__main__":
    main()
