"""Workers start, fail and end together."""

import subprocess
import sys
import threading
import time

import pytest

from edge.errors import CameraError, StuckError
from edge.runtime.crew import JOIN_TIMEOUT_S, Crew
from edge.runtime.handover import HandOver, Policy


def never():
    """A check that finds nothing wrong."""


def too_late():
    """A check that is called only where nobody has woken the main thread before."""
    raise AssertionError("the main thread slept on")


def run(crew, *, stop=never, check=never, check_every_s=5.0):
    crew.run(stop=stop, check=check, check_every_s=check_every_s)


def crew_threads():
    return {thread.name for thread in threading.enumerate() if thread is not threading.main_thread()}


def give_numbers(handover, count):
    for number in range(count):
        handover.put(number)


def take_all(handover, into):
    while True:
        into.append(handover.get())


def test_a_crew_ends_when_its_source_ends():
    """The giver's end closes the hand-over; the taker empties it and ends; nothing is lost."""
    handover, taken, crew = HandOver(Policy.BLOCKING), [], Crew()
    crew.add("give", lambda: give_numbers(handover, 100), ends=[handover])
    crew.add("take", lambda: take_all(handover, taken), ends=[handover])
    run(crew)
    assert taken == list(range(100))
    assert not crew_threads() & {"give", "take"}


def test_the_last_end_wakes_the_main_thread():
    """It need not wait for its next look around, and a run that ends by itself is not stopped."""
    crew, over, calls = Crew(), threading.Event(), []
    crew.add("work", over.wait, ends=[])
    threading.Timer(0.1, over.set).start()
    run(crew, stop=lambda: calls.append("stop"), check=too_late)
    assert calls == []


def test_a_stop_that_is_asked_for_while_it_runs_wakes_the_main_thread():
    """From another thread, as from a key, and not only when the next check is due."""
    crew, stop_event = Crew(), threading.Event()
    crew.add("work", stop_event.wait, ends=[])
    asker = threading.Timer(0.1, crew.ask_stop)
    asker.start()
    run(crew, stop=stop_event.set, check=too_late)
    asker.join()
    assert "work" not in crew_threads()


def test_an_error_stops_those_who_are_joined_to_nobody():
    """A worker that waits for something else than a hand-over is told to end, too."""
    crew, stop_event = Crew(), threading.Event()

    def fail():
        raise CameraError("gone")

    crew.add("camera", stop_event.wait, ends=[])
    crew.add("fail", fail, ends=[])
    with pytest.raises(CameraError, match="gone"):
        run(crew, stop=stop_event.set, check=too_late)
    assert "camera" not in crew_threads()


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_no_kind_of_error_is_lost(error):
    """Nor is one that Python itself would let a thread die of in silence."""
    crew = Crew()

    def fail():
        raise error

    crew.add("fail", fail, ends=[])
    with pytest.raises(error):
        run(crew)


def test_several_stuck_threads_are_waited_for_together():
    """One deadline for all: a stop takes no longer for three than for one."""
    crew, release = Crew(), threading.Event()
    for name in ("first", "second", "third"):
        crew.add(name, release.wait, ends=[])
    crew.ask_stop()
    asked_at = time.monotonic()
    with pytest.raises(StuckError, match="first, second, third"):
        run(crew)
    assert time.monotonic() - asked_at < 2 * JOIN_TIMEOUT_S
    release.set()


STUCK = """
import threading
from edge.runtime.worker import Worker

Worker("hung", threading.Event().wait, ends=[], on_end=print).start()
"""


def test_a_hung_thread_does_not_keep_the_process_alive():
    """A read that never returns ends with the process, not the other way round."""
    done = subprocess.run([sys.executable, "-c", STUCK], timeout=20, check=False)  # noqa: S603  # ours
    assert done.returncode == 0


@pytest.mark.parametrize("failing", ["give", "take"])
def test_an_error_in_any_worker_ends_the_crew_and_is_raised_again(failing):
    """Whichever side fails, the other is freed from its waiting, and the caller gets the very error."""
    handover, crew = HandOver(Policy.BLOCKING), Crew()

    def fail():
        raise CameraError("gone")

    def give_forever():
        while True:
            handover.put(0)

    bodies = {"give": give_forever, "take": lambda: take_all(handover, [])}
    bodies[failing] = fail
    for name, body in bodies.items():
        crew.add(name, body, ends=[handover])
    with pytest.raises(CameraError, match="gone"):
        run(crew)
    assert not crew_threads() & {"give", "take"}


def test_a_stop_is_passed_on_and_awaited():
    """ask_stop calls the stop function once, and run returns when the workers have ended."""
    crew, stop_event, calls = Crew(), threading.Event(), []
    crew.add("work", stop_event.wait, ends=[])
    crew.ask_stop()

    def stop():
        calls.append("stop")
        stop_event.set()

    run(crew, stop=stop)
    assert calls == ["stop"]
    assert "work" not in crew_threads()


def test_a_worker_that_does_not_end_is_named():
    """A thread that ignores the stop is not waited for for ever: the error names it."""
    crew, release = Crew(), threading.Event()
    crew.add("hung", release.wait, ends=[])
    crew.ask_stop()
    with pytest.raises(StuckError, match="hung"):
        run(crew)
    release.set()


def test_a_failing_check_ends_the_crew():
    """What the check raises (a silent camera) is what run raises, after a stop."""
    crew, stop_event = Crew(), threading.Event()
    crew.add("work", stop_event.wait, ends=[])

    def check():
        raise CameraError("silent")

    with pytest.raises(CameraError, match="silent"):
        run(crew, stop=stop_event.set, check=check, check_every_s=0.01)
    assert "work" not in crew_threads()


def test_the_first_error_wins_over_a_stuck_thread():
    """Where a thread is stuck because another failed, the user is told the cause."""
    crew, release = Crew(), threading.Event()
    crew.add("hung", release.wait, ends=[])

    def fail():
        raise CameraError("cause")

    crew.add("fail", fail, ends=[])
    with pytest.raises(CameraError, match="cause"):
        run(crew)
    release.set()
