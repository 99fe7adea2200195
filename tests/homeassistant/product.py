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
DEVICE_ID = "bench"
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
device_id = "{device_id}"
device_name = "Camera hall"
password_file = "{folder}/mqtt-password"
queue = "{folder}/queue"
"""
BROKER = """\
host = "127.0.0.1"
port = {port}
username = "camera"
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
        self._camera, self._config = folder / "camera", folder / "edge.toml"
        self._process: subprocess.Popen[bytes] | None = None
        page = free_port()
        self.page_url = f"http://127.0.0.1:{page}"
        self._settings = SETTINGS.format(folder=folder, page=page, device_id=DEVICE_ID)
        self._broker = BROKER.format(port=broker)
        self._environment = os.environ | {
            "PYTHONPATH": str(REPOSITORY),
            "XDG_RUNTIME_DIR": str(folder / "runtime"),
            "XDG_STATE_HOME": str(folder / "state"),
        }
        self._store("web-token", TOKEN)
        self.set_password(password)
        self.show("empty")

    def show(self, what: str) -> None:
        """Let the camera show a `face` or an `empty` room, or be `gone`."""
        new = self._camera.with_suffix(".new")
        new.write_text(what)
        new.replace(self._camera)

    def set_password(self, password: str) -> None:
        """Store the password for the broker."""
        self._store("mqtt-password", password)

    def configure(self, more: str = "", *, broker: str = "") -> None:
        """Write its settings.

        Args:
            more: further lines of `[mqtt]`, and further sections.
            broker: lines of `[mqtt]` that name another broker.
        """
        self._config.write_text(self._settings + (broker or self._broker) + more)

    def start(self, more: str = "", *, broker: str = "") -> None:
        """Start it with these settings, as `configure` takes them, unless it runs."""
        if self._process is not None and self._process.poll() is None:
            return
        self.configure(more, broker=broker)
        drawn = [sys.executable, str(HERE / "drawn_camera.py"), str(self._camera)]
        command = [*drawn, "run", "--config", str(self._config)]
        with (self._folder / "output.txt").open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603  # our own command
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=REPOSITORY,
                env=self._environment,
            )

    def doctor(self) -> str:
        """Return what `edge-emotion doctor` prints, with the settings that were written last."""
        return self._command("doctor", "--no-camera", "--config", str(self._config))

    def status(self) -> str:
        """Return what `edge-emotion status` prints."""
        return self._command("status")

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

    def _command(self, *words: str) -> str:
        command = [sys.executable, "-m", "edge", *words]
        environment = self._environment | {"COLUMNS": "500"}  # else the table's lines would be folded
        done = subprocess.run(  # noqa: S603  # the product itself
            command, check=False, capture_output=True, text=True, cwd=REPOSITORY, env=environment
        )
        return done.stdout + done.stderr

    def _store(self, name: str, secret: str) -> None:
        (self._folder / name).touch(mode=0o600)
        (self._folder / name).write_text(f"{secret}\n")
