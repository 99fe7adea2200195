"""Every failure of the connection becomes a one-line error that says what to do, and the connection is retried."""

import os
import pty
import select
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from certificates import OPENSSL, Authority
from mosquitto import PASSWD
from ports import free_port
from samples import make_observation
from waiting import wait_for

pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed")

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from edge.backoff import Backoff
from edge.errors import SinkError
from edge.sinks.mqtt import connection, publisher, topics
from edge.sinks.mqtt.broker import BrokerConfig
from edge.sinks.mqtt.errors import connection_lost

HERE = "127.0.0.1"

leaves_a_socket = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""paho-mqtt leaves the socket of a failed handshake to the garbage collector, which warns."""


@pytest.fixture(autouse=True)
def _short_back_off(monkeypatch):
    monkeypatch.setattr(publisher, "FIRST_WAIT_S", 0.05)


@pytest.fixture
def secret(tmp_path):
    """Return a function that writes a file only this user can read, and returns its path."""

    def secret(text, *, mode=0o600):
        path = tmp_path / "secret"
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    return secret


@pytest.fixture
def authority(tmp_path):
    if OPENSSL is None:
        pytest.skip("openssl is not installed")
    return Authority(tmp_path / "authority")


@pytest.fixture
def tls_broker(new_broker, authority):
    """Return a function that starts a broker with a certificate signed by `authority`."""

    def start(name=HERE, *lines, **dates):
        certificate, key = authority.sign(name, **dates)
        return new_broker(f"cafile {authority.file}", f"certfile {certificate}", f"keyfile {key}", *lines)

    return start


@pytest.fixture
def error_of(open_sink, caplog):
    """Return a function that opens a sink and returns its first error; the error is logged and readings are queued."""

    def error_of(settings, **environment):
        sink = open_sink(settings, **environment)
        error = wait_for(lambda: sink.error)
        sink.write(make_observation("happy"))
        assert "1 readings wait" in sink.note
        assert "\n" not in error
        warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert f"mqtt: {error}; trying again" in warnings
        return error

    return error_of


def wait_until_connected(sink):
    """Wait until a sink has published its first state, or has failed."""
    wait_for(lambda: sink.error or sink._publisher._was_announced)


def raise_no_thread(_thread):
    raise RuntimeError("can't start new thread")


def test_a_name_that_does_not_resolve(error_of, new_settings):
    """The error names the setting and the name."""
    error = error_of(new_settings(host="broker.invalid"))
    assert error.startswith("mqtt.host: expected a name that resolves, found broker.invalid: ")


def test_a_closed_port_is_retried_with_back_off_and_logged_once(error_of, new_settings, caplog, monkeypatch):
    """The waits double up to a minute, shortened at random so that many devices do not reconnect at the same moment."""
    waits = []

    class RecordingBackoff(Backoff):
        def next_s(self):
            waits.append(super().next_s())
            return 0.0

    monkeypatch.setattr(publisher, "FIRST_WAIT_S", 1.0)
    monkeypatch.setattr(publisher, "Backoff", RecordingBackoff)
    port = free_port()
    error = error_of(new_settings(port=port))
    assert error == f"expected a broker at {HERE}:{port}, found the port closed: start it, or set mqtt.port"
    wait_for(lambda: len(waits) > 12)
    bounds = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, *[60.0] * 6]
    shares = [wait_s / bound_s for wait_s, bound_s in zip(waits, bounds, strict=False)]
    assert all(0.5 <= share <= 1.0 for share in shares)
    assert len(set(shares)) > 1
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1


def test_a_broker_that_does_not_respond(error_of, new_settings, undo, monkeypatch):
    """If the broker accepts the connection and never responds, the sink gives up after a time limit."""
    monkeypatch.setattr(connection, "RESPONSE_TIMEOUT_S", 0.5)
    silent = undo.enter_context(socket.create_server((HERE, 0)))
    error = error_of(new_settings(port=silent.getsockname()[1]))
    assert "found none in time: check the network" in error


def test_a_slow_attempt_to_connect_is_an_error_before_it_ends(open_sink, new_settings, monkeypatch):
    """Looking up a name may never end: the status must not show a sink that has never connected as working."""
    monkeypatch.setattr(publisher, "SLOW_S", 0.1)
    with socket.create_server((HERE, 0)) as silent:
        port = silent.getsockname()[1]
        sink = open_sink(new_settings(port=port))
        error = wait_for(lambda: sink.error)
        assert error.startswith(f"no response from {HERE}:{port} for ")
        connection, _ = silent.accept()
    connection.close()


@pytest.fixture
def closed_broker(new_broker, tmp_path):
    """A broker that admits only user `ada`, with the password `right`."""
    passwords = tmp_path / "passwords"
    subprocess.run([PASSWD, "-b", "-c", passwords, "ada", "right"], check=True)  # noqa: S603  # a fixed program
    return new_broker("allow_anonymous false", f"password_file {passwords}")


def test_a_wrong_password(closed_broker, error_of, new_settings, secret):
    """The error names the user, but not the password."""
    error = error_of(new_settings(closed_broker, username="ada", password_file=secret("wrong\n")))
    assert "to let user ada in, found: not authorized: check mqtt.username and its password" in error
    assert "wrong" not in error


def test_no_password(closed_broker, error_of, new_settings):
    """If the broker requires a login and the settings have none, the error names a client without a user name."""
    assert "to let a client without a user name in, found: not authorized" in error_of(new_settings(closed_broker))


@pytest.mark.parametrize("given", ["file", "credential"])
def test_the_right_password(closed_broker, open_sink, new_settings, secret, tmp_path, given):
    """The password is in the file that the setting names, or in a systemd credential."""
    secret("right\n")
    settings = new_settings(closed_broker, username="ada", password_file=secret("right\n") if given == "file" else "")
    (tmp_path / "mqtt-password").write_text("right\n")
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)} if given == "credential" else {}
    sink = open_sink(settings, **environment)
    wait_until_connected(sink)
    assert sink.error == ""


BAD_CERTIFICATES = [
    ({"ends": "20210101000000Z"}, HERE, "that has expired by this machine's clock (20"),
    ({"begins": "20400101000000Z"}, HERE, "that is not valid yet: this machine's clock says 20"),
    ({}, "elsewhere.example", "for another name than 127.0.0.1: set mqtt.host"),
]


@leaves_a_socket
@pytest.mark.parametrize(("dates", "name", "text"), BAD_CERTIFICATES)
def test_a_bad_certificate_of_the_broker(tls_broker, error_of, new_settings, authority, dates, name, text):
    """The error says what is wrong; with an unset clock a good certificate looks like one that is not valid yet."""
    broker = tls_broker(name, **dates)
    assert text in error_of(new_settings(broker, tls=True, ca_file=str(authority.file)))


@leaves_a_socket
def test_a_certificate_from_an_unknown_authority(tls_broker, error_of, new_settings):
    """Without `ca_file` only the system's authorities are trusted."""
    error = error_of(new_settings(tls_broker(), tls=True))
    assert "from an unknown authority: set mqtt.ca_file" in error


@leaves_a_socket
def test_tls_on_one_side_only(tls_broker, broker, error_of, new_settings, authority, open_sink):
    """If only the broker or only the sink uses TLS, the error names the setting to check."""
    assert "check mqtt.port and mqtt.tls" in error_of(new_settings(broker, tls=True, ca_file=str(authority.file)))
    sink = open_sink(new_settings(tls_broker(), queue=str(authority.file.parent / "other")))
    wait_for(lambda: "does it expect TLS? set mqtt.tls" in sink.error)


@pytest.fixture
def strict_broker(tls_broker):
    """A broker that requires a certificate from each client."""
    return tls_broker(HERE, "require_certificate true", "use_identity_as_username true")


@pytest.mark.parametrize("kind", ["none", "expired", "another authority's"])
def test_a_bad_certificate_of_the_device(strict_broker, error_of, new_settings, authority, tmp_path, kind):
    """The broker refuses the connection, and the error names the setting."""
    client = {}
    if kind != "none":
        signer = authority if kind == "expired" else Authority(tmp_path / "another")
        certificate, key = signer.sign("pi", ends="20210101000000Z" if kind == "expired" else "20490101000000Z")
        client = {"certificate_file": str(certificate), "key_file": str(key)}
    error = error_of(new_settings(strict_broker, tls=True, ca_file=str(authority.file), **client))
    assert "mqtt.certificate_file" in error


@pytest.mark.parametrize("given", ["file", "credential"])
def test_a_good_certificate_of_the_device(strict_broker, open_sink, new_settings, authority, tmp_path, given):
    """Both sides authenticate by certificate, without a password; the key is in a file or a systemd credential."""
    certificate, key = authority.sign("pi")
    key.rename(tmp_path / "mqtt-key")
    client = {"certificate_file": str(certificate), "key_file": str(tmp_path / "mqtt-key") if given == "file" else ""}
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)} if given == "credential" else {}
    sink = open_sink(new_settings(strict_broker, tls=True, ca_file=str(authority.file), **client), **environment)
    wait_until_connected(sink)
    assert sink.error == ""


def test_a_credential_that_is_an_empty_line(closed_broker, error_of, new_settings, tmp_path):
    """If the credential is an empty line, which the unit provides if none is stored, the sink uses no password."""
    (tmp_path / "mqtt-password").write_text("\n")
    error = error_of(new_settings(closed_broker, username="ada"), CREDENTIALS_DIRECTORY=str(tmp_path))
    assert "to let user ada in, found: not authorized" in error


def test_openssl_does_not_prompt_for_a_keys_password(authority, tmp_path):
    """At a terminal the program would wait for a person; an encrypted key is an error instead."""
    certificate, key = authority.sign("pi")
    locked = tmp_path / "locked"
    command = [OPENSSL, "ec", "-in", key, "-aes256", "-passout", "pass:word", "-out", locked]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603  # a fixed program
    locked.chmod(0o600)
    code = (
        "import sys; from edge.settings.sinks import MqttSettings\n"
        "from edge.sinks.mqtt.broker import read_broker_config\n"
        "read_broker_config(MqttSettings(tls=True, certificate_file=sys.argv[1], key_file=sys.argv[2]), 'pi', None)"
    )
    process, terminal = pty.fork()
    if not process:
        os.execv(sys.executable, [sys.executable, "-c", code, certificate, locked])  # noqa: S606  # this interpreter
    output = b""
    with suppress(OSError):  # reading fails when the process has closed the terminal
        while select.select([terminal], [], [], 60)[0] and (part := os.read(terminal, 4096)):
            output += part
            assert b"pass phrase" not in output
    os.close(terminal)
    os.waitpid(process, 0)
    assert b"expected a certificate in PEM and its key without a password at" in output


def test_an_unexpected_exception_does_not_end_the_thread(broker, open_sink, new_settings, run_status, caplog):
    """An unexpected exception is reported with its type, and the connection is retried."""
    good, run_status.value = run_status.value, None
    sink = open_sink(new_settings(broker))
    wait_for(lambda: sink.error.startswith("unexpected AttributeError: "))
    run_status.value = good
    wait_for(lambda: not sink.error)
    assert "trying again" in caplog.text


def test_a_broker_that_refuses_every_message(new_broker, error_of, new_settings, tmp_path):
    """The error names the first topic that is refused."""
    (tmp_path / "access").write_text("topic read #\n")
    error = error_of(new_settings(new_broker(f"acl_file {tmp_path / 'access'}"), discovery=""))
    assert "to accept edge-emotion/pi/state, found: not authorized: see the broker's access list" in error


def test_a_broker_that_refuses_readings_only(new_broker, new_settings, tmp_path, caplog, open_sink, listen):
    """Readings stay queued, each retry reconnects but is logged only once, and availability becomes `offline`."""
    allowed = [f"topic readwrite edge-emotion/pi/{name}\n" for name in ("state", "availability")]
    (tmp_path / "access").write_text("".join(allowed))
    broker = new_broker(f"acl_file {tmp_path / 'access'}")
    listener = listen(broker, topic="edge-emotion/pi/availability")
    sink = open_sink(new_settings(broker, discovery=""))
    sink.write(make_observation("happy"))
    wait_for(lambda: listener.payloads("/availability")[:2] == ["online", "offline"])
    wait_for(lambda: "to accept edge-emotion/pi/reading, found: not authorized" in sink.error)
    caplog.set_level("INFO")
    wait_for(lambda: caplog.messages.count(f"mqtt: connected to {HERE}:{broker.port}") > 2)
    assert sink.stored == 1
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1


DUPLICATE = (
    "expected a device id that no other device has, found another device using edge-emotion-pi: "
    "set mqtt.device_id on one of them"
)


def test_two_devices_with_the_same_id(broker, open_sink, new_settings, tmp_path, caplog):
    """The broker disconnects one when the other connects. Both name the id, also while they are connected."""
    sinks = [open_sink(new_settings(broker))]
    wait_until_connected(sinks[0])
    sinks.append(open_sink(new_settings(broker, queue=str(tmp_path / "second"))))
    for sink in sinks:
        wait_for(lambda sink=sink: sink._publisher._duplicate)
        wait_for(lambda sink=sink: sink.error == DUPLICATE)
    assert any(message.startswith(f"mqtt: {DUPLICATE}") for message in caplog.messages)


def test_two_devices_with_the_same_topics_that_do_not_disconnect_each_other(broker, open_sink, new_settings, listen):
    """With client ids of their own, as when the broker uses the user name, the state shows that there are two."""
    listener = listen(broker)
    sink = open_sink(new_settings(broker))
    wait_until_connected(sink)
    assert sink.error == ""
    listener.publish("edge-emotion/pi/state", '{"run": "another"}')
    wait_for(lambda: sink.error == DUPLICATE)


def test_a_duplicate_that_is_gone_is_forgotten(broker, open_sink, new_settings, listen, monkeypatch):
    """The error ends some time after the other device was noticed last."""
    listener = listen(broker)
    sink = open_sink(new_settings(broker))
    wait_until_connected(sink)
    listener.publish("edge-emotion/pi/state", '{"run": "another"}')
    wait_for(lambda: sink.error)
    monkeypatch.setattr(publisher, "STEADY_S", 0.0)
    assert sink.error == ""


@pytest.mark.parametrize("kept", ["", "no JSON", '{"run": "before"}', '{"faces": 1}'])
def test_a_restart_is_no_duplicate(broker, open_sink, new_settings, listen, kept):
    """The state that the broker has kept from before the restart is the device's own."""
    listener = listen(broker)
    listener.publish("edge-emotion/pi/state", kept, retain=True)
    sink = open_sink(new_settings(broker))
    sink.write(make_observation("happy"))
    wait_for(listener.readings)
    assert sink._publisher._duplicate == ""


def test_a_corrected_password_is_used_without_a_restart(closed_broker, open_sink, new_settings, secret):
    """The password's file is read for each connection."""
    sink = open_sink(new_settings(closed_broker, username="ada", password_file=secret("wrong\n")))
    wait_for(lambda: "not authorized" in sink.error)
    secret("right\n")
    wait_for(lambda: sink.error == "")


def test_a_password_file_that_is_gone_for_a_moment(closed_broker, open_sink, new_settings, secret):
    """While the file is replaced the error names it, and the connection is tried again."""
    path = secret("right\n")
    sink = open_sink(new_settings(closed_broker, username="ada", password_file=path))
    wait_until_connected(sink)
    Path(path).unlink()
    closed_broker.stop()
    closed_broker.start()
    wait_for(lambda: "mqtt.password_file: expected a file that this user can read" in sink.error)
    secret("right\n")
    wait_for(lambda: sink.error == "")


def test_a_renewed_certificate_is_used_without_a_restart(strict_broker, open_sink, new_settings, authority, tmp_path):
    """An expired certificate of the device is replaced while the sink is running."""
    paths = {"certificate_file": tmp_path / "own.pem", "key_file": tmp_path / "own.key"}

    def install(**dates):
        for path, signed in zip(paths.values(), authority.sign("pi", **dates), strict=True):
            path.write_bytes(signed.read_bytes())
            path.chmod(0o600)

    install(ends="20210101000000Z")
    files = {key: str(path) for key, path in paths.items()}
    sink = open_sink(new_settings(strict_broker, tls=True, ca_file=str(authority.file), **files))
    wait_for(lambda: "mqtt.certificate_file" in sink.error)
    install()
    wait_for(lambda: sink.error == "")


def test_a_broker_that_gives_the_reason_for_a_disconnect():
    """If the broker gives `session taken over` as the reason, the error says that another device has the id."""
    reason = ReasonCode(PacketTypes.DISCONNECT, identifier=142)
    broker = BrokerConfig("mqtt.home", 1883, None, None, None)
    error = connection_lost(reason, "", broker, client_id="edge-emotion-pi", was_accepted=True)
    assert str(error).endswith("found another device using edge-emotion-pi: set mqtt.device_id on one of them")


def test_readings_arrive_once_the_fault_is_over(lasting_broker, error_of, new_settings, listen, caplog):
    """Readings queued during a fault arrive once it is over, and the recovered connection is logged."""
    caplog.set_level("INFO")
    listener = listen(lasting_broker, clean_session=False)
    lasting_broker.stop()
    error_of(new_settings(lasting_broker))
    lasting_broker.start()
    wait_for(listener.readings)
    assert f"mqtt: connected to {HERE}:{lasting_broker.port}" in caplog.messages


@pytest.mark.timeout(60)
def test_a_password_file_that_is_a_pipe(new_settings, open_sink, tmp_path):
    """A password file that is a pipe is refused: opening it would block until somebody writes to it."""
    os.mkfifo(tmp_path / "pipe", mode=0o600)
    with pytest.raises(SinkError, match=r"mqtt\.password_file: expected a file at .*pipe, found something else"):
        open_sink(new_settings(port=1, username="ada", password_file=str(tmp_path / "pipe")))


def test_a_machine_without_an_id(new_settings, open_sink, monkeypatch):
    """On a machine without an id the sink refuses to start: all such machines would share their topics."""
    monkeypatch.setattr(topics, "find_device_id", lambda: "")
    with pytest.raises(SinkError, match=r"mqtt\.device_id: expected a board's serial number or /etc/machine-id"):
        open_sink(new_settings(port=1, device_id=""))


WRONG_SETTINGS = [
    ({"topic": "home/#"}, "mqtt.topic: expected words between slashes"),
    ({"topic": "home/+/cam"}, "mqtt.topic: expected words between slashes"),
    ({"topic": "/home"}, "mqtt.topic: expected words between slashes"),
    ({"topic": ""}, "mqtt.topic: expected words between slashes"),
    ({"topic": "$SYS/home"}, "mqtt.topic: expected words between slashes"),
    ({"topic": "living room"}, "mqtt.topic: expected words between slashes"),
    ({"topic": "home\x00"}, "mqtt.topic: expected words between slashes"),
    ({"discovery": "home assistant"}, "mqtt.discovery: expected words between slashes"),
    ({"device_id": "living room"}, "mqtt.device_id: expected 1 to 64 letters, digits, _ or -, found 'living room'"),
    ({"device_id": "a/b"}, "mqtt.device_id: expected"),
    ({"password_file": "{folder}/none", "username": "ada"}, "mqtt.password_file: expected a file that this user can"),
    ({"password_file": "{folder}", "username": "ada"}, "mqtt.password_file: expected a file"),
    ({"password_file": "{folder}/empty", "username": "ada"}, "expected a password on the first line, found none"),
    ({"password_file": "{folder}/binary", "username": "ada"}, "expected a password as UTF-8 text"),
    ({"password_file": "{folder}/open", "username": "ada"}, "with mode 0644: chmod 600 "),
    ({"password_file": "{folder}/closed"}, "mqtt.username: expected a name that goes with mqtt.password_file"),
    ({"ca_file": "{folder}/closed"}, "mqtt.tls: expected true with mqtt.ca_file, found false"),
    ({"tls": True, "ca_file": "{folder}/none"}, "mqtt.ca_file: expected certificates in PEM at"),
    ({"tls": True, "ca_file": "{folder}/closed"}, "mqtt.ca_file: expected certificates in PEM at"),
    ({"tls": True, "key_file": "{folder}/closed"}, "mqtt.certificate_file: expected the certificate that goes with"),
    ({"tls": True, "certificate_file": "{folder}/closed"}, "mqtt.certificate_file: expected a certificate in PEM"),
    ({"tls": True, "certificate_file": "{folder}/open"}, "mqtt.certificate_file: expected a file that others cannot"),
    (
        {"tls": True, "certificate_file": "{folder}/closed", "key_file": "{folder}/open"},
        "mqtt.key_file: expected a file",
    ),
    ({"queue": "{folder}/closed/queue"}, "expected a queue that can be written, found: "),
]


@pytest.mark.parametrize(("values", "text"), WRONG_SETTINGS)
def test_a_setting_that_cannot_be_used(new_settings, open_sink, tmp_path, values, text):
    """A setting that cannot be used is refused before anything is sent, in one line that reveals no secret."""
    for name, mode in (("open", 0o644), ("closed", 0o600), ("empty", 0o600)):
        (tmp_path / name).write_text("" if name == "empty" else "secret\n")
        (tmp_path / name).chmod(mode)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "binary").chmod(0o600)
    given = {key: value.format(folder=tmp_path) if isinstance(value, str) else value for key, value in values.items()}
    with pytest.raises(SinkError) as caught:
        open_sink(new_settings(port=1, **given))
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_sink_that_cannot_be_opened_releases_its_queue(new_settings, open_sink, monkeypatch):
    """If no thread can be started, the next try finds the queue unlocked."""
    settings = new_settings(port=free_port())
    with monkeypatch.context() as patch:
        patch.setattr(publisher.threading.Thread, "start", raise_no_thread)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            open_sink(settings)
    open_sink(settings)
