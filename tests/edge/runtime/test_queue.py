"""A bounded queue either blocks and loses nothing, or drops its oldest items."""

import threading

import pytest
from waiting import LIMIT_S

from edge.runtime.queue import BoundedQueue, Closed, Policy


def in_thread(body):
    """Run `body` on a thread; return the thread and the list its result lands in."""
    results = []
    thread = threading.Thread(target=lambda: results.append(body()), daemon=True)
    thread.start()
    return thread, results


def take_until_closed(queue):
    items = []
    try:
        while True:
            items.append(queue.get())
    except Closed:
        return items


def test_drop_oldest_keeps_the_newest_and_counts_the_rest():
    """A slow consumer gets the newest item, the dropped ones are counted, and the producer never waits."""
    queue = BoundedQueue(Policy.DROP_OLDEST)
    for number in range(5):
        queue.put(number)
    assert queue.get() == 4
    assert queue.dropped == 4


def test_drop_oldest_with_a_larger_capacity():
    """A queue for three items keeps the three newest in order."""
    queue = BoundedQueue(Policy.DROP_OLDEST, capacity=3)
    for number in range(5):
        queue.put(number)
    queue.close()
    assert take_until_closed(queue) == [2, 3, 4]
    assert queue.dropped == 2


@pytest.mark.parametrize("capacity", [1, 4])
def test_blocking_loses_nothing_and_keeps_the_order(capacity):
    """A thousand items pass through a small blocking queue completely and in order."""
    queue = BoundedQueue(Policy.BLOCK, capacity=capacity)
    consumer, results = in_thread(lambda: take_until_closed(queue))
    for number in range(1000):
        queue.put(number)
    queue.close()
    consumer.join(LIMIT_S)
    assert results == [list(range(1000))]
    assert queue.dropped == 0


def test_a_blocked_producer_waits_for_room():
    """The producer of a full queue continues only after the consumer has taken an item."""
    queue = BoundedQueue(Policy.BLOCK)
    queue.put(1)
    producer, results = in_thread(lambda: queue.put(2))
    producer.join(0.05)
    assert producer.is_alive()
    assert queue.get() == 1
    producer.join(LIMIT_S)
    assert results == [None]
    assert queue.get() == 2


def test_closing_wakes_a_blocked_producer():
    """`put` raises `Closed` if the queue is closed while it waits for room."""
    queue = BoundedQueue(Policy.BLOCK)
    queue.put(1)

    def produce():
        with pytest.raises(Closed):
            queue.put(2)
        return "raised"

    producer, results = in_thread(produce)
    queue.close()
    producer.join(LIMIT_S)
    assert results == ["raised"]


def test_closing_wakes_a_waiting_consumer():
    """`get` raises `Closed` if the queue is closed while it waits for an item."""
    queue = BoundedQueue(Policy.BLOCK)
    consumer, results = in_thread(lambda: take_until_closed(queue))
    queue.close()
    consumer.join(LIMIT_S)
    assert results == [[]]


def test_items_can_be_taken_after_closing():
    """A closed queue rejects new items and still gives those inside."""
    queue = BoundedQueue(Policy.BLOCK, capacity=2)
    queue.put(1)
    queue.close()
    with pytest.raises(Closed):
        queue.put(2)
    assert take_until_closed(queue) == [1]


def test_closing_can_discard_the_items():
    """`close(discard=True)` drops the items inside."""
    queue = BoundedQueue(Policy.BLOCK, capacity=2)
    queue.put(1)
    queue.close(discard=True)
    assert take_until_closed(queue) == []


def test_closing_twice_is_harmless():
    """Producer and consumer may both close the queue."""
    queue = BoundedQueue(Policy.DROP_OLDEST)
    queue.close()
    queue.close()
    assert take_until_closed(queue) == []


def test_poll_does_not_wait():
    """`poll` returns an item if there is one, else None at once."""
    queue = BoundedQueue(Policy.BLOCK, capacity=2)
    assert queue.poll() is None
    queue.put(1)
    queue.put(2)
    assert [queue.poll(), queue.poll(), queue.poll()] == [1, 2, None]


def test_poll_makes_room_for_a_blocked_producer():
    """A blocked producer continues when `poll` has taken an item."""
    queue = BoundedQueue(Policy.BLOCK)
    queue.put(1)
    producer, results = in_thread(lambda: queue.put(2))
    assert queue.poll() == 1
    producer.join(LIMIT_S)
    assert results == [None]
    assert queue.poll() == 2


def test_poll_of_a_closed_queue():
    """`poll` of a closed queue gives the items inside and then raises `Closed`, instead of returning None for ever."""
    queue = BoundedQueue(Policy.BLOCK)
    queue.put(1)
    queue.close()
    assert queue.poll() == 1
    with pytest.raises(Closed):
        queue.poll()


def test_several_producers_and_consumers():
    """With several threads on both sides every item passes once, and closing ends every consumer."""
    queue = BoundedQueue(Policy.BLOCK)
    consumers = [in_thread(lambda: take_until_closed(queue)) for _ in range(3)]
    producers = [in_thread(lambda: [queue.put(number) for number in range(100)]) for _ in range(3)]
    for producer, _ in producers:
        producer.join(LIMIT_S)
    queue.close()
    for consumer, _ in consumers:
        consumer.join(LIMIT_S)
    taken = [item for _, (items,) in consumers for item in items]
    assert sorted(taken) == sorted([*range(100)] * 3)


def test_a_pause_lasts_until_the_queue_is_closed():
    """An ordinary item does not end the consumer's pause; closing the queue does."""
    queue = BoundedQueue(Policy.DROP_OLDEST, capacity=2)
    thread, _ = in_thread(lambda: queue.pause(1000))
    queue.put(1)
    thread.join(0.05)
    assert thread.is_alive()
    queue.close()
    thread.join(LIMIT_S)
    assert not thread.is_alive()
    assert (queue.get(), queue.waiting) == (1, 0)


def test_a_rousing_item_ends_a_pause():
    """An item put with `rouse` ends a pause, even one that begins later, until `get` returns it."""
    queue = BoundedQueue(Policy.DROP_OLDEST, capacity=2)
    queue.put(1, rouse=True)
    queue.pause(1000)
    assert queue.get() == 1
    thread, _ = in_thread(lambda: queue.pause(1000))
    thread.join(0.05)
    assert thread.is_alive()
    queue.put(2, rouse=True)
    thread.join(LIMIT_S)
    assert not thread.is_alive()


def test_a_pause_ends_before_items_are_dropped():
    """A half full queue ends the pause; a queue for one item does not, since each item replaces the last."""
    queue = BoundedQueue(Policy.DROP_OLDEST, capacity=4)
    thread, _ = in_thread(lambda: queue.pause(1000))
    for item in range(3):
        queue.put(item)
    thread.join(LIMIT_S)
    assert not thread.is_alive()
    newest = BoundedQueue(Policy.DROP_OLDEST)
    thread, _ = in_thread(lambda: newest.pause(1000))
    newest.put(1)
    newest.put(2)
    thread.join(0.05)
    assert thread.is_alive()
    newest.close()
