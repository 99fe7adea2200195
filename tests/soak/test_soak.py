"""The simulation holds for a quarter of an hour, its clock does what it says, and its checks notice what is wrong."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

HERE = Path(__file__).parent
for folder in ("edge", "edge/sinks/mqtt"):
    sys.path.append(str(HERE.parent / folder))

from mosquitto import MOSQUITTO  # noqa: E402  # the tests' folders must be on the path
from script import DAY_S, HOUR_S, Fault, Script, Visit, write_script  # noqa: E402
from simulated_device import BEGIN  # noqa: E402
from simulation import Record  # noqa: E402
from usage import Sample  # noqa: E402
from verdict import check_events, check_faces, check_mqtt, check_resources  # noqa: E402

MOODS = ((100.0, "neutral"), (160.0, "happy"))
ONE_VISIT = Script(HOUR_S, (Visit(100.0, 200.0, 0, 80.0, MOODS),), ())


@pytest.mark.slow
@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: make setup-system")
def test_a_quarter_of_an_hour():
    """People, a kill, a reload, viewers and faults of camera, broker and clock: everything that came out is right."""
    command = [sys.executable, HERE, "--short"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # ours
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 of 6 checks hold" in done.stdout


CLOCK = """
import queue, select, socket, sys, threading, time
real = time.monotonic
from simulated_clock import SimulatedClock
SimulatedClock(1000.0, 5.0).install()
began_s = real()

def work():
    for _ in range(100):
        time.sleep(36.0)
    done.put(None)

done = queue.SimpleQueue()
thread = threading.Thread(target=work)
thread.start()
ticks = 0
while True:
    try:
        done.get(timeout=0.5)
        break
    except queue.Empty:
        ticks += 1
thread.join(1.0)
left, right = socket.socketpair()
silent = select.select([left], [], [], 60.0)
right.send(b"!")
heard = select.select([left], [], [], 60.0)
threading.Event().wait(340.0)
print(ticks, thread.is_alive(), silent == ([], [], []), heard[0] == [left], time.monotonic(), time.time())
assert real() - began_s < 60.0
"""


def test_time_jumps_from_deadline_to_deadline():
    """Waits of all kinds end at their time, an hour passes in a moment, and a socket that is ready ends its wait."""
    done = subprocess.run([sys.executable, "-c", CLOCK], cwd=HERE, capture_output=True, text=True, check=True)  # noqa: S603  # ours
    assert done.stdout.split() == ["7200", "False", "True", "True", "5000.0", "5005.0"]


def test_a_script_depends_on_its_seed_alone():
    """The same seed writes the same week; no two faults overlap, and nobody comes in the dark."""
    week = write_script(3, 7)
    assert week == write_script(3, 7) != write_script(4, 7)
    assert all(before.end_s < after.start_s for before, after in pairwise(week.faults))
    assert not any(
        visit.leaves_s > night.start_s and visit.arrives_s < night.end_s
        for visit in week.visits
        for night in week.of_kind("dark")
    )


def line(time_s, event, **more):
    return {"time": datetime.fromtimestamp(BEGIN + time_s, UTC).isoformat(), "event": event, **more}


def right_record():
    """Return the correct output for `ONE_VISIT`."""
    lines = [
        line(1, "started"),
        line(103, "appeared", track=1, emotion="neutral"),
        line(161, "changed", track=1, emotion="happy"),
        line(203, "left", track=1, emotion="happy"),
        line(3600, "stopped"),
    ]
    readings = [{**sent, "id": str(number), "run": "a", "number": number} for number, sent in enumerate(lines[1:4], 1)]
    return Record(lines=lines, readings=readings, state={"faces": 0, "problem": "OFF"}, availability="offline")


def test_what_is_right_has_no_fault():
    assert not any(check(ONE_VISIT, right_record()) for check in (check_faces, check_events, check_mqtt))


@pytest.mark.parametrize(("number", "found"), [(1, "nobody"), (2, "neutral"), (3, "happy")])
def test_a_line_that_is_missing_is_noticed(number, found):
    """Without an arrival, another expression or a departure, the log shows somebody else than the script."""
    record = right_record()
    del record.lines[number]
    assert any(problem.endswith(f"found {found}") for problem in check_faces(ONE_VISIT, record))


def test_a_face_in_an_empty_hour_is_noticed():
    record = right_record()
    record.lines[4:4] = [
        line(2000, "appeared", track=2, emotion="sad"),
        line(2000.5, "left", track=2, emotion="sad"),
    ]
    assert check_faces(ONE_VISIT, record) == ["day 1, 0:33:20 for 0.5 s: expected nobody, found sad"]


def test_a_reading_that_the_broker_did_not_get_is_noticed():
    record = right_record()
    del record.readings[1]
    missing_number, missing_event = check_mqtt(ONE_VISIT, record)
    assert missing_number == "run a: expected every number up to 3, found 2"
    assert "('changed', 'happy'): 1" in missing_event


def test_gaps_steps_and_ends_are_compared():
    """A fault that the log does not name is noticed, and a start that no fault explains."""
    faults = (Fault("absent", 300.0, 400.0), Fault("clock step", 500.0, 500.0, 90.0), Fault("frozen", 600.0, 700.0))
    problems = check_events(replace(ONE_VISIT, faults=faults), right_record())
    assert [problem.split(" [")[0] for problem in problems] == [
        "expected gaps",
        "expected steps",
        "expected faults of the picture",
    ]
    record = right_record()
    record.lines.insert(4, line(3000, "started"))
    assert check_events(ONE_VISIT, record) == ["expected 1 lines started, found 2"]


def life(*, kb_a_day=0.0, threads_at_the_end=30, files_at_the_end=20):
    """Samples of a process that lives for three days, one a minute of simulated time, 1,440 a real minute."""
    return [
        Sample(
            minute * 60.0,
            minute / 24,
            1,
            round(160_000 + kb_a_day * minute / 1440),
            30 if minute < 4000 else threads_at_the_end,
            20 if minute < 4000 else files_at_the_end,
        )
        for minute in range(int(3 * DAY_S / 60))
    ]


@pytest.mark.parametrize(
    ("samples", "problems"),
    [
        (life(), []),
        (life(kb_a_day=1000), []),
        (life(kb_a_day=10_000), ["expected memory to grow by at most 3%, found 7.9%"]),
        (life(threads_at_the_end=31), ["expected threads to stay at 30, found 31"]),
        (life(files_at_the_end=21), ["expected open files to stay at 20, found 21"]),
    ],
)
def test_growth_is_noticed(samples, problems):
    """Memory may grow by 3 percent, threads and files not at all."""
    assert check_resources(ONE_VISIT, Record(samples=samples)) == problems
