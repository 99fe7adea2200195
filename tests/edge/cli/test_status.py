"""The running service's status is queried at its socket, and shown as a line, a table or JSON."""

import io
import json
import socket
from dataclasses import dataclass

import msgspec
import pytest
from rich.console import Console
from samples import HEALTHY as RUNNING

from edge.cli import main as command_line
from edge.cli import status as status_module
from edge.cli.status import format_table
from edge.errors import ServiceError
from edge.service.status_server import StatusServer
from edge.status import SinkStatus, query_status

LOST = msgspec.structs.replace(
    RUNNING, state="camera lost", camera_error="it was unplugged", retry_in_s=7.6, fps=0.0, faces=0
)
FULL = msgspec.structs.replace(RUNNING, log_error="No space left on device", log_dropped=7, undelivered=3)


@dataclass
class Service:
    """A service that sends `status` at the socket `path`."""

    status: object
    path: object


@pytest.fixture
def service(tmp_path):
    service = Service(RUNNING, tmp_path / "status.sock")
    server = StatusServer(service.path, lambda: msgspec.json.encode(service.status))
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
def test_summary_is_one_line(status, words):
    """The summary for `systemctl status` has the frame rate and the faces, or why there are none, and all faults."""
    assert status.summary == words


def test_query_returns_the_services_status(service):
    """A queried status equals the one that the service sends."""
    assert query_status(service.path) == RUNNING


def test_unknown_fields_are_ignored(service):
    """During an upgrade an older program understands a newer service, whose status has more fields."""
    service.status = msgspec.structs.asdict(RUNNING) | {"colour": "blue"}
    assert query_status(service.path) == RUNNING


@pytest.mark.parametrize("content", [b"", b"hello", b'{"state": "running"}', b"\xff"])
def test_content_that_is_no_status_is_an_error(tmp_path, content):
    """If another program, or another version, listens at the socket, the error says that no status came."""
    path = tmp_path / "status.sock"
    server = StatusServer(path, lambda: content)
    with pytest.raises(ServiceError, match="expected a status, found"):
        query_status(path)
    server.close()


@pytest.mark.parametrize("name", ["none.sock", "x" * 200, "file"])
def test_missing_service_is_an_error(tmp_path, name):
    """A missing socket, a path too long for one, and a file in its place give an error that says what to do."""
    (tmp_path / "file").touch()
    with pytest.raises(ServiceError, match=r"expected a running service at .*: systemctl status edge-emotion"):
        query_status(tmp_path / name)


def test_query_of_a_service_that_hangs_times_out(tmp_path, monkeypatch):
    """A service that accepts no connection gives an error after the timeout."""
    monkeypatch.setattr("edge.status._TIMEOUT_S", 0.05)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.bind(str(tmp_path / "status.sock"))
        deaf.listen()
        with pytest.raises(ServiceError, match="timed out"):
            query_status(tmp_path / "status.sock")


def test_command_prints_a_table(service, capsys):
    """The table of a running service is printed with exit code 0."""
    assert status_command("--socket", service.path) == 0
    shown = capsys.readouterr().out
    for words in ("running", "29.8 a second", "p50 3.4 ms, p95 9.0 ms", "62 °C, 0.85 V, not throttled", "2 h 3 min"):
        assert words in shown


@pytest.mark.parametrize("status", [LOST, msgspec.structs.replace(RUNNING, state="stalled")])
def test_service_without_frames_has_exit_code_3(service, capsys, status):
    """A lost camera or a stall gives exit code 3, for scripts such as `edge-emotion status && …`."""
    service.status = status
    assert status_command("--socket", service.path) == 3
    shown = capsys.readouterr().out
    assert status.state in shown
    assert ("it was unplugged; trying again in 8 s" in " ".join(shown.split())) == (status is LOST)


def test_command_without_a_service_fails(tmp_path, caplog):
    """Without a service the command logs one line, and its exit code is 3."""
    assert status_command("--socket", tmp_path / "none.sock") == 3
    (record,) = caplog.records
    assert "expected a running service" in record.getMessage()


def test_json_is_the_whole_status(service, capsys):
    """`--json` prints the status in one line."""
    assert status_command("--socket", service.path, "--json") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == json.loads(msgspec.json.encode(RUNNING))


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_watch_repeats_until_ctrl_c(service, capsys, monkeypatch, options):
    """`--watch` shows a change of the status, and Ctrl-C ends it with exit code 0."""
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        service.status = LOST
        if len(pauses) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(status_module.time, "sleep", pause)
    assert status_command("--socket", service.path, "--watch", *options) == 0
    assert pauses == [status_module.WATCH_EVERY_S] * 2
    assert "camera lost" in capsys.readouterr().out


def test_watch_ends_with_the_service(service, caplog, monkeypatch):
    """When the service ends, `--watch` logs one line and has exit code 3."""
    monkeypatch.setattr(status_module.time, "sleep", lambda _seconds: service.path.unlink())
    assert status_command("--socket", service.path, "--watch") == 3
    assert "expected a running service" in caplog.text


def test_table_shows_what_is_wrong():
    """The log's error and losses, the throttle flags and the last error are in the table."""
    status = msgspec.structs.replace(
        FULL, throttled=["under-voltage", "throttled since boot"], last_error="it was unplugged", last_error_at="12:00"
    )
    stream = io.StringIO()
    Console(file=stream, width=200).print(format_table(status))
    shown = stream.getvalue()
    assert "cannot be written: No space left on device, 7 lines lost, 3 frames not delivered" in shown
    assert "under-voltage, throttled since boot" in shown
    assert "12:00 it was unplugged" in shown


def test_table_leaves_out_unknown_values():
    """A board without sensors has no line, and before the first frame there is no latency."""
    status = msgspec.structs.replace(
        RUNNING, temperature_c=None, core_v=None, throttled=None, latency_ms_p50=None, latency_ms_p95=None
    )
    stream = io.StringIO()
    Console(file=stream, width=200).print(format_table(status))
    assert "board" not in stream.getvalue()
    assert "latency" not in stream.getvalue()


def test_table_does_not_interpret_markup():
    """A message with brackets is shown as it is."""
    status = msgspec.structs.replace(RUNNING, last_error="[red]/dev/video0[/]", last_error_at="12:00")
    stream = io.StringIO()
    Console(file=stream, width=200).print(format_table(status))
    assert "[red]/dev/video0[/]" in stream.getvalue()


def test_table_has_a_line_for_each_sink():
    """A sink's line has its error, its note, the items that wait, and those it has lost."""
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
    Console(file=stream, width=200).print(format_table(msgspec.structs.replace(RUNNING, sinks=sinks, stalls=6)))
    lines = [" ".join(line.split()) for line in stream.getvalue().splitlines()]
    assert "page http://127.0.0.1:8080" in lines
    assert (
        "mqtt not working: the broker is away, pi.local, 42 readings wait,"
        " 5 of 256 wait, 7 dropped, failed 2 times" in lines
    )
    assert "display no fault so far" in lines
    assert "source /dev/video0, re-opened 1 times, 6 stalls" in lines


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({}, "mounting turned by 0 degrees"),
        ({"rotation": 90}, "mounting turned by 90 degrees"),
        ({"rotation": 180, "rotation_found": True}, "mounting turned by 180 degrees, found automatically"),
    ],
)
def test_the_rotation_in_use_is_shown(fields, line):
    """The table says how the frames are turned, and whether the program found that out itself."""
    stream = io.StringIO()
    Console(file=stream, width=200).print(format_table(msgspec.structs.replace(RUNNING, **fields)))
    assert line in [" ".join(row.split()) for row in stream.getvalue().splitlines()]
