"""The bench for Home Assistant says in one line why it cannot be set up; it needs no Home Assistant for that."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """The bench's module, with an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    spec = importlib.util.spec_from_file_location("bench_environment", HERE / "environment.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "_suitable_python", lambda: None)
    return module


@pytest.mark.parametrize(
    ("user", "advice"), [(1000, "install python3.13-venv, or run it with sudo"), (0, "sudo apt install mmdebstrap")]
)
def test_what_is_missing_is_one_line(environment, monkeypatch, user, advice):
    """Without a suitable Python, the line tells a user to get one, and root to install what unpacks a Debian."""
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "mmdebstrap" else f"/usr/bin/{name}")
    with pytest.raises(environment.SetupError) as caught:
        environment.prepare()
    text = str(caught.value)
    assert "expects Python 3.13.2 or a later 3.13, found none" in text
    assert text.endswith(advice)
    assert "\n" not in text


def test_a_failed_installation_names_its_log(environment, monkeypatch, tmp_path):
    """The line has the last error that the failed program wrote, and where the rest is."""
    (tmp_path / "mmdebstrap").write_text("#!/bin/sh\necho first\necho E: no network >&2\necho W: more >&2\nexit 1\n")
    (tmp_path / "mmdebstrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(
        environment.SetupError, match=r"^Debian trixie cannot be installed .*: E: no network \(.*log\)$"
    ):
        environment.prepare()
