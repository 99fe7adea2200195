"""Runs the product through a script: starts it like systemd, causes faults from outside, and records what comes out."""

import gzip
import json
import mmap
import os
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

import msgspec
from mosquitto import Listener, Mosquitto
from ports import free_port
from script import Script
from usage import Sample, take_sample
from viewers import Viewers
from waiting import wait_for

from edge.errors import ServiceError
from edge.sinks.log.rotated_names import rotated_files
from edge.status import Status, query_status

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]

SETTINGS = """\
[source]
use = "/dev/video0"
reopen = true
rotate = 0
width = 320
height = 240
fps = 4.0
[schedule]
idle_fps = 0.2
[log]
path = "{folder}/readings.jsonl"
on_error = "retry"
summary_interval_s = 600.0
rotate_mb = 0.02
keep_free_mb = 0.0
[privacy]
retention_days = {retention}
[page]
enabled = true
port = {page}
[metrics]
enabled = true
port = {metrics}
[mqtt]
host = "127.0.0.1"
port = {broker}
device_id = "soak"
state_interval_s = 60.0
"""

RETENTION_DAYS = 3.0
"""How long a line of a rotated log is kept, days."""

SAMPLE_S = 0.2
"""Real time between two samples, s."""

REPLY_S = 60.0
"""Longest real time to wait for something that needs no simulated time, s."""


@dataclass(slots=True)
class Record:
    """The output of a simulation, to compare with its script.

    Attributes:
        samples: memory, threads and files, by time.
        lines: the log's lines in order, those of rotated files first.
        readings: the messages with readings, in order of arrival, repetitions included.
        state, availability: the retained state before the end, and the retained availability after it.
        status: the status before the end.
        during: the status at the end of each disk that was full, and of each broker that was gone.
        metrics: the metrics before the end, by name and labels.
        viewed: bytes that each group of viewers received, by path.
        kept_days: age of the oldest rotated file at the end, days; 0 if there is none.
        journal: what the processes wrote to the journal, line by line.
        exits: exit codes of processes that ended although nobody had killed them.
        real_s: duration, real s.
    """

    samples: list[Sample] = field(default_factory=list)
    lines: list[dict[str, object]] = field(default_factory=list)
    readings: list[dict[str, object]] = field(default_factory=list)
    state: dict[str, object] = field(default_factory=dict)
    availability: str = ""
    status: Status | None = None
    during: list[tuple[str, Status]] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    viewed: list[dict[str, int]] = field(default_factory=list)
    kept_days: float = 0.0
    journal: list[str] = field(default_factory=list)
    exits: list[int] = field(default_factory=list)
    real_s: float = 0.0


class Simulation:
    """One run of a script.

    Args:
        script: what happens.
        folder: for the settings and all files.
        on_progress: called every `SAMPLE_S` with the simulated and the real time since the start, s.
    """

    def __init__(self, script: Script, folder: Path, *, on_progress: Callable[[float, float], None]) -> None:
        self.record = Record()
        self._script, self._folder, self._on_progress = script, folder, on_progress
        self._log = folder / "readings.jsonl"
        self._archived: dict[str, list[dict[str, object]]] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._viewers: Viewers | None = None
        self._is_over = threading.Event()

    def run(self) -> Record:
        """Run the whole script, and return what came out."""
        began_s = time.monotonic()
        with ExitStack() as stack:
            self._set_up(stack)
            sampler = threading.Thread(target=self._sample, args=(began_s,), daemon=True)
            sampler.start()
            try:
                start_s = 0.0
                while start_s < self._script.seconds:
                    start_s = self._run_process(start_s)
            finally:
                self._is_over.set()
                sampler.join()
            wait_for(lambda: self._listener.payloads("/availability")[-1] == "offline")
            self.record.availability = self._listener.payloads("/availability")[-1]
            self.record.readings = self._listener.readings()
        self._collect()
        self.record.lines = [line for _, lines in sorted(self._archived.items()) for line in lines]
        self.record.lines += _read_lines(self._log)
        self.record.real_s = time.monotonic() - began_s
        return self.record

    def _set_up(self, stack: ExitStack) -> None:
        self._broker = Mosquitto(self._folder, "set_tcp_nodelay true")
        stack.callback(self._broker.close)
        self._broker.start()
        self._listener = Listener(self._broker.port)
        stack.callback(self._listener.close)
        self._page, self._metrics = free_port(), free_port()
        settings = SETTINGS.format(
            folder=self._folder,
            page=self._page,
            metrics=self._metrics,
            broker=self._broker.port,
            retention=RETENTION_DAYS,
        )
        (self._folder / "edge.toml").write_text(settings)
        (self._folder / "script.json").write_bytes(msgspec.json.encode(self._script))
        journal, self._journal = os.pipe()  # a file would be as full as the log's disk
        reader = threading.Thread(target=self._read_journal, args=(journal,), daemon=True)
        reader.start()
        stack.callback(reader.join)
        stack.callback(os.close, self._journal)
        notify = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        notify.bind(str(self._folder / "notify"))  # nobody reads: systemd may be busy, too
        self._time_file = os.memfd_create("time")
        stack.callback(os.close, self._time_file)
        os.truncate(self._time_file, 8)
        self._time = mmap.mmap(self._time_file, 8)
        stack.callback(self._time.close)
        stack.callback(self._kill)

    @property
    def _now_s(self) -> float:
        now_s: float = struct.unpack_from("d", self._time)[0]
        return now_s

    def _run_process(self, start_s: float) -> float:
        """Run one process; return when the next one starts, s."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self._process = self._start(start_s, theirs)
            theirs.close()
            while what := self._next_request(ours):
                self._answer(what)
                if what == "killed begins":
                    return min(fault.end_s for fault in self._script.of_kind("killed") if fault.end_s > self._now_s)
                if what == "end":
                    return self._script.seconds
                ours.sendall(b"\n")
        self.record.exits.append(self._process.wait(REPLY_S))
        return self._now_s + 3.0  # RestartSec

    def _start(self, start_s: float, control: socket.socket) -> subprocess.Popen[bytes]:
        arguments = [self._folder / "script.json", start_s, control.fileno(), self._time_file]
        product = ["run", "--config", self._folder / "edge.toml"]
        null = Path(os.devnull).stat()
        environment = {
            "PYTHONPATH": str(REPOSITORY),
            "XDG_STATE_HOME": str(self._folder / "state"),
            "RUNTIME_DIRECTORY": str(self._folder),
            "NOTIFY_SOCKET": str(self._folder / "notify"),
            # The console counts as the journal, so that it has no line a second; the messages come as text.
            "JOURNAL_STREAM": f"{null.st_dev}:{null.st_ino}",
        }
        return subprocess.Popen(  # noqa: S603  # our own command
            [sys.executable, *map(str, [HERE / "simulated_device.py", *arguments, self._broker.port, *product])],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._journal,
            cwd=REPOSITORY,
            env=os.environ | environment,
            pass_fds=[control.fileno(), self._time_file],
        )

    def _read_journal(self, descriptor: int) -> None:
        with os.fdopen(descriptor, errors="replace") as journal:
            self.record.journal.extend(line.rstrip() for line in journal)

    def _next_request(self, control: socket.socket) -> str:
        """Return what the device wants to have done; empty if it has ended.

        Raises:
            TimeoutError: the device hangs, or nothing follows the script in it any more.
        """
        request, moved_s, seen_s = b"", time.monotonic(), self._now_s
        while not request.endswith(b"\n"):
            if select.select([control], [], [], SAMPLE_S)[0]:
                if not (part := control.recv(100)):
                    return ""
                request += part
            elif self._now_s > self._script.seconds + REPLY_S:
                raise TimeoutError(f"the script has ended, but the device goes on: {self.record.journal[-5:]}")
            elif self._now_s > seen_s:
                moved_s, seen_s = time.monotonic(), self._now_s
            elif time.monotonic() - moved_s > REPLY_S:
                raise TimeoutError(f"simulated time has stood still at {seen_s:.1f} s for {REPLY_S:.0f} real seconds")
        return request.decode().strip()

    def _answer(self, what: str) -> None:
        """Do what the device's script says; simulated time stands still meanwhile."""
        answers: dict[str, Callable[[], object]] = {
            "broker gone begins": self._broker.stop,
            "broker gone ends": self._restart_broker,
            "disk full begins": lambda: self._limit_files(0),
            "disk full ends": self._free_disk,
            "reload begins": self._reload,
            "killed begins": self._kill,
            "viewers begins": self._let_view,
            "viewers ends": self._end_views,
            "collect": self._collect,
            "end": self._end,
        }
        answers.get(what, lambda: None)()

    def _restart_broker(self) -> None:
        self.record.during.append(("broker gone", self._query()))
        self._listener.close()
        messages = self._listener.messages
        self._broker.start()
        self._listener = Listener(self._broker.port)
        self._listener.messages[:0] = messages

    def _limit_files(self, most_bytes: int) -> None:
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))

    def _free_disk(self) -> None:
        self.record.during.append(("disk full", self._query()))
        self._limit_files(resource.RLIM_INFINITY)

    def _reload(self) -> None:
        before = self._query()
        self._process.send_signal(signal.SIGHUP)
        wait_for(lambda: self._query().since != before.since, limit_s=REPLY_S)

    def _kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _let_view(self) -> None:
        self._viewers = Viewers(self._page)

    def _end_views(self) -> None:
        if self._viewers is not None:
            self.record.viewed.append(self._viewers.close())

    def _collect(self) -> None:
        """Read the rotated files before the retention removes them; scrape the metrics, as Prometheus does."""
        for file in rotated_files(self._log):
            name = file.path.name.removesuffix(".gz")
            if name not in self._archived:
                self._archived[name] = _read_lines(file.path)
        if self._process is not None and self._process.poll() is None:
            self._scrape()

    def _scrape(self) -> None:
        with urlopen(f"http://127.0.0.1:{self._metrics}/metrics", timeout=REPLY_S) as response:
            text = response.read().decode()
        values = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        self.record.metrics = {name: float(value) for name, value in values}

    def _end(self) -> None:
        self._collect()
        self.record.status = self._query()
        self.record.state = self._listener.states()[-1]
        kept = [file.ended for file in rotated_files(self._log) if file.ended is not None]
        now = datetime.fromisoformat(str(self.record.state["time"]))
        self.record.kept_days = (now - min(kept, default=now)) / timedelta(days=1)
        self._process.terminate()
        self.record.exits.append(self._process.wait(REPLY_S))

    def _query(self) -> Status:
        """Return the status; between the two runs of a reload nobody answers for a moment."""

        def query() -> Status | None:
            try:
                return query_status(self._folder / "status.sock")
            except ServiceError:
                return None

        return wait_for(query, limit_s=REPLY_S)

    def _sample(self, began_s: float) -> None:
        while not self._is_over.wait(SAMPLE_S):
            real_s, process = time.monotonic() - began_s, self._process
            sample = None if process is None else take_sample(process.pid, time_s=self._now_s, real_s=real_s)
            if sample is not None:
                self.record.samples.append(sample)
            self._on_progress(self._now_s, real_s)


def _read_lines(path: Path) -> list[dict[str, object]]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in content.splitlines()]
