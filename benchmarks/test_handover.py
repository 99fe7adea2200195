"""Hand-over: an item from one thread to the next."""

import threading

import pytest

from edge.runtime.handover import Closed, HandOver, Policy


@pytest.mark.parametrize("policy", list(Policy), ids=lambda policy: policy.value)
def test_put_and_get_on_one_thread(benchmark, policy):
    """The locks alone."""
    handover: HandOver[int] = HandOver(policy)

    def step():
        handover.put(1)
        return handover.get()

    benchmark(step)


def test_to_another_thread_and_back(benchmark):
    """Two hand-overs and two wake-ups, CPU of both threads."""
    there: HandOver[int] = HandOver(Policy.BLOCKING)
    back: HandOver[int] = HandOver(Policy.BLOCKING)

    def echo():
        try:
            while True:
                back.put(there.get())
        except Closed:
            return

    thread = threading.Thread(target=echo)
    thread.start()

    def step():
        there.put(1)
        return back.get()

    try:
        benchmark(step)
    finally:
        there.close()
        thread.join()
