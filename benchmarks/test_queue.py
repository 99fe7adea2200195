"""Queue: handing an item from one thread to another."""

import threading

import pytest

from edge.runtime.queue import BoundedQueue, Closed, Policy


@pytest.mark.parametrize("policy", list(Policy), ids=lambda policy: policy.value)
def test_put_and_get_on_one_thread(benchmark, policy):
    """Put and get on a single thread: the cost of the locks."""
    queue: BoundedQueue[int] = BoundedQueue(policy)

    def step():
        queue.put(1)
        return queue.get()

    benchmark(step)


def test_to_another_thread_and_back(benchmark):
    """Send an item to another thread and back: two queues and two wake-ups, CPU time of both threads."""
    there: BoundedQueue[int] = BoundedQueue(Policy.BLOCK)
    back: BoundedQueue[int] = BoundedQueue(Policy.BLOCK)

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
