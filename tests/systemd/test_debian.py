"""The Debian package is one that Debian's own tools find nothing wrong with, and installs as the installer does."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from roots import REPOSITORY, start

TOOLS = Path(os.environ.get("EDGE_EMOTION_DIST_TOOLS", REPOSITORY / ".venv-dist/bin"))
DEBIAN = REPOSITORY / "systemd" / "debian"


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """The package for this machine and this Python."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb is not installed: sudo apt install dpkg")
    if not (TOOLS / "cyclonedx-py").exists():
        pytest.skip(f"{TOOLS} has no tools for the release: make .venv-dist/ready")
    out = tmp_path_factory.mktemp("deb")
    python = f"3.{sys.version_info.minor}"
    settings = {"MACHINE": platform.machine(), "PYTHONS": python, "OUT": str(out), "TOOLS": str(TOOLS)}
    done = start(DEBIAN / "build.sh", environment=os.environ | settings)
    if "found what pip says above" in done.stderr:
        pytest.skip("pip cannot reach the packages of the lock")
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.deb"))


def ask(*words):
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True).stdout  # noqa: S603


def test_it_says_what_it_needs(package):
    """The Pythons that have wheels, apt's numpy in place of its own, and the camera's package where there is one."""
    control = ask("dpkg-deb", "--field", package)
    assert "Depends: python3 (>= 3.11), python3 (<< 3.14), python3-venv, python3-numpy\n" in control
    assert "Recommends: python3-picamera2\n" in control
    files = ask("dpkg-deb", "--contents", package)
    assert "/wheels/opencv_python_headless" in files
    assert "/wheels/numpy" not in files


@pytest.mark.skipif(shutil.which("lintian") is None, reason="lintian is not installed: sudo apt install lintian")
def test_lintian_finds_nothing(package):
    """But for the exceptions in `lintian-overrides`, each with its reason."""
    found = start("lintian", "--allow-root", "--fail-on", "warning", package, environment=os.environ)
    assert found.stdout == ""
    assert found.returncode == 0, found.stderr


def test_what_dpkg_unpacks_is_installed_by_the_installer(package, environment, place, tmp_path, first_installation):
    """Unit and command are dpkg's; program, configuration and drop-ins are the installer's."""
    ask("dpkg-deb", "--extract", package, tmp_path / "unpacked")
    unpacked = tmp_path / "unpacked"
    shutil.copytree(first_installation[0], place, symlinks=True)
    for path in ("etc/systemd/system/edge-emotion.service", "usr/local/bin/edge-emotion"):
        (place / path).unlink()
    script = unpacked / "usr/share/edge-emotion/systemd/install.sh"
    done = start(script, "--packaged", "--dry-run", environment=environment)
    assert done.returncode == 0, done.stderr
    assert f"installing Python packages from {script.parents[1]}/wheels" in done.stdout
    assert "linking the command" not in done.stdout
    assert (unpacked / "usr/lib/systemd/system/edge-emotion.service").exists()
    assert str((unpacked / "usr/bin/edge-emotion").readlink()) == "/opt/edge-emotion/current/venv/bin/edge-emotion"


def test_a_packaged_installation_leaves_unit_and_command_to_dpkg(install, release, place, installed):  # noqa: ARG001
    """It would otherwise hide them behind its own."""
    paths = [place / "etc/systemd/system/edge-emotion.service", place / "usr/local/bin/edge-emotion"]
    for path in paths:
        path.unlink()
    assert install(release(), "--packaged").returncode == 0
    assert not any(path.exists() or path.is_symlink() for path in paths)
