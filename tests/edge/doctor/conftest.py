"""Fixtures of the doctor's tests: a folder of real files in place of the machine's own."""

import subprocess
import sys
from dataclasses import replace

import msgspec
import pytest
from samples import make_status
from waiting import LIMIT_S

from edge.doctor.check import Context, Identity
from edge.doctor.runner import CHECKS, run_checks
from edge.service.status_server import StatusServer

NOBODY = Identity("somebody", 54321, frozenset([54321]))
"""A user with only the permissions that everybody has. Permission bits do not restrict root, so it is not used here."""

HEALTHY = {
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    "proc/meminfo": "MemTotal: 948000 kB\nMemAvailable: 700000 kB\nSwapTotal: 102396 kB\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "0\n",
    "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "1800000\n",
    "sys/class/thermal/thermal_zone0/temp": "48300\n",
    "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_CODENAME=bookworm\n',
    "run/systemd/timesync/synchronized": "",
}
"""The files of a Pi without any problem."""


@pytest.fixture
def tree(tmp_path):
    """Write files below a folder that stands for /, and return it; a content of None leaves out a healthy Pi's file."""

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
    """Write a configuration and return its path."""

    def write(text):
        path = tmp_path / "edge.toml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Install a shell script that comes before all other programs in the search path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")

    def write(name, script):
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return write


@pytest.fixture
def run_check(tree, tmp_path, monkeypatch):
    """Run the check called `name` as the command does, with time limits for a busy machine, and return its finding."""
    monkeypatch.chdir(tmp_path)
    for module in ("machine", "service"):
        monkeypatch.setattr(f"edge.doctor.{module}.QUICK_S", 3 * LIMIT_S)  # for the programs that they run
    monkeypatch.setattr("edge.device.sensors._TIMEOUT_S", LIMIT_S)

    def run(name, *, files=None, limit_s=None, **context):
        (check,) = [check for check in CHECKS if check.name == name]
        machine = Context(root=context.pop("root", None) or tree(files), **({"identity": NOBODY} | context))
        check = replace(check, limit_s=limit_s or max(check.limit_s, 3 * LIMIT_S))
        (result,) = run_checks([check], machine)
        return result.finding

    return run


@pytest.fixture
def serve_status(open_folder):
    """Let a service respond with a status of these fields, and return the root below which its socket is."""
    path = open_folder / "run/edge-emotion/status.sock"
    path.parent.mkdir(parents=True)
    servers = []

    def serve(**fields):
        status = make_status(**fields)
        servers.append(StatusServer(path, lambda: msgspec.json.encode(status)))
        return open_folder

    yield serve
    for server in servers:
        server.close()


@pytest.fixture
def start():
    """Start a Python that runs `code`, return it once it has printed a line, and end it after the test."""
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
