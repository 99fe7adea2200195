"""SIGTERM, SIGINT and SIGHUP end the program with the right exit code and a complete log, in every state."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import LIMIT_S, wait_for

from edge.model.bundled import BUNDLED_MODEL
from edge.runtime.signals import END_WITHIN_S, Signals, Stopped
from edge.runtime.workers import JOIN_TIMEOUT_S

pytestmark = pytest.mark.slow

PROGRAM = """
import ctypes, os, pathlib, sys, threading
here, state = pathlib.Path(sys.argv.pop(1)), sys.argv.pop(1)

def reach(place):
    if place == state:
        (here / "reached").touch()
        wait_for_go()

def wait_for_go():
    while not (here / "go").exists():
        threading.Event().wait(0.02)

def hang_in_a_driver():
    mutex = ctypes.create_string_buffer(128)
    lock = ctypes.CDLL(None).pthread_mutex_lock
    lock(mutex)
    hang = sys._getframe().f_lineno + 2
    threading.Thread(target=reach_line, args=(sys._getframe(), hang), daemon=True).start()
    lock(mutex)  # no signal interrupts this

def reach_line(frame, line):
    while frame.f_lineno != line:  # this thread runs, so there the call has begun, and no signal is handled
        threading.Event().wait(0.001)
    (here / "reached").touch()

class Importing:
    def find_spec(self, name, *_):
        if name == "edge.cli.main":
            reach("importing")
        if name == "numpy":
            try:
                reach("importing numpy")
            except KeyboardInterrupt:
                raise ImportError("numpy turns every exception into this one") from None

sys.meta_path.insert(0, Importing())
import edge.__main__
from edge.runtime import signals
if state not in {"hung", "hung while running, threads waited for"}:
    signals.END_WITHIN_S = 600.0

def patch():
    import edge.pipeline.build as build, edge.pipeline.sinks as sinks, edge.runtime.workers, edge.pipeline.pipeline
    from edge.scenes.catalogue import make_scene
    from edge.sources.loop import LoopSource
    from edge.sources.scene import SceneSource

    if state != "hung while running":
        edge.runtime.workers.JOIN_TIMEOUT_S = edge.pipeline.pipeline.JOIN_TIMEOUT_S = 600.0
    build_steps = build.build_steps

    def slow_steps(settings):
        reach("building")
        if state == "hung":
            hang_in_a_driver()
        return build_steps(settings)

    build.build_steps = slow_steps
    scene = make_scene("one", width=160, height=120)
    build.open_source = lambda *_, **__: LoopSource(lambda: SceneSource(scene, live=False))  # does not end by itself

    class Log(sinks.JsonLinesLog):
        def write(self, observation):
            super().write(observation)
            if state == "running":
                (here / "reached").touch()
            elif state.startswith("hung while running"):
                hang_in_a_driver()

        def close(self):
            reach("stopping")
            super().close()

    sinks.JsonLinesLog = Log

if not state.startswith("importing"):
    patch()
edge.__main__.entry()
"""


class Program:
    """The program in a state: importing, building, hung, running, hung while running, or stopping.

    Only where it hangs, a limit of time ends it, one of the two: that of the whole program, or that of its threads.
    """

    def __init__(self, folder, state, *arguments, ignored=None):
        self.folder, self.log = folder, folder / "log.jsonl"
        config = folder / "edge.toml"
        config.write_text(f'[log]\npath = "{self.log}"\nmode = "changes"\nflush_s = 3600.0\n')
        self._output = (folder / "output").open("w+b")
        command = [sys.executable, "-c", PROGRAM, folder, state, *(arguments or ("run", "--config", config))]
        self.process = subprocess.Popen(  # noqa: S603  # ours
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            env={**os.environ, "PYTHONPATH": str(BUNDLED_MODEL.parents[1])},
            preexec_fn=ignored and (lambda: signal.signal(ignored, signal.SIG_IGN)),  # noqa: PLW1509  # no threads here
        )

    def await_state(self):
        wait_for(lambda: (self.folder / "reached").exists() or self.process.poll() is not None)

    def send(self, number):
        self.process.send_signal(number)

    def ignored_signals(self):
        """Return the signals that the process ignores, as the kernel knows them."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        mask = int(re.search(r"SigIgn:\s*([0-9a-f]+)", status)[1], 16)
        return {number for number in STOPS if mask >> (number - 1) & 1}

    def go_on(self):
        (self.folder / "go").touch()

    @property
    def output(self):
        return (self.folder / "output").read_text()

    def events(self):
        return [json.loads(line)["event"] for line in self.log.read_text().splitlines()]

    def close(self):
        self.process.kill()
        self.process.wait()
        self._output.close()


@pytest.fixture
def start(tmp_path):
    programs = []

    def start(*words, **options):
        programs.append(Program(tmp_path, *words, **options))
        return programs[-1]

    yield start
    for program in programs:
        program.close()


STOPS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


@pytest.mark.parametrize("number", STOPS)
@pytest.mark.parametrize("state", ["importing", "importing numpy", "building"])
def test_a_run_that_is_stopped_while_it_starts_has_succeeded(start, state, number):
    """A signal before the first frame ends the program with exit code 0, without a traceback."""
    program = start(state, "run") if state == "importing" else start(state)
    program.await_state()
    program.send(number)
    assert program.process.wait(LIMIT_S) == 0
    assert program.output == ""


@pytest.mark.parametrize("number", STOPS)
def test_a_run_that_is_stopped_has_a_complete_log(start, number):
    """All lines are written, although the log collects them for an hour, and the exit code is 0."""
    program = start("running")
    program.await_state()
    program.send(number)
    assert program.process.wait(LIMIT_S) == 0
    assert (program.events()[0], program.events()[-1]) == ("started", "stopped")


@pytest.mark.parametrize("second", STOPS)
def test_a_second_signal_changes_nothing(start, second):
    """A signal that comes while a run stops neither kills it nor shortens its log."""
    program = start("stopping")
    wait_for(program.log.exists)
    wait_for(lambda: "frame" in program.output)
    program.send(signal.SIGTERM)
    program.await_state()
    program.send(second)
    program.send(second)
    program.go_on()
    assert program.process.wait(LIMIT_S) == 0
    assert program.events()[-1] == "stopped"


def test_a_start_that_hangs_in_a_driver_is_ended(start):
    """If the main thread hangs where no signal reaches it, the process ends all the same, with exit code 5."""
    program = start("hung")
    program.await_state()
    program.send(signal.SIGTERM)
    assert program.process.wait(LIMIT_S) == 5
    assert program.output == "error: expected the program to end within 1.8 s, found it busy: ended\n"


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("hung while running", rf"expected every thread to end within {JOIN_TIMEOUT_S} s, still busy: .*\blog\b"),
        ("hung while running, threads waited for", f"expected the program to end within {END_WITHIN_S} s"),
    ],
    ids=["limit of the threads", "limit of the program"],
)
def test_a_run_that_hangs_in_a_driver_is_ended(start, state, message):
    """A thread that never returns, such as that of a log on a hung disk, does not keep a stopped run: exit code 5."""
    program = start(state)
    program.await_state()
    program.send(signal.SIGTERM)
    assert program.process.wait(LIMIT_S) == 5
    assert re.search(message, program.output)


def test_a_stop_ends_within_two_seconds():
    """The threads and the source are waited for one after the other, and then the program itself is ended."""
    assert 2 * JOIN_TIMEOUT_S < END_WITHIN_S < 2


def test_nohup_is_respected(start):
    """A run that was started with SIGHUP ignored goes on when its terminal closes."""
    program = start("running", ignored=signal.SIGHUP)
    program.await_state()
    assert signal.SIGHUP in program.ignored_signals()
    assert signal.SIGTERM not in program.ignored_signals()
    program.send(signal.SIGHUP)
    program.send(signal.SIGTERM)
    assert program.process.wait(LIMIT_S) == 0


@pytest.mark.parametrize("number", STOPS)
def test_another_command_ends_with_the_signals_exit_code(start, number):
    """A command that has something to finish, such as a benchmark, ends with 128 and the signal's number."""
    program = start("building", "bench", "--seconds", "5")
    program.await_state()
    program.send(number)
    assert program.process.wait(LIMIT_S) == 128 + number
    assert "Traceback" not in program.output


def test_a_second_reload_is_left_to_the_next_run():
    """A run that ends for a reload has read its settings: what they say by then is read once more by the next run."""
    program = """
import threading
from edge.runtime.signals import Signals

signals, reloads, is_done = Signals(), [], threading.Event()
signals.install(hang_up_reloads=True)

def first():
    reloads.append("first")
    return True

def second():
    reloads.append("second")
    is_done.set()
    return True

with signals.on_stop(lambda: None, reload=first):
    signals.reload()
    signals.reload()
with signals.on_stop(lambda: None, reload=second):
    is_done.wait(%g)
print(*reloads)
"""
    run = subprocess.run(  # noqa: S603  # ours
        [sys.executable, "-c", program % LIMIT_S],
        capture_output=True,
        text=True,
        timeout=2 * LIMIT_S,
        env={**os.environ, "PYTHONPATH": str(BUNDLED_MODEL.parents[1])},
        check=False,
    )
    assert (run.stdout, run.stderr) == ("first second\n", "")


def test_only_the_first_signal_interrupts():
    """While the program handles the first signal, a second one raises nothing that would break off its end."""
    signals = Signals()
    with pytest.raises(Stopped):
        signals._handle(signal.SIGTERM, None)
    signals._handle(signal.SIGINT, None)
    assert signals.received == signal.SIGTERM
