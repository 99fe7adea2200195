"""systemd is told in its own words, at the socket it names, and only where it asks for it."""

import os
import socket

import pytest

from edge.runtime import notify
from edge.runtime.notify import PINGS_A_LIMIT, Notifier


class Receiver(socket.socket):
    name: str


@pytest.fixture(params=["path", "abstract"])
def systemd(request, tmp_path):
    """A socket as systemd's, and the value of NOTIFY_SOCKET for it: a file, or a name in the abstract namespace."""
    with Receiver(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        name = str(tmp_path / "notify") if request.param == "path" else f"@edge-emotion-test-{os.getpid()}"
        receiver.bind("\0" + name[1:] if name.startswith("@") else name)
        receiver.settimeout(5)
        receiver.name = name
        yield receiver


@pytest.fixture
def clock(monkeypatch):
    seconds = [100.0]
    monkeypatch.setattr(notify.time, "monotonic", lambda: seconds[0])
    return seconds


def test_each_word_is_a_datagram(systemd):
    """As sd_notify(3) has them; a status is one line whatever it was made of."""
    notifier = Notifier({"NOTIFY_SOCKET": systemd.name})
    notifier.ready()
    notifier.status("30 frames/s,\n 2 faces")
    notifier.extend_start(1.5)
    notifier.stopping()
    notifier.close()
    assert [systemd.recv(100) for _ in range(4)] == [
        b"READY=1",
        b"STATUS=30 frames/s, 2 faces",
        b"EXTEND_TIMEOUT_USEC=1500000",
        b"STOPPING=1",
    ]


def test_signs_of_life_come_several_times_a_limit(systemd, clock):
    """However often one is offered: four in the limit, so that a lost one costs nothing."""
    notifier = Notifier({"NOTIFY_SOCKET": systemd.name, "WATCHDOG_USEC": "8000000"})
    assert notifier.watchdog_s == 8.0
    for _ in range(16):
        notifier.ping()
        clock[0] += 0.5
    notifier.status("end")
    notifier.close()
    heard = iter(lambda: systemd.recv(100), b"STATUS=end")
    assert list(heard) == [b"WATCHDOG=1"] * PINGS_A_LIMIT


@pytest.mark.parametrize(
    "environment",
    [{}, {"WATCHDOG_USEC": "8000000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "²"}],
)
def test_no_sign_of_life_where_none_is_asked_for(systemd, environment):
    """No watchdog, one for another process, one that cannot be read."""
    notifier = Notifier({"NOTIFY_SOCKET": systemd.name, **environment})
    notifier.ping()
    notifier.status("end")
    notifier.close()
    assert systemd.recv(100) == b"STATUS=end"


def test_the_watchdog_may_name_this_process(systemd):
    notifier = Notifier({"NOTIFY_SOCKET": systemd.name, "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getpid())})
    notifier.ping()
    notifier.close()
    assert systemd.recv(100) == b"WATCHDOG=1"


def test_without_systemd_nothing_happens():
    """Started by hand: no socket, no error."""
    notifier = Notifier({"WATCHDOG_USEC": "1000000"})
    assert not notifier.is_service
    notifier.ready()
    notifier.ping()
    notifier.stopping()
    notifier.close()


def test_a_systemd_that_does_not_listen_is_no_error(tmp_path):
    """It may be replaced at this moment; the service goes on."""
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    notifier.ready()
    notifier.close()


def test_a_systemd_that_is_behind_is_not_waited_for(systemd):
    """Its queue is full: what does not fit is left out, and the frames go on."""
    notifier = Notifier({"NOTIFY_SOCKET": systemd.name})
    for _ in range(1000):
        notifier.status("busy")
    notifier.close()
