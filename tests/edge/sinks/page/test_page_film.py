"""Pictures are made only while somebody watches, once for all, no faster than asked, and none is shown late."""

import threading

import pytest

from edge.sinks.page.film import LEASE_S, OLD_S, WAIT_S, Film, FullError


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def film(clock):
    """Makes of each frame the bytes of its name; nobody waits, so that the test's own clock is the only one."""
    return Film(str.encode, fps=10.0, watchers=2, wait_s=0.0, clock=clock)


def test_nothing_is_made_while_nobody_watches(film, clock):
    """Neither before the first watcher, nor when the last one has not asked for some seconds."""
    film.put("frame")
    assert film.made == 0
    film.next("ann", 0)
    film.put("frame")
    assert film.made == 1
    clock.now_s += LEASE_S + 0.1
    film.put("frame")
    assert film.made == 1
    assert film.watchers == 0


def test_a_picture_is_made_once_for_all(film):
    for name in ("ann", "bob"):
        film.next(name, 0)
    film.put("frame")
    assert film.next("ann", 0).image == film.next("bob", 0).image == b"frame"
    assert film.made == 1


def test_no_more_are_made_than_asked_for(film, clock):
    """Ten a second of a camera's thirty, within one."""
    for _ in range(90):
        film.next("ann", film.made)
        film.put("frame")
        clock.now_s += 1 / 30
    assert film.made == pytest.approx(30, abs=1)


def test_one_too_many_is_refused_until_another_has_left(film, clock):
    film.next("ann", 0)
    film.next("bob", 0)
    with pytest.raises(FullError):
        film.next("cid", 0)
    film.next("ann", 0)
    clock.now_s += LEASE_S / 2
    film.next("bob", 0)
    clock.now_s += LEASE_S / 2 + 0.1
    film.next("cid", 0)
    assert film.watchers == 2


def test_who_comes_when_the_camera_is_lost_is_shown_no_old_picture(film, clock):
    """It would look like now."""
    film.next("ann", 0)
    film.put("frame")
    clock.now_s += OLD_S
    assert film.next("ann", 0) is None


def test_the_same_picture_is_not_given_twice(film):
    film.next("ann", 0)
    film.put("frame")
    number = film.next("ann", 0).number
    assert film.next("ann", number) is None


def test_whoever_waits_is_given_the_next_picture_at_once():
    """It does not wait out its time."""
    film = Film(str.encode, fps=10.0, watchers=2)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(film.next("ann", 0)))
    thread.start()
    while not film.watchers:
        pass
    film.put("frame")
    thread.join(WAIT_S / 2)
    assert [answer.image for answer in answers] == [b"frame"]


def test_closing_wakes_whoever_waits():
    """Well before its time, since the whole page must end within a second."""
    film = Film(str.encode, fps=10.0, watchers=2)
    thread = threading.Thread(target=film.next, args=("ann", 0))
    thread.start()
    film.close()
    thread.join(WAIT_S / 2)
    assert not thread.is_alive()


def test_it_tells_how_long_no_frame_is_needed(film, clock):
    """So that its thread is not woken for those in between; while nobody watches it needs none."""
    assert film.idle_s is None
    film.next("ann", 0)
    film.put("frame")
    assert film.idle_s == 0.0  # the first one is late, as it were: the next may follow at once
    film.put("frame")
    assert film.idle_s == pytest.approx(0.1)
    clock.now_s += 0.06
    assert film.idle_s == pytest.approx(0.04)
    clock.now_s += LEASE_S
    film.put("frame")
    assert film.idle_s is None
