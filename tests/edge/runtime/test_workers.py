"""The workers of a run start, fail and end together, and their errors reach the caller."""

import subprocess
import sys
import threading
import time

import pytest
from waiting import LIMIT_S

from edge.errors import CameraError, StuckError
from edge.runtime import workers as workers_module
from edge.runtime.queue import BoundedQueue, Policy
from edge.runtime.workers import Workers


def never():
    """Check nothing."""


def too_late():
    """Fail if the main thread was not woken before its next check."""
    raise AssertionError("the main thread was not woken")


def run(workers, *, stop=never, check=never, check_every_s=LIMIT_S):
    workers.run(stop=stop, check=check, check_every_s=check_every_s)


def worker_threads():
    return {thread.name for thread in threading.enumerate() if thread is not threading.main_thread()}


def put_numbers(queue, count):
    for number in range(count):
        queue.put(number)


def take_all(queue, into):
    while True:
        into.append(queue.get())


def test_workers_end_when_their_source_ends():
    """The end of the producer closes the queue; the consumer empties it and ends, and no item is lost."""
    queue, taken, workers = BoundedQueue(Policy.BLOCK), [], Workers()
    workers.add("put", lambda: put_numbers(queue, 100), ends=[queue])
    workers.add("take", lambda: take_all(queue, taken), ends=[queue])
    run(workers)
    assert taken == list(range(100))
    assert not worker_threads() & {"put", "take"}


def test_the_last_worker_wakes_the_main_thread():
    """`run` returns when the last worker ends, without waiting for its next check and without calling `stop`."""
    workers, over, calls = Workers(), threading.Event(), []
    workers.add("work", over.wait, ends=[])
    threading.Timer(0.1, over.set).start()
    run(workers, stop=lambda: calls.append("stop"), check=too_late)
    assert calls == []


def test_ask_stop_wakes_the_main_thread():
    """`ask_stop` from another thread takes effect at once, not with the next check."""
    workers, stop_event = Workers(), threading.Event()
    workers.add("work", stop_event.wait, ends=[])
    asker = threading.Timer(0.1, workers.ask_stop)
    asker.start()
    run(workers, stop=stop_event.set, check=too_late)
    asker.join()
    assert "work" not in worker_threads()


def test_an_error_stops_workers_without_a_queue():
    """After an error `stop` is called, which ends workers that wait for something other than a queue."""
    workers, stop_event = Workers(), threading.Event()

    def fail():
        raise CameraError("gone")

    workers.add("camera", stop_event.wait, ends=[])
    workers.add("fail", fail, ends=[])
    with pytest.raises(CameraError, match="gone"):
        run(workers, stop=stop_event.set, check=too_late)
    assert "camera" not in worker_threads()


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_no_kind_of_error_is_lost(error):
    """Even exceptions that end a thread silently are raised again by `run`."""
    workers = Workers()

    def fail():
        raise error

    workers.add("fail", fail, ends=[])
    with pytest.raises(error):
        run(workers)


@pytest.mark.usefixtures("impatient")
def test_several_stuck_threads_are_waited_for_together():
    """All threads share one deadline: a stop takes no longer for two hundred stuck ones than for one."""
    workers, release = Workers(), threading.Event()
    for number in range(200):
        workers.add(f"stuck {number}", release.wait, ends=[])
    workers.ask_stop()
    asked_at = time.monotonic()
    with pytest.raises(StuckError, match="stuck 0, stuck 1, "):
        run(workers)
    assert time.monotonic() - asked_at < 10  # one after the other they would take 20 s
    release.set()


STUCK = """
import threading
from edge.runtime.workers import Worker

Worker("hung", threading.Event().wait, ends=[], on_end=print).start()
"""


def test_a_hung_thread_does_not_keep_the_process_alive():
    """Worker threads are daemons: the process ends although one never returns."""
    done = subprocess.run([sys.executable, "-c", STUCK], timeout=LIMIT_S, check=False)  # noqa: S603  # ours
    assert done.returncode == 0


@pytest.mark.parametrize("failing", ["put", "take"])
def test_an_error_in_any_worker_ends_all_and_is_raised_again(failing):
    """If producer or consumer fails, the other one is released, and `run` raises the same error."""
    queue, workers = BoundedQueue(Policy.BLOCK), Workers()

    def fail():
        raise CameraError("gone")

    def put_forever():
        while True:
            queue.put(0)

    bodies = {"put": put_forever, "take": lambda: take_all(queue, [])}
    bodies[failing] = fail
    for name, body in bodies.items():
        workers.add(name, body, ends=[queue])
    with pytest.raises(CameraError, match="gone"):
        run(workers)
    assert not worker_threads() & {"put", "take"}


def test_a_stop_ends_the_workers():
    """After `ask_stop`, `run` calls `stop` once and returns when the workers have ended."""
    workers, stop_event, calls = Workers(), threading.Event(), []
    workers.add("work", stop_event.wait, ends=[])
    workers.ask_stop()

    def stop():
        calls.append("stop")
        stop_event.set()

    run(workers, stop=stop)
    assert calls == ["stop"]
    assert "work" not in worker_threads()


@pytest.mark.usefixtures("impatient")
def test_a_worker_that_does_not_end_is_named():
    """`run` does not wait for ever for a thread that ignores the stop; its error names the thread."""
    workers, release = Workers(), threading.Event()
    workers.add("hung", release.wait, ends=[])
    workers.ask_stop()
    with pytest.raises(StuckError, match="hung"):
        run(workers)
    release.set()


@pytest.mark.usefixtures("impatient")
def test_an_optional_worker_that_does_not_end_is_left_behind(caplog):
    """A sink whose broker does not respond does not make a complete run fail; a warning names it."""
    workers, release = Workers(), threading.Event()
    workers.add("mqtt", release.wait, ends=[], optional=True)
    workers.ask_stop()
    run(workers)
    assert [record.getMessage() for record in caplog.records] == [
        f"mqtt: did not end within {workers_module.JOIN_TIMEOUT_S:g} s: left behind"
    ]
    release.set()


@pytest.mark.usefixtures("impatient")
def test_an_optional_worker_does_not_keep_a_finished_run_alive(monkeypatch):
    """When the source has ended, a sink gets some time to deliver the rest; if it hangs, the run ends without it."""
    monkeypatch.setattr(workers_module, "FINISH_S", 0.1)
    workers, delivered, release = Workers(), threading.Event(), threading.Event()
    workers.add("read", lambda: None, ends=[])
    workers.add(
        "slow", lambda: threading.Timer(0.05, delivered.set).start() or delivered.wait(), ends=[], optional=True
    )
    workers.add("hung", release.wait, ends=[], optional=True)
    run(workers, check_every_s=0.01)
    assert delivered.is_set()
    release.set()


def test_a_failing_check_ends_the_workers():
    """An error of `check`, such as a silent camera, stops the workers and is raised by `run`."""
    workers, stop_event = Workers(), threading.Event()
    workers.add("work", stop_event.wait, ends=[])

    def check():
        raise CameraError("silent")

    with pytest.raises(CameraError, match="silent"):
        run(workers, stop=stop_event.set, check=check, check_every_s=0.01)
    assert "work" not in worker_threads()


@pytest.mark.usefixtures("impatient")
def test_the_first_error_wins_over_a_stuck_thread():
    """If a thread is stuck because another one failed, `run` raises the failure, not the stuck thread."""
    workers, release = Workers(), threading.Event()
    workers.add("hung", release.wait, ends=[])

    def fail():
        raise CameraError("cause")

    workers.add("fail", fail, ends=[])
    with pytest.raises(CameraError, match="cause"):
        run(workers)
    release.set()


def test_a_thread_that_cannot_start_stops_those_before_it(monkeypatch):
    """Where the system gives no further thread, the workers that run already are stopped and waited for."""
    workers, stop_event, start = Workers(), threading.Event(), threading.Thread.start
    before = threading.stack_size()

    def start_the_last(thread):
        start(thread)
        threading.stack_size(1 << 47)  # more than any address space

    monkeypatch.setattr(threading.Thread, "start", start_the_last)
    for name in ("first", "second", "third"):
        workers.add(name, stop_event.wait, ends=[])
    try:
        with pytest.raises(RuntimeError, match="can't start new thread"):
            run(workers, stop=stop_event.set)
    finally:
        threading.stack_size(before)
    assert stop_event.is_set()
    assert not worker_threads() & {"first", "second", "third"}
