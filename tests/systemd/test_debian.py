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


@pytest.fixture
def unpacked(package, place):
    """What dpkg has done before it calls the package's own scripts."""
    ask("dpkg-deb", "--extract", package, place)
    ask("dpkg-deb", "--control", package, place / "DEBIAN")
    return place / "usr/share/edge-emotion"


def test_unit_and_command_are_dpkgs(unpacked, environment, place, release, wheels):
    """The installer, which postinst calls, would otherwise hide them behind its own."""
    assert f"/{unpacked.relative_to(place)}/systemd/install.sh\n" in (place / "DEBIAN/postinst").read_text()
    shutil.copy(release() / "edge/requirements.txt", unpacked / "edge")  # numpy would be apt's, which is not here
    done = start(unpacked / "systemd/install.sh", "--wheels", wheels, environment=environment)
    assert done.returncode == 0, done.stderr
    assert str((place / "usr/bin/edge-emotion").readlink()) == "/opt/edge-emotion/current/venv/bin/edge-emotion"
    assert (place / "opt/edge-emotion/current/venv/bin/edge-emotion").exists()
    assert (place / "etc/edge-emotion/edge.toml").exists()
    assert not (place / "etc/systemd/system/edge-emotion.service").exists()
    assert not (place / "usr/local/bin/edge-emotion").is_symlink()


def test_only_dpkg_takes_its_package_away(unpacked, environment, place):
    """Otherwise dpkg would think that it is still there."""
    script = unpacked / "systemd/uninstall.sh"
    done = start(script, environment=environment)
    assert done.returncode == 2
    assert done.stderr.endswith("found a Debian package: sudo apt remove edge-emotion\n")
    assert f"/{script.relative_to(place)}\n" in (place / "DEBIAN/prerm").read_text()
    done = start(script, environment=environment | {"DPKG_MAINTSCRIPT_PACKAGE": "edge-emotion"})
    assert done.returncode == 0
    assert done.stdout.endswith("(sudo apt purge edge-emotion removes them)\n")
    assert (place / "usr/lib/systemd/system/edge-emotion.service").exists()
