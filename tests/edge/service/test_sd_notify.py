"""systemd gets notifications in its own format, at the socket that it names, and only if it names one."""

import os
import socket

import pytest
from waiting import LIMIT_S

from edge.service import sd_notify as notify
from edge.service.sd_notify import PINGS_PER_TIMEOUT, Notifier


class Receiver(socket.socket):
    name: str


@pytest.fixture(params=["path", "abstract"])
def systemd(request, tmp_path):
    """A socket in place of systemd's; its `name` is the value of NOTIFY_SOCKET: a path or an abstract name."""
    with Receiver(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        name = str(tmp_path / "notify") if request.param == "path" else f"@edge-emotion-test-{os.getpid()}"
        receiver.bind("\0" + name[1:] if name.startswith("@") else name)
        receiver.settimeout(LIMIT_S)
        receiver.name = name
        yield receiver


@pytest.fixture
def clock(monkeypatch):
    seconds = [100.0]
    monkeypatch.setattr(notify.time, "monotonic", lambda: seconds[0])
    return seconds


def test_each_notification_is_a_datagram(systemd):
    """The notifications have the form of sd_notify(3), and a status of several lines becomes one line."""
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


def test_pings_are_spread_over_the_watchdog_timeout(systemd, clock):
    """However often `ping` is called, four pings are sent within a timeout, so that a lost one does no harm."""
    notifier = Notifier({"NOTIFY_SOCKET": systemd.name, "WATCHDOG_USEC": "8000000"})
    assert notifier.watchdog_s == 8.0
    for _ in range(16):
        notifier.ping()
        clock[0] += 0.5
    notifier.status("end")
    notifier.close()
    received = iter(lambda: systemd.recv(100), b"STATUS=end")
    assert list(received) == [b"WATCHDOG=1"] * PINGS_PER_TIMEOUT


@pytest.mark.parametrize(
    "environment",
    [{}, {"WATCHDOG_USEC": "8000000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "²"}],
)
def test_no_ping_without_a_watchdog(systemd, environment):
    """Without a watchdog, with one for another process, or with an unreadable timeout no ping is sent."""
    notifier = Notifier({"NOTIFY_SOCKET": systemd.name, **environment})
    notifier.ping()
    notifier.status("end")
    notifier.close()
    assert systemd.recv(100) == b"STATUS=end"


def test_watchdog_may_name_this_process(systemd):
    """With this process's id in WATCHDOG_PID pings are sent."""
    notifier = Notifier({"NOTIFY_SOCKET": systemd.name, "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getpid())})
    notifier.ping()
    notifier.close()
    assert systemd.recv(100) == b"WATCHDOG=1"


def test_nothing_is_sent_without_systemd():
    """Without NOTIFY_SOCKET, as when started from a terminal, every notification does nothing."""
    notifier = Notifier({"WATCHDOG_USEC": "1000000"})
    assert not notifier.is_service
    notifier.ready()
    notifier.ping()
    notifier.stopping()
    notifier.close()


def test_systemd_that_does_not_listen_is_no_error(tmp_path):
    """If nothing listens at the socket, as while systemd is replaced, the notification is dropped."""
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    notifier.ready()
    notifier.close()


def test_busy_systemd_does_not_block_the_run(systemd):
    """When the socket's queue is full, further notifications are dropped instead of waiting."""
    notifier = Notifier({"NOTIFY_SOCKET": systemd.name})
    for _ in range(1000):
        notifier.status("busy")
    notifier.close()
