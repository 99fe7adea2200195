"""A status is said in one line, asked for over a socket, and shown to a person or to a program."""

import io
import json
import socket
from dataclasses import dataclass

import msgspec
import pytest
from rich.console import Console
from statuses import HEALTHY as RUNNING

from edge import __main__ as command_line
from edge import show
from edge.errors import ServiceError
from edge.runtime.answer import Answerer
from edge.show import describe
from edge.status import SinkStatus, ask_status

LOST = msgspec.structs.replace(
    RUNNING, state="camera lost", camera_error="it was unplugged", retry_in_s=7.6, fps=0.0, faces=0
)
FULL = msgspec.structs.replace(RUNNING, log_error="No space left on device", log_dropped=7, undelivered=3)


@dataclass
class Service:
    """One that answers with `status`."""

    status: object
    path: object


@pytest.fixture
def service(tmp_path):
    service = Service(RUNNING, tmp_path / "status.sock")
    server = Answerer(service.path, lambda: msgspec.json.encode(service.status))
    yield service
    server.close()


def status_command(*options):
    return command_line.main(["status", *map(str, options)])


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (RUNNING, "29.8 frames/s, 2 faces"),
        (msgspec.structs.replace(RUNNING, faces=1), "29.8 frames/s, 1 face"),
        (msgspec.structs.replace(RUNNING, fps=0.0), "running"),
        (msgspec.structs.replace(FULL, fps=0.0), "running, the log cannot be written: No space left on device"),
        (msgspec.structs.replace(RUNNING, state="starting"), "starting"),
        (LOST, "camera lost, trying again in 8 s (1 re-opens): it was unplugged"),
        (FULL, "29.8 frames/s, 2 faces, the log cannot be written: No space left on device"),
        (
            msgspec.structs.replace(RUNNING, clock_error="the clock is not set yet"),
            "29.8 frames/s, 2 faces, the clock is not set yet",
        ),
    ],
)
def test_one_line_says_how_it_is(status, words):
    """For `systemctl status`."""
    assert status.words == words


def test_the_answer_is_the_services(service):
    assert ask_status(service.path) == RUNNING


def test_an_older_program_understands_a_newer_service(service):
    """While an upgrade is under way: fields it does not know are passed over."""
    service.status = msgspec.structs.asdict(RUNNING) | {"colour": "blue"}
    assert ask_status(service.path) == RUNNING


@pytest.mark.parametrize("answer", [b"", b"hello", b'{"state": "running"}', b"\xff"])
def test_an_answer_that_is_no_status_is_named(tmp_path, answer):
    """Something else listens there, or another version."""
    path = tmp_path / "status.sock"
    server = Answerer(path, lambda: answer)
    with pytest.raises(ServiceError, match="expected a status, found"):
        ask_status(path)
    server.close()


@pytest.mark.parametrize("name", ["none.sock", "x" * 200, "file"])
def test_a_service_that_is_not_there_is_named(tmp_path, name):
    """No socket, a path that is too long for one, or something else in its place: what was expected, and what to do."""
    (tmp_path / "file").touch()
    with pytest.raises(ServiceError, match=r"expected a running service at .*: systemctl status edge-emotion"):
        ask_status(tmp_path / name)


def test_a_service_that_does_not_answer_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    """It hangs: the watchdog will end it."""
    monkeypatch.setattr("edge.status._TIMEOUT_S", 0.05)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.bind(str(tmp_path / "status.sock"))
        deaf.listen()
        with pytest.raises(ServiceError, match="timed out"):
            ask_status(tmp_path / "status.sock")


def test_the_command_shows_a_table(service, capsys):
    """Exit code 0 where frames are processed."""
    assert status_command("--socket", service.path) == 0
    shown = capsys.readouterr().out
    for words in ("running", "29.8 a second", "p50 3.4 ms, p95 9.0 ms", "62 °C, 0.85 V, not throttled", "2 h 3 min"):
        assert words in shown


@pytest.mark.parametrize("status", [LOST, msgspec.structs.replace(RUNNING, state="stalled")])
def test_a_service_that_is_not_well_is_shown_with_exit_code_3(service, capsys, status):
    """For scripts: `edge-emotion status && …`."""
    service.status = status
    assert status_command("--socket", service.path) == 3
    shown = capsys.readouterr().out
    assert status.state in shown
    assert ("it was unplugged; trying again in 8 s" in " ".join(shown.split())) == (status is LOST)


def test_without_a_service_there_is_one_line(tmp_path, caplog):
    """And exit code 3."""
    assert status_command("--socket", tmp_path / "none.sock") == 3
    (record,) = caplog.records
    assert "expected a running service" in record.getMessage()


def test_json_is_the_whole_status(service, capsys):
    """One line, for a program."""
    assert status_command("--socket", service.path, "--json") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == json.loads(msgspec.json.encode(RUNNING))


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_watch_asks_again_until_it_is_stopped(service, capsys, monkeypatch, options):
    """A change is seen; Ctrl-C ends it with exit code 0."""
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        service.status = LOST
        if len(pauses) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(show.time, "sleep", pause)
    assert status_command("--socket", service.path, "--watch", *options) == 0
    assert pauses == [show.WATCH_EVERY_S] * 2
    assert "camera lost" in capsys.readouterr().out


def test_watch_says_so_when_the_service_ends(service, caplog, monkeypatch):
    """One line, exit code 3."""
    monkeypatch.setattr(show.time, "sleep", lambda _seconds: service.path.unlink())
    assert status_command("--socket", service.path, "--watch") == 3
    assert "expected a running service" in caplog.text


def test_what_goes_wrong_is_shown():
    """The log that cannot be written, what was lost of it, the firmware's complaints, the last error."""
    status = msgspec.structs.replace(
        FULL, throttled=["under-voltage", "throttled since boot"], last_error="it was unplugged", last_error_at="12:00"
    )
    stream = io.StringIO()
    Console(file=stream, width=200).print(describe(status))
    shown = stream.getvalue()
    assert "cannot be written: No space left on device, 7 lines lost, 3 frames not delivered" in shown
    assert "under-voltage, throttled since boot" in shown
    assert "12:00 it was unplugged" in shown


def test_what_a_machine_does_not_tell_is_left_out():
    """No line for a board without sensors, no latency before the first frame."""
    status = msgspec.structs.replace(
        RUNNING, temperature_c=None, core_v=None, throttled=None, latency_ms_p50=None, latency_ms_p95=None
    )
    stream = io.StringIO()
    Console(file=stream, width=200).print(describe(status))
    assert "board" not in stream.getvalue()
    assert "latency" not in stream.getvalue()


def test_text_from_outside_is_shown_as_it_is():
    """A message with brackets is no markup."""
    status = msgspec.structs.replace(RUNNING, last_error="[red]/dev/video0[/]", last_error_at="12:00")
    stream = io.StringIO()
    Console(file=stream, width=200).print(describe(status))
    assert "[red]/dev/video0[/]" in stream.getvalue()


def test_each_sink_has_its_line():
    """Where it is found, why it does not serve, what waits before it, and what it has lost."""
    sinks = [
        SinkStatus(name="page", note="http://127.0.0.1:8080"),
        SinkStatus(
            name="mqtt",
            error="the broker is away",
            note="pi.local, 42 readings wait",
            dropped=3,
            lost=4,
            faults=2,
            waiting=5,
            capacity=256,
            stored=42,
        ),
        SinkStatus(name="display"),
    ]
    stream = io.StringIO()
    Console(file=stream, width=200).print(describe(msgspec.structs.replace(RUNNING, sinks=sinks, stalls=6)))
    lines = [" ".join(line.split()) for line in stream.getvalue().splitlines()]
    assert "page http://127.0.0.1:8080" in lines
    assert (
        "mqtt does not serve: the broker is away, pi.local, 42 readings wait,"
        " 5 of 256 wait, 7 dropped, failed 2 times" in lines
    )
    assert "display no fault so far" in lines
    assert "source /dev/video0, re-opened 1 times, 6 stalls" in lines
