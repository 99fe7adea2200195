"""Items pass from thread to thread: nothing lost where that is promised, newest first where that is."""

import threading

import pytest

from edge.runtime.handover import Closed, HandOver, Policy


def in_thread(body):
    """Run `body` on a thread; return the thread and the list its result lands in."""
    results = []
    thread = threading.Thread(target=lambda: results.append(body()), daemon=True)
    thread.start()
    return thread, results


def taken_until_closed(handover):
    items = []
    try:
        while True:
            items.append(handover.get())
    except Closed:
        return items


def test_newest_wins_keeps_the_newest_and_counts_the_rest():
    """A slow taker gets the newest item; what it missed is counted, and the giver never waits."""
    handover = HandOver(Policy.NEWEST_WINS)
    for number in range(5):
        handover.put(number)
    assert handover.get() == 4
    assert handover.dropped == 4


def test_newest_wins_with_room_drops_the_oldest():
    """With room for three, the three newest stay, in order."""
    handover = HandOver(Policy.NEWEST_WINS, capacity=3)
    for number in range(5):
        handover.put(number)
    handover.close()
    assert taken_until_closed(handover) == [2, 3, 4]
    assert handover.dropped == 2


@pytest.mark.parametrize("capacity", [1, 4])
def test_blocking_loses_nothing_and_keeps_the_order(capacity):
    """A thousand items through a small blocking hand-over arrive complete and in order."""
    handover = HandOver(Policy.BLOCKING, capacity=capacity)
    taker, results = in_thread(lambda: taken_until_closed(handover))
    for number in range(1000):
        handover.put(number)
    handover.close()
    taker.join(5)
    assert results == [list(range(1000))]
    assert handover.dropped == 0


def test_blocking_giver_waits_until_there_is_room():
    """The giver of a full hand-over goes on only after the taker has taken."""
    handover = HandOver(Policy.BLOCKING)
    handover.put(1)
    giver, results = in_thread(lambda: handover.put(2))
    giver.join(0.05)
    assert giver.is_alive()
    assert handover.get() == 1
    giver.join(5)
    assert results == [None]
    assert handover.get() == 2


def test_closing_wakes_a_waiting_giver():
    """A giver that waits for room learns that nobody takes any more."""
    handover = HandOver(Policy.BLOCKING)
    handover.put(1)

    def give():
        with pytest.raises(Closed):
            handover.put(2)
        return "told"

    giver, results = in_thread(give)
    handover.close()
    giver.join(5)
    assert results == ["told"]


def test_closing_wakes_a_waiting_taker():
    """A taker that waits for an item learns that none will come."""
    handover = HandOver(Policy.BLOCKING)
    taker, results = in_thread(lambda: taken_until_closed(handover))
    handover.close()
    taker.join(5)
    assert results == [[]]


def test_what_is_inside_can_be_taken_after_closing():
    """Closing lets nothing in, but what is inside still comes out."""
    handover = HandOver(Policy.BLOCKING, capacity=2)
    handover.put(1)
    handover.close()
    with pytest.raises(Closed):
        handover.put(2)
    assert taken_until_closed(handover) == [1]


def test_closing_can_discard_what_is_inside():
    """A stop throws away what was not looked at yet."""
    handover = HandOver(Policy.BLOCKING, capacity=2)
    handover.put(1)
    handover.close(discard=True)
    assert taken_until_closed(handover) == []


def test_closing_twice_is_harmless():
    """Both neighbours may close the same hand-over."""
    handover = HandOver(Policy.NEWEST_WINS)
    handover.close()
    handover.close()
    assert taken_until_closed(handover) == []


def test_poll_does_not_wait():
    """What is there is given; where there is nothing yet the taker goes on at once."""
    handover = HandOver(Policy.BLOCKING, capacity=2)
    assert handover.poll() is None
    handover.put(1)
    handover.put(2)
    assert [handover.poll(), handover.poll(), handover.poll()] == [1, 2, None]


def test_poll_makes_room_for_a_waiting_giver():
    """A giver that waits goes on when its item's place was polled free."""
    handover = HandOver(Policy.BLOCKING)
    handover.put(1)
    giver, results = in_thread(lambda: handover.put(2))
    assert handover.poll() == 1
    giver.join(5)
    assert results == [None]
    assert handover.poll() == 2


def test_poll_gives_what_is_inside_and_then_tells_the_end():
    """Closed, it first gives what is still there; "none yet" would keep the taker asking for ever."""
    handover = HandOver(Policy.BLOCKING)
    handover.put(1)
    handover.close()
    assert handover.poll() == 1
    with pytest.raises(Closed):
        handover.poll()


def test_every_giver_and_taker_is_told():
    """Several wait on both sides: none is left behind when an item passes or the hand-over closes."""
    handover = HandOver(Policy.BLOCKING)
    takers = [in_thread(lambda: taken_until_closed(handover)) for _ in range(3)]
    givers = [in_thread(lambda: [handover.put(number) for number in range(100)]) for _ in range(3)]
    for giver, _ in givers:
        giver.join(5)
    handover.close()
    for taker, _ in takers:
        taker.join(5)
    taken = [item for _, (items,) in takers for item in items]
    assert sorted(taken) == sorted([*range(100)] * 3)


def test_a_pause_ends_when_it_is_closed_and_not_before():
    """Items do not wake whoever pauses: that is what it is for."""
    handover = HandOver(Policy.NEWEST_WINS, capacity=2)
    thread, _ = in_thread(lambda: handover.pause(1000))
    handover.put(1)
    thread.join(0.05)
    assert thread.is_alive()
    handover.close()
    thread.join(5)
    assert not thread.is_alive()
    assert (handover.get(), handover.waiting) == (1, 0)


def test_a_pause_ends_for_what_should_not_wait():
    """Even for what came before it began; once it is taken, the next pause lasts."""
    handover = HandOver(Policy.NEWEST_WINS, capacity=2)
    handover.put(1, rouse=True)
    handover.pause(1000)
    assert handover.get() == 1
    thread, _ = in_thread(lambda: handover.pause(1000))
    thread.join(0.05)
    assert thread.is_alive()
    handover.put(2, rouse=True)
    thread.join(5)
    assert not thread.is_alive()


def test_a_pause_ends_before_items_are_dropped():
    """Half full is early enough; where there is room for the newest alone, each replaces the one before."""
    handover = HandOver(Policy.NEWEST_WINS, capacity=4)
    thread, _ = in_thread(lambda: handover.pause(1000))
    for item in range(3):
        handover.put(item)
    thread.join(5)
    assert not thread.is_alive()
    newest = HandOver(Policy.NEWEST_WINS)
    thread, _ = in_thread(lambda: newest.pause(1000))
    newest.put(1)
    newest.put(2)
    thread.join(0.05)
    assert thread.is_alive()
    newest.close()
