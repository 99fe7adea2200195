"""Runs a Mosquitto broker for the measurement, and records its CPU time and memory."""

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
"""The configuration of docs/fleet.md, without users and encryption."""

_TICKS = os.sysconf("SC_CLK_TCK")


class MeasuredBroker:
    """A broker on a free port of the loopback interface.

    Attributes:
        port: TCP port.
        cpu_s: CPU time until the last stop, s.
        peak_mb: peak resident memory until the last stop, MB.
    """

    def __init__(self, folder: Path) -> None:
        """Start the broker.

        Args:
            folder: for its configuration and its persistent state.

        Raises:
            SinkError: Mosquitto is not installed.
        """
        with socket.socket() as connection:
            connection.bind(("127.0.0.1", 0))
            self.port = connection.getsockname()[1]
        self._config = folder / "mosquitto.conf"
        user_line = "user root\n" if os.geteuid() == 0 else ""
        self._config.write_text(user_line + _CONFIG.format(port=self.port, folder=folder))
        self._program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin")
        if self._program is None:
            raise SinkError("expected the program mosquitto, found none: make setup-system")
        self.cpu_s = 0.0
        self.peak_mb = 0.0
        self.start()

    def start(self) -> None:
        """Start the broker and wait until it accepts connections."""
        self._process = subprocess.Popen([str(self._program), "-c", self._config])
        while True:
            with socket.socket() as connection:
                if connection.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)

    def stop(self) -> None:
        """Record CPU time and memory, and stop the broker."""
        self._record_usage()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()

    def _record_usage(self) -> None:
        process = Path(f"/proc/{self._process.pid}")
        fields = (process / "stat").read_text().rpartition(") ")[2].split()
        self.cpu_s += (int(fields[11]) + int(fields[12])) / _TICKS
        memory = next(line for line in (process / "status").read_text().splitlines() if line.startswith("VmHWM"))
        self.peak_mb = max(self.peak_mb, int(memory.split()[1]) / 1024)
