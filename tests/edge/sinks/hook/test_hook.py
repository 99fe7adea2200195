"""The hook runs a program for each change, one at a time, not too often, for a limited time, and without a shell."""

import json
import os
import sys
import time
from pathlib import Path

import pytest
from samples import make_observation, opened
from waiting import wait_for

from edge.errors import SinkError
from edge.pipeline.sinks import SinkContext
from edge.pipeline.sinks import new_optional_sinks as new_sinks
from edge.records import MinuteCounts
from edge.settings.schema import Settings
from edge.settings.sinks import HookSettings
from edge.sinks.hook import sink as hook_module
from edge.sinks.hook.program import OUTPUT_BYTES, Outcome, Program
from edge.sinks.hook.sink import CAPACITY, Hook, find_program


@pytest.fixture
def open_hook(tmp_path):
    """Return a function that opens a hook whose program is a Python script, and closes it after the test."""
    hooks = []

    def open_one(script="", *arguments, is_stopping=lambda: True, **settings):
        path = tmp_path / "program.py"
        path.write_text(script or APPEND.format(str(tmp_path / "events")))
        command = (sys.executable, "-S", str(path), *arguments)
        values = {"min_interval_s": 0.0, "timeout_s": 60.0} | settings
        hooks.append(opened(Hook(HookSettings(command=command, **values), is_stopping=is_stopping)))
        return hooks[-1]

    yield open_one
    for hook in hooks:
        hook._is_stopping = lambda: True  # after a failed test too, nothing is waited for
        hook.close()


APPEND = "import sys; open({!r}, 'a').write(sys.stdin.read())"
"""A program that appends its input to a file."""


def events_in(tmp_path):
    path = tmp_path / "events"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_the_program_gets_each_change_as_json(open_hook, tmp_path):
    """A face that appears, changes and leaves gives three runs, each with the event as the log has it on stdin."""
    hook = open_hook(is_stopping=lambda: False)
    for frame, faces in enumerate([("happy",), ("happy",), ("sad",), ()]):
        hook.write(make_observation(*faces, frame_index=frame, source="camera"))
    hook.close()
    found = events_in(tmp_path)
    assert [(event["event"], event["emotion"]) for event in found] == [
        ("appeared", "happy"),
        ("changed", "sad"),
        ("left", "sad"),
    ]
    assert {"time", "source", "frame", "track", "box", "confidence", "probabilities"} <= set(found[0])
    assert hook.note == f"{Path(sys.executable).name} ran 3 times, failed 0 times"
    assert (hook.error, hook.lost, hook.stored) == ("", 0, 0)


def test_only_the_chosen_events_run_the_program(open_hook, tmp_path):
    """With `events = ["left"]` the program runs only when a face leaves, also at the end of a file."""
    hook = open_hook(is_stopping=lambda: False, events=("left",))
    hook.write(make_observation("happy"))
    hook.close()
    assert [event["event"] for event in events_in(tmp_path)] == ["left"]


def test_counts_only_gives_counts_and_no_face(open_hook, tmp_path):
    """With `privacy.counts_only` the program gets the counts of the minute."""
    hook = open_hook(is_stopping=lambda: False)
    hook.write(make_observation(counts=MinuteCounts(60.0, 1800, 900, 1, {"happy": 900})))
    hook.close()
    (event,) = events_in(tmp_path)
    assert (event["event"], event["emotions"]) == ("counts", {"happy": 900})


def test_no_shell_reads_the_command(open_hook, tmp_path):
    """Arguments with a shell's signs reach the program as they are."""
    script = f"import sys; open({str(tmp_path / 'arguments')!r}, 'w').write('|'.join(sys.argv[1:]))"
    hook = open_hook(script, "$(touch evil)", "; touch evil", "*", is_stopping=lambda: False)
    hook.write(make_observation("happy"))
    hook.close()
    assert (tmp_path / "arguments").read_text() == "$(touch evil)|; touch evil|*"
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        (
            "import sys; print(1, flush=True); print('no LED at \\x1b[31mpin 17', file=sys.stderr); sys.exit(3)",
            "exit code 3",
        ),
        ("import os; os.kill(os.getpid(), 11)", "signal 11"),
    ],
)
def test_a_failure_is_counted_and_shown_until_the_next_success(open_hook, tmp_path, caplog, script, failure):
    """A program that fails is named with its exit code and the last line it printed, once in the log."""
    ok = tmp_path / "ok"
    hook = open_hook(f"import os\nif not os.path.exists({str(ok)!r}):\n    {script}", is_stopping=lambda: False)
    hook.write(make_observation("happy"))
    hook.write(make_observation("sad"))
    wait_for(lambda: hook._runner.runs == 2)
    assert failure in hook.error
    assert "no LED at ?[31mpin 17" in hook.error or "exit" not in failure
    assert "failed 2 times" in hook.note
    assert len(caplog.messages) == 1
    ok.touch()
    hook.write(make_observation("happy"))
    hook.close()
    assert hook.error == ""
    assert "ran 4 times, failed 2 times" in hook.note  # the face has left as well


def test_a_program_that_takes_too_long_is_killed_with_its_children(open_hook, tmp_path):
    """After `timeout_s` the program and the processes that it has started are killed, and the failure says so."""
    script = f"""
import subprocess, sys, time
child = subprocess.Popen(["sleep", "600"])
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
time.sleep(600)
"""
    hook = open_hook(script, is_stopping=lambda: False, timeout_s=3.0)
    hook.write(make_observation("happy"))
    wait_for(lambda: hook.error)
    assert "not done after 3 s, killed" in hook.error
    wait_for(lambda: not is_running(int((tmp_path / "pid").read_text())))


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_output_is_bounded():
    """A program that prints 50 MB is neither blocked nor kept: only the last bytes are."""
    program = Program([sys.executable, "-S", "-c", "print('x' * 50_000_000); raise SystemExit(1)"], b"")
    failure = program.wait(limit_s=60.0).failure
    assert failure.startswith("exit code 1: xxx")
    assert len(failure) < 300
    assert len(program._output) <= OUTPUT_BYTES


def test_a_program_may_ignore_its_input():
    """A large input that nobody reads is no failure."""
    assert Program(["true"], b"x" * 10_000_000).wait(limit_s=60.0).failure == ""


def test_the_services_own_variables_are_not_passed_on():
    """The program cannot speak to systemd in the service's name, and is not led to its passwords."""
    secret = {"NOTIFY_SOCKET": "/run/x", "CREDENTIALS_DIRECTORY": "/run/y", "EDGE_EMOTION_SOURCE_CREDENTIALS": "u:p"}
    environment = os.environ | secret | {"KEPT": "1"}
    script = f"import os; print(sorted({{'KEPT', *{list(secret)}}} & set(os.environ))); exit(1)"
    program = Program([sys.executable, "-c", script], b"", environment=environment)
    assert program.wait(limit_s=60.0).failure == "exit code 1: ['KEPT']"


def test_starts_keep_their_distance(open_hook, monkeypatch):
    """Between two starts there are at least `min_interval_s`; the event in between waits."""
    starts = []

    class Instant:
        def __init__(self, *_arguments):
            starts.append(time.monotonic())

        def wait(self, *, limit_s):
            return Outcome("" if limit_s else "no time")

    monkeypatch.setattr(hook_module, "Program", Instant)
    hook = open_hook(min_interval_s=0.3)
    hook.write(make_observation("happy"))
    hook.write(make_observation("sad"))
    wait_for(lambda: len(starts) == 2)
    assert starts[1] - starts[0] >= 0.29


def test_too_many_events_drop_the_oldest(open_hook, tmp_path):
    """While the program is busy, a limited number of events waits; dropped ones are counted, and the newest arrives."""
    gate = tmp_path / "gate"
    script = f"""
import os, sys, time
while not os.path.exists({str(gate)!r}):
    time.sleep(0.01)
open({str(tmp_path / "events")!r}, "a").write(sys.stdin.read())
"""
    hook = open_hook(script, is_stopping=lambda: False)
    for frame in range(CAPACITY + 11):
        hook.write(make_observation("happy" if frame % 2 else "sad", frame_index=frame))
        if not frame:
            wait_for(lambda: not hook.stored)  # the program has the first event
    assert hook.stored == CAPACITY
    assert hook.lost == 10
    gate.touch()
    hook.close()
    frames = [event.get("frame") for event in events_in(tmp_path)]
    assert frames[0] == 0
    assert frames[-2:] == [CAPACITY + 10, None]  # and the face that leaves at the end
    assert hook.lost == 10 + (frames[1] == 12)  # unless the program took one before the last event came


def test_a_stop_does_not_wait_for_the_program(open_hook):
    """When the run is stopped, a program that goes on is killed soon, and what waits is dropped and counted."""
    hook = open_hook("import time; time.sleep(600)", is_stopping=lambda: True)
    hook.write(make_observation("happy"))
    wait_for(lambda: hook._runner._program is not None)
    hook.write(make_observation("sad"))
    hook.close()
    wait_for(lambda: not hook._runner._thread.is_alive())
    assert hook.lost == 2  # the change, and the face that leaves
    assert "failed 0 times" in hook.note


@pytest.mark.parametrize("name", ["/no/such/program", "no-such-program", "notes.txt", "~/no-such-program"])
def test_an_absent_program_is_one_line(tmp_path, monkeypatch, name):
    """A program that does not exist, or may not be executed, is named before the first event."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(SinkError, match=r"hook\.command: expected a program that may be executed, found none"):
        find_program([name])


def test_the_example_lights_a_led(tmp_path):
    """The program of docs/hook.md lights the LED for a happy face alone; a stand-in for gpiozero shows what it did."""
    (tmp_path / "gpiozero.py").write_text(
        "class LED:\n"
        "    def __init__(self, pin): self.pin = pin\n"
        "    def blink(self, on_time, off_time, n, background): print(self.pin, on_time, n, background)\n"
    )
    program = Path(__file__).parents[4] / "docs" / "hook_led.py"
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    for emotion, shown in (("happy", "17 2 1 False"), ("sad", "")):
        event = json.dumps({"event": "appeared", "emotion": emotion}).encode() + b"\n"
        started = Program([sys.executable, str(program)], event, environment=environment)
        assert started.wait(limit_s=60.0).failure == ""
        assert started._output.decode().strip() == shown


def test_the_hook_is_one_of_the_optional_sinks():
    """A command in the settings makes the sink; the default does not."""
    context = SinkContext(lambda: None, None, None, ())
    settings = Settings(hook=HookSettings(command=("true",)))
    assert [sink.name for sink in new_sinks(settings, context).all] == ["hook"]
    assert new_sinks(Settings(), context).all == []
