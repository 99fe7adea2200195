"""Other users of the machine can read nothing that a run writes."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from edge.model.bundled import BUNDLED_MODEL

pytestmark = pytest.mark.slow

CONFIG = """
[source]
rotate = 0
[model]
interpreter = "{package}"
[log]
path = "log/readings.jsonl"
mode = "all"
rotate = "always"
rotate_mb = 0.01
keep_free_mb = 0
[page]
enabled = true
port = 0
[mqtt]
host = "127.0.0.1"
port = 9
queue = "queue/mqtt.sqlite"
[hook]
command = ["/bin/sh", "-c", "cat >hook.json"]
min_interval_s = 0.0
"""


def files_below(folder):
    return [Path(name, file) for name, _, files in os.walk(folder) for file in files]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], ids=oct)
def test_a_run_with_all_sinks_writes_nothing_that_others_can_read(tmp_path, interpreter_package, demo_clip, umask):
    """Log, rotated logs, queue, lock, video, what a hook writes and their folders: none has a bit for others."""
    for package in ("flask", "waitress", "paho.mqtt"):
        pytest.importorskip(package)
    config = tmp_path / "edge.toml"
    config.write_text(CONFIG.format(package=interpreter_package))
    (tmp_path / "home").mkdir()
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-m", "edge", "run", "--config", config, "--source", demo_clip, "--annotate", "out.mkv"],
        cwd=tmp_path / "home",
        env=os.environ
        | {"PYTHONPATH": str(BUNDLED_MODEL.parents[1]), "HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"},
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    home = tmp_path / "home"
    names = {path.relative_to(home).parts[0] for path in files_below(home)}
    assert {"log", "out.mkv", "queue"} <= names
    assert len(list((home / "log").iterdir())) > 2
    written = [*files_below(home), *(path for path in home.rglob("*") if path.is_dir())]
    open_to_others = {
        str(path): oct(stat.S_IMODE(path.stat().st_mode)) for path in written if path.stat().st_mode & 0o027
    }
    assert open_to_others == {}
