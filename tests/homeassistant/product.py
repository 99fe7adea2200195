"""The product as a process of its own, with a drawn camera, and its settings."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

from ports import free_port

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
TOKEN = "a-token-of-the-bench-0123456789"  # noqa: S105  # of a page on the loopback interface
SETTINGS = """\
[source]
use = "/dev/video0"
reopen = true
rotate = 0
fps = 10.0
picture_timeout_s = 0.0
[log]
path = "{folder}/log.jsonl"
[page]
enabled = true
port = {page}
token_file = "{folder}/web-token"
[mqtt]
host = "127.0.0.1"
port = {broker}
username = "camera"
password_file = "{folder}/mqtt-password"
device_id = "bench"
device_name = "Camera hall"
queue = "{folder}/queue"
"""


class Product:
    """`edge-emotion run` with a drawn camera.

    Args:
        folder: where its settings and its files are.
        broker: the broker's port.
        password: of the broker's user `camera`.
    """

    def __init__(self, folder: Path, *, broker: int, password: str) -> None:
        self._folder = folder
        self._camera = folder / "camera"
        self._process: subprocess.Popen[bytes] | None = None
        page = free_port()
        self.page_url = f"http://127.0.0.1:{page}"
        self._settings = SETTINGS.format(folder=folder, page=page, broker=broker)
        for name, secret in (("mqtt-password", password), ("web-token", TOKEN)):
            (folder / name).touch(mode=0o600)
            (folder / name).write_text(f"{secret}\n")
        self.show("empty")

    def show(self, what: str) -> None:
        """Let the camera show a `face` or an `empty` room, or be `gone`."""
        new = self._camera.with_suffix(".new")
        new.write_text(what)
        new.replace(self._camera)

    def start(self, more: str = "") -> None:
        """Start it with further sections of settings, unless it runs."""
        if self._process is not None and self._process.poll() is None:
            return
        config = self._folder / "edge.toml"
        config.write_text(self._settings + more)
        command = [sys.executable, str(HERE / "drawn_camera.py"), str(self._camera), "run", "--config", str(config)]
        with (self._folder / "output.txt").open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603  # our own command
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=REPOSITORY,
                env=os.environ | {"PYTHONPATH": str(REPOSITORY), "XDG_STATE_HOME": str(self._folder / "state")},
            )

    def stop(self) -> None:
        """End it in an orderly way."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self.crash()
            self._process = None

    def crash(self) -> None:
        """Kill it, as the kernel does when there is no memory left."""
        self._process.kill()
        self._process.wait()
        self._process = None

    def freeze(self) -> None:
        """Stop its execution without ending it, as when a board hangs: it keeps its connections and is silent."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def events_since(self, time: datetime) -> Counter[str]:
        """Return how often each event is in the log after a time."""
        lines = [json.loads(line) for line in (self._folder / "log.jsonl").read_text().splitlines()]
        return Counter(line["event"] for line in lines if datetime.fromisoformat(line["time"]) > time)

    def last_line(self) -> str:
        """Return the last line that it has written to the terminal."""
        return (self.output().strip().splitlines() or ["no output"])[-1]

    def output(self) -> str:
        """Return what it has written to the terminal so far."""
        return (self._folder / "output.txt").read_text(errors="replace")
