"""Runs the product's scripts on a folder that stands for a machine's root."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PYTHON = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"


def put_program(path, script):
    """Write a shell script that can be run."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def environment_of(place, machine, *before):
    """What the scripts are told through the environment."""
    path = ":".join(map(str, (*before, machine, os.environ["PATH"])))
    return os.environ | {
        "DESTDIR": str(place),
        "PYTHON": str(machine / "python3"),
        "PATH": path,
        "OMP_NUM_THREADS": "1",
    }


def start(*words, environment):
    """Run a script; the result has what it printed."""
    return subprocess.run(  # noqa: S603  # our own script
        list(map(str, words)), env=environment, capture_output=True, text=True, check=False, timeout=100
    )


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
