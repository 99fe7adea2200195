"""A release to install from, and a folder to install it into: the installer runs as it does on a Pi.

The release's lock names one wheel, which lets the new environment see the packages of the Python that runs the tests:
so its self-test is the real one, and an installation takes two seconds.
"""

import base64
import ensurepip
import hashlib
import shutil
import sysconfig
import zipfile
from pathlib import Path

import pytest
from roots import PYTHON, REPOSITORY, current, environment_of, put_program, start


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """Folder with a wheel that makes the packages of this Python visible, and with pip."""
    folder = tmp_path_factory.mktemp("wheels")
    files = {
        "borrowed.pth": sysconfig.get_path("purelib"),
        "borrowed-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: borrowed\nVersion: 1\n",
        "borrowed-1.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
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


@pytest.fixture(scope="session")
def second_version(tmp_path_factory, first_installation, machine, release, wheels):
    """Release 1.1.0, and a root with both versions of which the first is current: to switch takes no building."""
    place = tmp_path_factory.mktemp("both") / "root"
    shutil.copytree(first_installation[0], place, symlinks=True)
    folder = release("1.1.0")
    for options in ([], ["--rollback"]):
        script = folder / "systemd/install.sh"
        done = start(script, "--wheels", wheels, *options, environment=environment_of(place, machine))
        assert done.returncode == 0, done.stderr
    return folder, place


@pytest.fixture
def newer(second_version, place):
    """Release of a version 1.1.0, which lies beside the current one in `place`, but is not current."""
    shutil.copytree(second_version[1], place, symlinks=True)
    return second_version[0]
