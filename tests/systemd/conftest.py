"""A release to install from, and a folder to install it into: the installer runs as it does on a Pi.

The release's lock names one wheel, which lets the new environment see the packages of the Python that runs the tests: so
its self-test is the real one, and an installation takes two seconds.
"""

import base64
import ensurepip
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PYTHON = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """Folder with a wheel that makes the packages of this Python visible, and with pip."""
    folder = tmp_path_factory.mktemp("wheels")
    files = {
        "borrowed.pth": sysconfig.get_path("purelib"),
        "borrowed-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: borrowed\nVersion: 1\n",
        "borrowed-1.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {name: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()) for name, text in files.items()}
    record = "".join(f"{name},sha256={digest.decode().rstrip('=')},\n" for name, digest in digests.items())
    with zipfile.ZipFile(folder / "borrowed-1-py3-none-any.whl", "w") as archive:
        for name, text in (files | {"borrowed-1.dist-info/RECORD": record}).items():
            archive.writestr(name, text)
    for place in (Path(ensurepip.__file__).parent / "_bundled", Path("/usr/share/python-wheels")):
        for pip in place.glob("pip-*.whl"):
            shutil.copy(pip, folder)
    return folder


@pytest.fixture(scope="session")
def release(tmp_path_factory, wheels):
    """Return a function that lays out a release of a version, each time in a folder of its own."""

    def lay_out(version="1.0.0"):
        folder = tmp_path_factory.mktemp("release")
        for name in ("edge", "systemd"):
            shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "models").mkdir()
        for name in ("README.md", "LICENSE", "models/edge_small.tflite", "models/edge_small.json"):
            shutil.copy(REPOSITORY / name, folder / name)
        (folder / "edge" / "__init__.py").write_text(f'"""The product."""\n\n__version__ = "{version}"\n')
        wheel = next(wheels.glob("borrowed*")).read_bytes()
        lock = f"borrowed==1 \\\n    --hash=sha256:{hashlib.sha256(wheel).hexdigest()}\n"
        (folder / "edge" / "requirements.txt").write_text(lock)
        return folder

    return lay_out


@pytest.fixture(scope="session")
def machine(tmp_path_factory):
    """Folder of small programs that stand for a Pi's: a 64-bit system whose Python has no numpy, as on a fresh Lite."""
    folder = tmp_path_factory.mktemp("machine")
    put_program(folder / "dpkg", "echo arm64")
    put_program(folder / "python3", f'case "$*" in *"import numpy"*) ;; *) exec {PYTHON} "$@" ;; esac')
    return folder


def put_program(path, script):
    """Write a shell script that can be run."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def stubs(tmp_path):
    """Return a function that puts a small program of that name in front of the machine's own."""
    folder = tmp_path / "stubs"
    folder.mkdir()
    return lambda name, script: put_program(folder / name, script)


@pytest.fixture
def place(tmp_path):
    """The folder that stands for the machine's root."""
    return tmp_path / "root"


def environment_of(place, machine, *before):
    """What the scripts are told through the environment."""
    path = ":".join(map(str, (*before, machine, os.environ["PATH"])))
    return os.environ | {"DESTDIR": str(place), "PYTHON": str(machine / "python3"), "PATH": path, "OMP_NUM_THREADS": "1"}


@pytest.fixture
def environment(tmp_path, place, machine, stubs):  # noqa: ARG001  # the stubs' folder is in front
    """As above, for this test."""
    return environment_of(place, machine, tmp_path / "stubs")


@pytest.fixture
def install(environment, wheels):
    """Return a function that runs a release's installer, or another of its scripts."""

    def run(folder, *options, script="install.sh", **variables):
        given = ("--wheels", wheels) if script == "install.sh" else ()
        return start(folder / "systemd" / script, *given, *options, environment=environment | variables)

    return run


def start(*words, environment):
    """Run a script; the result has what it printed."""
    return subprocess.run(  # noqa: S603  # our own script
        list(map(str, words)), env=environment, capture_output=True, text=True, check=False, timeout=100
    )


@pytest.fixture(scope="session")
def first_installation(tmp_path_factory, machine, release, wheels):
    """Root with version 1.0.0, and what the installer printed; made once, tests work on copies."""
    place = tmp_path_factory.mktemp("installed") / "root"
    done = start(release() / "systemd/install.sh", "--wheels", wheels, environment=environment_of(place, machine))
    assert done.returncode == 0, done.stderr
    return place, done.stdout


@pytest.fixture
def installed(first_installation, place):
    """Name of the version that is installed in `place`."""
    shutil.copytree(first_installation[0], place, symlinks=True)
    return current(place)


def current(place):
    """Name of the version that runs."""
    return (place / "opt/edge-emotion/current").readlink().name


def tree(place):
    """Each path below, with what it holds; byte code, which a run leaves, is no part of it."""
    return {
        str(path.relative_to(place)): path.readlink() if path.is_symlink() else path.is_file() and path.read_bytes()
        for path in place.rglob("*")
        if "__pycache__" not in path.parts and "site-packages" not in path.parts
    }
