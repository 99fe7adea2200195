"""The run clock goes with the monotonic clock, and stands still while the process is paused."""

import logging

import pytest

from edge.device.run_clock import LONGEST_STEP_S, NAMED_S, RunClock


@pytest.fixture
def system():
    """The system's monotonic clock as a list of one value, s."""
    return [1000.0]


@pytest.fixture
def clock(system):
    clock = RunClock(lambda: system[0])
    clock.tick()
    return clock


def test_it_goes_with_the_system_while_the_process_runs(clock, system):
    """With regular ticks the time that passes is the system's."""
    before_s = clock.now_s()
    for _ in range(20):
        system[0] += 0.5
        clock.tick()
    system[0] += 0.3
    assert clock.now_s() - before_s == pytest.approx(10.3)
    assert (clock.pauses, clock.paused_s) == (0, 0.0)


@pytest.mark.parametrize("is_noticed_first", [True, False])
def test_a_pause_counts_as_the_longest_step(clock, system, caplog, is_noticed_first):
    """After a pause of 12 s the clock has advanced by `LONGEST_STEP_S`, before and after the tick that notices it."""
    before_s = clock.now_s()
    system[0] += 12.0
    if is_noticed_first:
        clock.tick()
    assert clock.now_s() - before_s == pytest.approx(LONGEST_STEP_S)
    clock.tick()
    assert clock.now_s() - before_s == pytest.approx(LONGEST_STEP_S)
    assert (clock.pauses, clock.paused_s) == (1, pytest.approx(12.0 - LONGEST_STEP_S))
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "paused for 12 s" in record.getMessage()


def test_a_short_pause_is_not_logged(clock, system, caplog):
    """A step of less than `NAMED_S` is left out of the time as far as it is too long, without a message."""
    before_s = clock.now_s()
    system[0] += NAMED_S - 0.1
    clock.tick()
    assert clock.now_s() - before_s == pytest.approx(LONGEST_STEP_S)
    assert (clock.pauses, caplog.records) == (0, [])


def test_pauses_are_known_by_their_time(clock, system):
    """The part of each pause between two times counts, also that of a pause that no tick has noticed yet."""
    for step_s in (0.5, 10.0, 0.5, 20.0):
        system[0] += step_s
        clock.tick()
    system[0] += 5.0
    begin_s = 1000.0
    assert clock.paused_between(begin_s, begin_s + 0.5) == 0.0
    assert clock.paused_between(begin_s, begin_s + 4.0) == pytest.approx(3.5)
    assert clock.paused_between(begin_s, system[0]) == pytest.approx(35.0)
    assert clock.paused_between(begin_s + 11.0, begin_s + 30.0) == pytest.approx(19.0)


def test_the_time_before_the_first_tick_is_no_pause(system):
    """Building a run takes its time: the clock runs from its first tick on."""
    clock = RunClock(lambda: system[0])
    before_s = clock.now_s()
    system[0] += 30.0
    assert clock.now_s() - before_s == pytest.approx(30.0)
    clock.tick()
    assert (clock.now_s() - before_s, clock.pauses) == (pytest.approx(30.0), 0)
