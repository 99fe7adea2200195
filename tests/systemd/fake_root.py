"""Runs the project's scripts on a folder in place of the machine's root."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PYTHON = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"


def put_program(path, script):
    """Write an executable shell script."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def environment_of(place, machine, *before):
    """Return the environment variables for the scripts; the folders `before` and `machine` come first on the path."""
    path = ":".join(map(str, (*before, machine, os.environ["PATH"])))
    return os.environ | {
        "DESTDIR": str(place),
        "PYTHON": str(machine / "python3"),
        "PATH": path,
        "OMP_NUM_THREADS": "1",
    }


def start(*words, environment, folder=None):
    """Run a script, in `folder` or here, and return the completed process with its output."""
    return subprocess.run(  # noqa: S603  # our own script
        list(map(str, words)), env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=250
    )


def current(place):
    """Return the name of the current version."""
    return (place / "opt/edge-emotion/current").readlink().name


def tree(place):
    """Return the content of each file below `place` by path, without byte code and installed packages."""
    return {
        str(path.relative_to(place)): path.readlink() if path.is_symlink() else path.is_file() and path.read_bytes()
        for path in place.rglob("*")
        if "__pycache__" not in path.parts and "site-packages" not in path.parts
    }
