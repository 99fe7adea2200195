"""The MCP server: what an assistant gets from the status and the log, through the protocol's own client."""

import asyncio
import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from ports import free_port
from waiting import wait_for

pytest.importorskip("mcp.server", reason="mcp is not installed")

from mcp import Client, StdioServerParameters

from edge.cli.main import main
from edge.errors import LogError
from edge.mcp.queries import ServiceQueries
from edge.mcp.server import LABELS_TEXT, build_server
from edge.service.status_server import StatusServer
from edge.status import SinkStatus, Status

NOW = datetime.now(UTC)


def status(log, **changed):
    """Return the status of a running service with one face."""
    values = {
        "version": "1.0",
        "pid": 1,
        "state": "running",
        "since": "2026-11-28T08:00:00Z",
        "uptime_s": 60.0,
        "source": "picamera",
        "frames": 900,
        "fps": 15.0,
        "latency_ms_p50": 5.0,
        "latency_ms_p95": 9.0,
        "faces": 1,
        "dropped": 0,
        "undelivered": 0,
        "reopens": 0,
        "log": str(log),
        "log_dropped": 0,
        "temperature_c": None,
        "throttled": None,
        "core_v": None,
    }
    return Status(**(values | changed))


def line(seconds_ago, event="", **values):
    """Return a log line of a camera, written `seconds_ago`."""
    written = (NOW - timedelta(seconds=seconds_ago)).isoformat()
    return json.dumps({"time": written, "source": "picamera", **({"event": event} if event else {}), **values})


def face(seconds_ago, event, track, emotion, **values):
    """Return a log line about a face."""
    return line(seconds_ago, event, track=track, emotion=emotion, confidence=0.8, **values)


@pytest.fixture
def log(tmp_path):
    """A log in which face 1 left, face 2 is happy and then neutral, and the camera was lost for 30 s."""
    path = tmp_path / "readings.jsonl"
    lines = [
        line(3000, "started", version="1.0"),
        face(2000, "appeared", 1, "sad"),
        face(1900, "left", 1, "sad", duration_s=100.0),
        line(1800, "gap", duration_s=30.0),
        face(600, "appeared", 2, "happy"),
        face(300, "changed", 2, "neutral"),
        line(0, "summary", frames=9000, most_faces=1, emotions={"neutral": 1.0}),
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


@contextmanager
def service(folder, content):
    """Serve a status like the running service; yields the socket."""
    server = StatusServer(folder / "status.sock", lambda: msgspec.json.encode(content))
    try:
        yield folder / "status.sock"
    finally:
        server.close()


def ask(target, tool, **arguments):
    """Call a tool through the client; return its structured content."""

    async def call():
        async with Client(target) as client:
            result = await client.call_tool(tool, arguments)
            assert not result.is_error, result.content
            return result.structured_content

    return asyncio.run(call())


def test_faces_in_view_have_their_expressions(tmp_path, log):
    """A face that appeared and has not left is in view, with its newest expression and the time since when."""
    with service(tmp_path, status(log)) as path:
        found = ServiceQueries(path, None).faces_now()
    assert (found.known, found.count, found.note) == (True, 1, "")
    (only,) = found.faces
    assert (only.track, only.expression, only.confidence) == (2, "neutral", 0.8)
    assert datetime.fromisoformat(only.since) == pytest.approx(NOW - timedelta(seconds=300), abs=timedelta(seconds=2))


@pytest.mark.parametrize(
    "ending",
    [
        line(0, "stopped"),
        line(0, "started", version="1.0"),
        line(0, "gap", duration_s=20.0),
        line(0, "summary", frames=1, most_faces=0),
        face(0, "left", 2, "neutral", duration_s=600.0),
    ],
    ids=["stopped", "started", "gap", "summary", "left"],
)
def test_face_ends_with_whatever_ends_its_visit(tmp_path, log, ending):
    """A stop, a new start, a gap, an empty summary and `left` all end a visit."""
    log.write_text(log.read_text() + ending + "\n")
    with service(tmp_path, status(log, faces=0)) as path:
        found = ServiceQueries(path, None).faces_now()
    assert (found.count, found.faces) == (0, [])


def test_log_of_all_readings_keeps_faces_for_two_seconds(tmp_path):
    """In a log of all readings, a face is in view while its last reading is recent."""
    path = tmp_path / "all.jsonl"
    lasting = -3600  # written an hour ahead, so that the test may take its time
    path.write_text("\n".join([face(30, "", 1, "sad"), face(0, "", 2, "happy"), face(lasting, "", 2, "happy")]) + "\n")
    with service(tmp_path, status(path)) as at:
        found = ServiceQueries(at, None).faces_now()
    assert [(one.track, one.expression) for one in found.faces] == [(2, "happy")]
    assert datetime.fromisoformat(found.faces[0].since) <= NOW, "since its first happy reading"


@pytest.mark.parametrize("state", ["camera lost", "stalled", "starting", "stopping"])
def test_unknown_is_not_zero(tmp_path, log, state):
    """While no frames arrive, and without a service, the number of faces is unknown."""
    with service(tmp_path, status(log, state=state, faces=0)) as path:
        found = ServiceQueries(path, None).faces_now()
    assert (found.known, found.count, found.faces) == (False, None, None)
    assert found.note.startswith(state)
    alone = ServiceQueries(tmp_path / "none.sock", log)
    assert (alone.faces_now().count, alone.faces_now().note) == (None, "the service is not running")
    assert alone.camera_status().state == "not running"
    assert alone.camera_status().frames_per_second is None


def test_counts_only_withholds_the_faces(tmp_path):
    """With `privacy.counts_only` there are numbers, but no faces and no visits."""
    path = tmp_path / "counts.jsonl"
    counts = {"duration_s": 60.0, "frames": 600, "frames_with_face": 300, "most_faces": 1, "emotions": {"happy": 300}}
    path.write_text(line(30, "counts", **counts) + "\n")
    with service(tmp_path, status(path)) as path:
        queries = ServiceQueries(path, None)
        found, summed = queries.faces_now(), queries.summary(60)
    assert (found.known, found.count, found.faces) == (True, 1, None)
    assert "counts_only" in found.note
    assert summed.seconds_by_expression == {"happy": pytest.approx(30.0)}
    assert summed.visits is None
    assert "counts_only" in summed.note


def test_summary_covers_the_last_minutes(log):
    """The summary counts seconds, visits and gaps of the period alone."""
    queries = ServiceQueries(log.parent / "none.sock", log)
    hour, recent = queries.summary(60), queries.summary(20)
    assert hour.seconds_by_expression == {
        "sad": pytest.approx(100, abs=1),
        "happy": pytest.approx(300, abs=1),
        "neutral": pytest.approx(300, abs=1),
    }
    assert (hour.visits, hour.most_faces) == (2, 1)
    assert "camera lost: 1, 30 s in total" in hour.gaps
    assert set(recent.seconds_by_expression) == {"happy", "neutral"}
    assert recent.visits == 1
    assert not [gap for gap in recent.gaps if gap.startswith("camera lost")]


def test_summary_without_service_and_log_is_an_error(tmp_path):
    """Without `--log` and without a service there is no log to read."""
    with pytest.raises(LogError, match="give --log"):
        ServiceQueries(tmp_path / "none.sock", None).summary(60)


def test_status_names_every_problem(tmp_path, log):
    """The camera's state comes with the errors of log, clock and sinks."""
    sinks = [SinkStatus(name="mqtt", error="connection refused"), SinkStatus(name="page")]
    with service(tmp_path, status(log, log_error="disk full", sinks=sinks)) as path:
        found = ServiceQueries(path, None).camera_status()
    assert (found.state, found.source, found.frames_per_second) == ("running", "picamera", 15.0)
    assert found.problems == ["disk full", "mqtt: connection refused"]


def test_assistant_sees_tools_and_limits(tmp_path, log):
    """The client lists the tools and reads the label set; a wrong argument is refused, not answered."""

    async def look():
        async with Client(build_server(ServiceQueries(tmp_path / "none.sock", log))) as client:
            tools = (await client.list_tools()).tools
            text = (await client.read_resource("edge-emotion://labels")).contents[0].text
            refused = await client.call_tool("summary", {"minutes": -1})
            return [tool.name for tool in tools], text, refused.is_error

    names, text, refused = asyncio.run(look())
    assert names == ["faces_now", "summary", "camera_status"]
    assert text == LABELS_TEXT
    assert "uncertain" in text
    assert refused


def test_errors_reach_the_assistant_in_one_line(tmp_path):
    """A log that cannot be read becomes a tool error with the message for the user."""

    async def call():
        async with Client(build_server(ServiceQueries(tmp_path / "none.sock", tmp_path / "none.jsonl"))) as client:
            return await client.call_tool("summary", {})

    result = asyncio.run(call())
    assert result.is_error
    assert "expected a log" in result.content[0].text
    assert "Traceback" not in result.content[0].text


def test_standard_input_and_output(tmp_path, log):
    """The command serves a client over standard input and output."""
    arguments = ["-m", "edge", "mcp", "--socket", str(tmp_path / "status.sock")]
    with service(tmp_path, status(log)):
        found = ask(StdioServerParameters(command=sys.executable, args=arguments), "faces_now")
    assert found["count"] == 1
    assert found["faces"][0]["expression"] == "neutral"


@contextmanager
def http_server(*arguments):
    """Run the command with `--http`; yields the port once it listens."""
    port = free_port()
    command = [sys.executable, "-m", "edge", "mcp", "--http", str(port), *arguments]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as program:  # noqa: S603  # the product itself
        try:
            wait_for(lambda: connects(port))
            yield port
        finally:
            program.terminate()


def connects(port):
    """Return whether a server listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ping(port, **headers):
    """Send a request of the protocol; return the HTTP status."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()
    accepted = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/mcp", body, accepted | headers)  # http
    try:
        with urllib.request.urlopen(request) as response:  # noqa: S310  # http
            return response.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_http_on_loopback(tmp_path, log):
    """With `--http` the command serves a client on loopback, and refuses a web page that rebinds its name to it."""
    with service(tmp_path, status(log)) as path, http_server("--socket", str(path)) as port:
        found = ask(f"http://127.0.0.1:{port}/mcp", "camera_status")
        assert ping(port) == 200
        assert ping(port, Host="evil.example") == 421
        assert ping(port, Origin="http://evil.example") == 403
    assert found["state"] == "running"


def test_port_in_use_is_one_line(caplog):
    """A port that another program uses ends the command with exit code 3 and one line."""
    with socket.create_server(("127.0.0.1", free_port())) as server:
        assert main(["mcp", "--http", str(server.getsockname()[1])]) == 3
    assert "expected a free port" in caplog.text


@pytest.mark.parametrize("port", ["0", "65536", "x"])
def test_impossible_port_is_refused(port, capsys):
    """A port out of range is refused with exit code 2."""
    with pytest.raises(SystemExit) as exit_code:
        main(["mcp", "--http", port])
    assert exit_code.value.code == 2
    assert "--http" in capsys.readouterr().err
