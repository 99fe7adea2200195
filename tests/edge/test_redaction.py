"""User and password of a network camera appear in no message, log, status, page, metric, report or file."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import cv2
import pytest
from ports import free_port
from waiting import wait_for

from edge.errors import MAX_TEXT, ConfigError, EdgeError, redact
from edge.service.health import LastError
from edge.service.journal import LineFormatter
from edge.settings.load import make_settings, read_settings
from edge.settings.schema import SourceSettings
from edge.sources.address import parse_address
from edge.sources.open import open_source
from edge.status import query_status

sys.path += [str(Path(__file__).parent / "sources"), str(Path(__file__).parent / "sinks" / "mqtt")]
from mjpeg_server import MjpegServer  # it lies beside the tests of the sources
from mosquitto import MOSQUITTO, Listener, Mosquitto  # it lies beside those of MQTT

USER, PASSWORD = "janedoe", "geheim77"  # of no account
URL = f"rtsp://{USER}:{PASSWORD}@127.0.0.1:9/stream?channel=1&pwd={PASSWORD}"
SHOWN = "rtsp://***@127.0.0.1:9/stream?channel=1&pwd=***"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (URL, SHOWN),
        (f"RTSPS://{USER}@cam/", "RTSPS://***@cam/"),
        (f"http://cam/v?user={USER}&loginpas={PASSWORD}&res=1", "http://cam/v?user=***&loginpas=***&res=1"),
        (f"http://cam/v.cgi?u={USER}&p={PASSWORD}", "http://cam/v.cgi?u=***&p=***"),
        (f"rtsp://{USER}:{PASSWORD}/a@b@cam/x: refused", "rtsp://***@cam/x: refused"),
        (f"rtsp:/{USER}:{PASSWORD}@cam", "rtsp:/***@cam"),
        (
            f"gst:rtspsrc location=rtsp://c/ user-id={USER} user-pw='{PASSWORD} x' ! appsink",
            "gst:rtspsrc location=rtsp://c/ user-id=*** user-pw=*** ! appsink",
        ),
        (
            f'gst:souphttpsrc location="http://{USER}:{PASSWORD}@c/" ! appsink',
            'gst:souphttpsrc location="http://***@c/" ! appsink',
        ),
        ("udp://@239.0.0.1:5000", "udp://@239.0.0.1:5000"),
        ("http://cam/video?channel=2&size=640", "http://cam/video?channel=2&size=640"),
        ("readings.jsonl: expected x, found y@z: key=value", "readings.jsonl: expected x, found y@z: key=value"),
    ],
    ids=lambda text: re.sub(r"\W+", "-", redact(text))[:24],
)
def test_only_user_and_password_are_replaced(text, shown):
    """The rest of an address stays, so that two cameras can be told apart; other text stays as it is."""
    assert redact(text) == shown
    assert redact(shown) == shown


def has_secret(text):
    return USER in text or PASSWORD in text


@pytest.mark.parametrize(
    "use",
    [
        URL.replace("rtsp", "rstp"),
        URL.replace("rtsp", "file"),
        f"rtsp://{USER}:{PASSWORD}/x@cam/",
        f"rtsp://{USER}:{PASSWORD} x@cam/",
        f"rtsp://{USER}:{PASSWORD}@",
        f"http:/{USER}:{PASSWORD}@cam/",
    ],
    ids=["misspelt scheme", "file", "slash in password", "space in password", "no host", "one slash"],
)
def test_a_wrong_address_is_one_line_without_them(use):
    """The line says what is wrong, and shows neither."""
    with pytest.raises(EdgeError) as caught:
        open_source(SourceSettings(use=use))
    assert "expected" in str(caught.value)
    assert not has_secret(str(caught.value))


def test_no_object_shows_them():
    """The address that is passed around hides what the decoder opens from tracebacks and debug output."""
    address = parse_address(SourceSettings(use=URL), {})
    assert address.location == URL
    assert not has_secret(repr(address) + str(address))


@pytest.mark.parametrize(
    ("content", "error"),
    [("admin", "found no user or no colon"), (":secret", "found no user or no colon"), ("", "found none")],
    ids=["no colon", "no user", "empty"],
)
def test_credentials_that_cannot_be_used_are_one_line(tmp_path, content, error):
    """The line names the file, not what it contains."""
    path = tmp_path / "credentials"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=error) as caught:
        parse_address(SourceSettings(use="rtsp://cam/", credentials_file=str(path)), {})
    assert "secret" not in str(caught.value)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="expected a file that others cannot read"):
        parse_address(SourceSettings(use="rtsp://cam/", credentials_file=str(path)), {})


def test_settings_that_cannot_be_read_do_not_show_them(tmp_path):
    """Where the address stands in a wrong place, the message about it does not repeat the password."""
    path = tmp_path / "edge.toml"
    for text in (f'source = "{URL}"', f'[source]\nloop = "{URL}"', f'[source]\nuse = ["{URL}"]'):
        path.write_text(text)
        with pytest.raises(ConfigError) as caught:
            read_settings(path)
        assert not has_secret(str(caught.value))
    with pytest.raises(ConfigError) as caught:
        make_settings({"source": URL})
    assert not has_secret(str(caught.value))


@pytest.mark.parametrize(
    "words",
    [["run", URL], ["run", "--source", URL, "--loop"], ["run", "--source", URL, "--debug"]],
    ids=["no option", "loop", "traceback"],
)
def test_the_command_line_does_not_show_them(words, tmp_path):
    """Neither argparse's messages, nor errors, nor a traceback, for which the program is started as users do."""
    result = subprocess.run(  # noqa: S603  # our own words
        [sys.executable, "-m", "edge", *words], capture_output=True, text=True, check=False, cwd=tmp_path, timeout=120
    )
    assert result.returncode in {2, 3}
    assert result.stderr
    assert not has_secret(result.stdout + result.stderr)


def test_the_doctor_does_not_show_them(tmp_path):
    """Nor does any check's line."""
    path = tmp_path / "edge.toml"
    path.write_text(f'[source]\nuse = "{URL}"\n')
    result = subprocess.run(  # noqa: S603  # our own words
        [sys.executable, "-m", "edge", "doctor", "--config", str(path), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert SHOWN in result.stdout
    assert not has_secret(result.stdout + result.stderr)


def test_log_records_do_not_show_them():
    """A library's message about an address is redacted in the line, in its traceback and in the status."""
    try:
        int(URL)
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "cannot open %s", (URL,), sys.exc_info())
    assert SHOWN in LineFormatter().format(record)
    assert not has_secret(LineFormatter().format(record))
    last = LastError()
    last.emit(record)
    assert last.text == f"cannot open {SHOWN}"


@pytest.mark.slow
def test_a_run_shows_them_nowhere(tmp_path, demo_clip):
    """Log, readings, summary, status, metrics, page, hook, state folder, report and the process's own list of words."""
    pytest.importorskip("prometheus_client", reason="prometheus_client is not installed")
    pytest.importorskip("waitress", reason="waitress is not installed")
    clip = cv2.VideoCapture(str(demo_clip))
    for _ in range(60):
        clip.grab()
    picture = cv2.imencode(".jpg", clip.retrieve()[1])[1].tobytes()
    server = MjpegServer(free_port(), secret=f"{USER}:{PASSWORD}")
    end = server.show_always(picture, rate_hz=25)
    page, metrics, socket = free_port(), free_port(), tmp_path / "run" / "edge-emotion" / "runs"
    config = tmp_path / "edge.toml"
    config.write_text(
        f'[source]\nuse = "{server.url.replace("://", f"://{USER}:{PASSWORD}@")}&pwd={PASSWORD}"\nreopen = true\n'
        f"picture_timeout_s = 0\n[page]\nenabled = true\nport = {page}\n[metrics]\nenabled = true\nport = {metrics}\n"
        f'[hook]\ncommand = ["sh", "-c", "cat >> {tmp_path}/hook"]\n[log]\nflush_s = 0.1\n'
    )
    environment = os.environ | {"XDG_RUNTIME_DIR": str(tmp_path / "run"), "XDG_STATE_HOME": str(tmp_path / "state")}
    with (tmp_path / "output").open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  # our own words
            [
                sys.executable,
                "-m",
                "edge",
                "run",
                "--config",
                str(config),
                "--json",
                "--log",
                str(tmp_path / "log.jsonl"),
            ],
            env=environment,
            stdout=output,
            stderr=output,
            cwd=tmp_path,
        )
    seen = []
    try:
        (path,) = wait_for(lambda: list(socket.glob("*.sock")))
        wait_for(lambda: (tmp_path / "hook").exists() and query_status(path).state == "running")
        seen.append(Path(f"/proc/{process.pid}/cmdline").read_text())
        decoder = query_children(process.pid)
        seen += [Path(f"/proc/{child}/cmdline").read_text() for child in decoder]
        end()
        server.close()
        status = wait_for(lambda: s if (s := query_status(path)).state == "camera lost" else None)
        assert "127.0.0.1" in status.source
        assert "***@" in status.source
        seen.append(repr(status))
        for url in (f"http://127.0.0.1:{metrics}/metrics", f"http://127.0.0.1:{page}/"):
            seen.append(wait_for(lambda url=url: fetch(url)))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        end()
        server.close()
    subprocess.run(  # noqa: S603  # our own words
        [sys.executable, "-m", "edge", "report", str(tmp_path / "log.jsonl"), "--out", str(tmp_path / "report")],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert any("***@" in line.get("source", "") for line in lines)
    config.unlink()
    for file in tmp_path.rglob("*"):
        if file.is_file():
            seen.append(file.read_text(errors="replace"))
    assert len(seen) > 6
    assert [text for text in seen if has_secret(text)] == []


@pytest.mark.slow
@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: sudo make setup-system")
def test_mqtt_messages_show_them_nowhere(tmp_path, demo_clip):
    """Discovery, states, readings, errors and the queue on disk: while the camera is there and when it is lost."""
    pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed")
    clip = cv2.VideoCapture(str(demo_clip))
    for _ in range(60):
        clip.grab()
    server = MjpegServer(free_port(), secret=f"{USER}:{PASSWORD}")
    end = server.show_always(cv2.imencode(".jpg", clip.retrieve()[1])[1].tobytes(), rate_hz=25)
    with ExitStack() as undo:
        undo.callback(end)
        undo.callback(server.close)
        broker = Mosquitto(tmp_path)
        undo.callback(broker.close)
        broker.start()
        listener = Listener(broker.port)
        undo.callback(listener.close)
        config = tmp_path / "edge.toml"
        config.write_text(
            f'[source]\nuse = "{server.url.replace("://", f"://{USER}:{PASSWORD}@")}&pwd={PASSWORD}"\nreopen = true\n'
            f'picture_timeout_s = 0\n[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\ndevice_id = "pi"\n'
            f'queue = "{tmp_path}/queue"\nstate_interval_s = 1\n'
        )
        process = subprocess.Popen(  # noqa: S603  # our own words
            [sys.executable, "-m", "edge", "run", "--config", str(config), "--log", str(tmp_path / "log.jsonl")],
            env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=tmp_path,
        )
        undo.callback(process.wait)
        undo.callback(process.send_signal, signal.SIGINT)
        wait_for(listener.readings)
        end()
        server.close()
        wait_for(lambda: any("***@127.0.0.1" in payload for _, payload, _ in list(listener.messages)))
    config.unlink()
    assert any("/config" in topic for topic, _, _ in listener.messages)
    assert [message for message in listener.messages if has_secret(f"{message[0]} {message[1]}")] == []
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert [file for file in files if has_secret(file.read_text(errors="replace"))] == []


def fetch(url):
    """Return the content of a page; None while its server has not opened."""
    try:
        with urllib.request.urlopen(url) as reply:  # noqa: S310  # of this test
            return reply.read().decode()
    except urllib.error.URLError:
        return None


def query_children(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    threads = Path(f"/proc/{pid}/task").iterdir()
    return {*children, *(child for thread in threads for child in (thread / "children").read_text().split())}


@pytest.mark.parametrize(
    "secret", ["rtsp://user:{}@camera/live", 'rtspsrc user-pw="{}" ! fakesink', "http://c/?token={}"]
)
def test_a_long_text_is_cut_and_shows_no_part_of_a_password(secret):
    """Wherever the text is cut, the password before, at or after the cut is left out."""
    text = secret.format("hunter2" * 3)
    for place in range(MAX_TEXT - len(text) - 2, MAX_TEXT + 2):
        shown = redact("x" * (place - 1) + " " + text + " " + "y" * 100)
        assert "hunt" not in shown
        assert len(shown) < MAX_TEXT + 20


def test_the_time_for_a_long_text_is_bounded():
    """Without the cut the search would take hours: each `a+` may begin a URL."""
    began_s = time.process_time()
    redact("a+" * 500_000)
    assert time.process_time() - began_s < 5.0
