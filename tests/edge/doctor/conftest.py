"""What the tests of the doctor share: a small tree of real files in the place of the machine's own."""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from edge.doctor.catalogue import CHECKS
from edge.doctor.context import Context, Identity
from edge.doctor.runner import run_checks

NOBODY = Identity("somebody", 54321, frozenset([54321]))
"""Has no right but what everybody has. Root's rights are not bound by permission bits, so they are not used here."""

HEALTHY = {
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    "proc/meminfo": "MemTotal: 948000 kB\nMemAvailable: 700000 kB\nSwapTotal: 102396 kB\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "0\n",
    "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "1800000\n",
    "sys/class/thermal/thermal_zone0/temp": "48300\n",
    "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_CODENAME=bookworm\n',
    "run/systemd/timesync/synchronized": "",
}
"""A Pi with nothing wrong."""


@pytest.fixture
def tree(tmp_path):
    """Write files below a folder that stands for /; None removes one that the healthy Pi has."""

    def write(files=None):
        root = tmp_path / "root"
        for name, content in (HEALTHY | (files or {})).items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is not None:
                path.write_text(content)
        return root

    return write


@pytest.fixture
def config(tmp_path):
    """Write a configuration."""

    def write(text):
        path = tmp_path / "edge.toml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put a real program in the path, before all others."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")

    def write(name, script):
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return write


@pytest.fixture
def find(tree, tmp_path, monkeypatch):
    """Run the check called `name`, the way the command does, and return what it finds."""
    monkeypatch.chdir(tmp_path)

    def find(name, *, files=None, limit_s=None, **facts):
        (check,) = [check for check in CHECKS if check.name == name]
        context = Context(root=facts.pop("root", None) or tree(files), **({"identity": NOBODY} | facts))
        check = replace(check, limit_s=limit_s or check.limit_s)
        (line,) = run_checks([check], context)
        return line.finding

    return find


@pytest.fixture
def open_root():
    """A folder with a short path that every user may enter; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def start():
    """Start a Python that runs `code` until its first line is out, and end it after the test."""
    running = []

    def start(code, *arguments):
        command = [sys.executable, "-c", code, *map(str, arguments)]
        running.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))  # noqa: S603  # ours
        running[-1].stdout.readline()
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()
