"""A Mosquitto of our own, and what it needs of the machine."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from edge.errors import SinkError

_CONFIG = """
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
max_queued_messages 0
log_type error
"""
"""As docs/fleet.md has it, without users and encryption."""

_TICKS = os.sysconf("SC_CLK_TCK")


class Broker:
    """A broker on a free port of loopback; it keeps what it knows in `folder`."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as line:
            line.bind(("127.0.0.1", 0))
            self.port = line.getsockname()[1]
        self._config = folder / "mosquitto.conf"
        rights = "user root\n" if os.geteuid() == 0 else ""
        self._config.write_text(rights + _CONFIG.format(port=self.port, folder=folder))
        self._program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin")
        if self._program is None:
            raise SinkError("expected the program mosquitto, found none: make setup-system")
        self.cpu_s = 0.0
        self.most_mb = 0.0
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen([str(self._program), "-c", self._config])
        while True:
            with socket.socket() as line:
                if line.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)

    def stop(self) -> None:
        """Note what it has needed, and end it."""
        self._note()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()

    def _note(self) -> None:
        process = Path(f"/proc/{self._process.pid}")
        fields = (process / "stat").read_text().rpartition(") ")[2].split()
        self.cpu_s += (int(fields[11]) + int(fields[12])) / _TICKS
        memory = next(line for line in (process / "status").read_text().splitlines() if line.startswith("VmHWM"))
        self.most_mb = max(self.most_mb, int(memory.split()[1]) / 1024)
