"""What keeps readings from the broker is told in one line that says what to do, and is tried again."""

import os
import pty
import select
import socket
import subprocess
import sys
from contextlib import suppress

import pytest
from certificates import OPENSSL, Authority
from mosquitto import PASSWD, free_port, wait_for

pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed: pip install '.[mqtt]' in the project's folder")

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from edge.errors import SinkError
from edge.sinks.mqtt import link, session, topics
from edge.sinks.mqtt.broker import Broker
from edge.sinks.mqtt.faults import loss

HERE = "127.0.0.1"

leaves_a_socket = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""paho-mqtt leaves the socket of a handshake that failed to the garbage collector, which complains."""


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    monkeypatch.setattr(link, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(session, "ANSWER_S", 1.0)


@pytest.fixture
def secret(tmp_path):
    """Write a file that nobody else may read."""

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
    """Start a broker with a certificate that the authority has signed."""

    def start(name=HERE, *lines, **dates):
        certificate, key = authority.sign(name, **dates)
        return new_broker(f"cafile {authority.file}", f"certfile {certificate}", f"keyfile {key}", *lines)

    return start


@pytest.fixture
def fault(open_sink, seen, caplog):
    """Open a sink, wait until it tells of a fault, and return that; the sink goes on taking readings."""

    def fault(settings, **environment):
        sink = open_sink(settings, **environment)
        found = wait_for(lambda: sink.error)
        sink.write(seen(0, "happy"))
        assert "1 readings wait" in sink.note
        assert "\n" not in found
        told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert f"mqtt: {found}; trying again" in told
        return found

    return fault


def test_a_name_that_does_not_resolve(fault, new_settings):
    """The name is told, and that it is the name."""
    found = fault(new_settings(host="broker.invalid"))
    assert found.startswith("mqtt.host: expected a name that resolves, found broker.invalid: ")


def test_a_closed_port_is_tried_again_and_told_once(fault, new_settings, caplog, monkeypatch):
    """The same fault again does not fill the log, and the waits grow up to a minute."""
    waits = []
    monkeypatch.setattr(link.random, "uniform", lambda low, high: waits.append((low, high)) or 0.0)
    port = free_port()
    found = fault(new_settings(port=port))
    assert found == f"expected a broker at {HERE}:{port}, found the port closed: start it, or set mqtt.port"
    wait_for(lambda: len(waits) > 12)
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1


def test_the_waits_between_two_tries_grow(new_settings, open_sink, monkeypatch):
    """They double up to a minute; each is shortened by chance, so that a thousand devices do not come all at once."""
    sink = open_sink(new_settings(port=free_port()))
    it = sink._link
    waits = []
    wait_for(lambda: it.error)
    monkeypatch.setattr(link, "LONGEST_WAIT_S", 0.4)
    monkeypatch.setattr(it._stop, "wait", lambda wait_s: waits.append((it._wait_s, wait_s)))
    wait_for(lambda: len(waits) > 8)
    full, true = zip(*waits[:8], strict=True)
    assert list(full) == sorted(full)
    assert full[-1] == 0.4
    assert all(0.5 * wait_s <= chosen_s <= wait_s for wait_s, chosen_s in waits)
    assert len({chosen / wait for wait, chosen in waits}) > 1, true


def test_a_broker_that_says_nothing(fault, new_settings, undo):
    """It is not waited for for ever."""
    deaf = undo.enter_context(socket.create_server((HERE, 0)))
    found = fault(new_settings(port=deaf.getsockname()[1]))
    assert "found none in time: check the network" in found


@pytest.fixture
def closed_broker(new_broker, tmp_path):
    """A broker that lets in Ada alone, with the password `right`."""
    passwords = tmp_path / "passwords"
    subprocess.run([PASSWD, "-b", "-c", passwords, "ada", "right"], check=True)  # noqa: S603  # ours
    return new_broker("allow_anonymous false", f"password_file {passwords}")


def test_a_wrong_password(closed_broker, fault, new_settings, secret):
    """The user is named, the password is not."""
    found = fault(new_settings(closed_broker, username="ada", password_file=secret("wrong\n")))
    assert "to let user ada in, found: not authorized: check mqtt.username and its password" in found
    assert "wrong" not in found


def test_no_password(closed_broker, fault, new_settings):
    """It says that no user was named."""
    assert "to let a client without a user name in, found: not authorized" in fault(new_settings(closed_broker))


@pytest.mark.parametrize("given", ["file", "credential"])
def test_the_right_password(closed_broker, open_sink, new_settings, secret, tmp_path, given):
    """From a file, or from systemd."""
    secret("right\n")
    settings = new_settings(closed_broker, username="ada", password_file=secret("right\n") if given == "file" else "")
    (tmp_path / "mqtt-password").write_text("right\n")
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)} if given == "credential" else {}
    sink = open_sink(settings, **environment)
    wait_for(lambda: sink._link.error or sink._presence._told)
    assert sink.error == ""


BAD_CERTIFICATES = [
    ({"ends": "20210101000000Z"}, HERE, "that has expired by this machine's clock (20"),
    ({"begins": "20400101000000Z"}, HERE, "that is not valid yet: this machine's clock says 20"),
    ({}, "elsewhere.example", "for another name than 127.0.0.1: set mqtt.host"),
]


@leaves_a_socket
@pytest.mark.parametrize(("dates", "name", "words"), BAD_CERTIFICATES)
def test_a_bad_certificate_at_the_broker(tls_broker, fault, new_settings, authority, dates, name, words):
    """What is wrong with it is told; a clock that is not set looks like a certificate that is not valid yet."""
    broker = tls_broker(name, **dates)
    assert words in fault(new_settings(broker, tls=True, ca_file=str(authority.file)))


@leaves_a_socket
def test_a_certificate_that_nobody_trusted_has_signed(tls_broker, fault, new_settings):
    """The system's authorities do not know ours."""
    found = fault(new_settings(tls_broker(), tls=True))
    assert "that nobody trusted has signed: set mqtt.ca_file" in found


@leaves_a_socket
def test_tls_where_there_is_none_and_none_where_there_is(tls_broker, broker, fault, new_settings, authority, open_sink):
    """Each says which setting is in question."""
    assert "check mqtt.port and mqtt.tls" in fault(new_settings(broker, tls=True, ca_file=str(authority.file)))
    sink = open_sink(new_settings(tls_broker(), queue=str(authority.file.parent / "other")))
    wait_for(lambda: "does it expect TLS? set mqtt.tls" in sink.error)


@pytest.fixture
def strict_broker(tls_broker):
    """A broker that asks each client for a certificate."""
    return tls_broker(HERE, "require_certificate true", "use_identity_as_username true")


@pytest.mark.parametrize("kind", ["none", "expired", "another authority's"])
def test_a_bad_certificate_of_ours(strict_broker, fault, new_settings, authority, tmp_path, kind):
    """The broker refuses us; the setting is named."""
    ours = {}
    if kind != "none":
        signer = authority if kind == "expired" else Authority(tmp_path / "another")
        certificate, key = signer.sign("pi", ends="20210101000000Z" if kind == "expired" else "20490101000000Z")
        ours = {"certificate_file": str(certificate), "key_file": str(key)}
    assert "mqtt.certificate_file" in fault(new_settings(strict_broker, tls=True, ca_file=str(authority.file), **ours))


@pytest.mark.parametrize("given", ["file", "credential"])
def test_a_good_certificate_of_ours(strict_broker, open_sink, new_settings, authority, tmp_path, given):
    """Encrypted, both sides known to each other, and no password; the key from a file, or from systemd."""
    certificate, key = authority.sign("pi")
    key.rename(tmp_path / "mqtt-key")
    ours = {"certificate_file": str(certificate), "key_file": str(tmp_path / "mqtt-key") if given == "file" else ""}
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)} if given == "credential" else {}
    sink = open_sink(new_settings(strict_broker, tls=True, ca_file=str(authority.file), **ours), **environment)
    wait_for(lambda: sink._link.error or sink._presence._told)
    assert sink.error == ""


def test_a_credential_that_is_an_empty_line(closed_broker, fault, new_settings, tmp_path):
    """The unit hands one over where no password was stored: that is none, and the broker's word counts."""
    (tmp_path / "mqtt-password").write_text("\n")
    found = fault(new_settings(closed_broker, username="ada"), CREDENTIALS_DIRECTORY=str(tmp_path))
    assert "to let user ada in, found: not authorized" in found


def test_a_key_with_a_password_is_not_asked_for(authority, tmp_path):
    """A service has no terminal, and a user's would wait for an answer."""
    certificate, key = authority.sign("pi")
    locked = tmp_path / "locked"
    words = [OPENSSL, "ec", "-in", key, "-aes256", "-passout", "pass:word", "-out", locked]
    subprocess.run(words, check=True, capture_output=True)  # noqa: S603  # ours
    locked.chmod(0o600)
    code = (
        "import sys; from edge.sink_settings import MqttSettings; from edge.sinks.mqtt.broker import read_broker\n"
        "read_broker(MqttSettings(tls=True, certificate_file=sys.argv[1], key_file=sys.argv[2]), 'pi', None)"
    )
    process, terminal = pty.fork()
    if not process:
        os.execv(sys.executable, [sys.executable, "-c", code, certificate, locked])  # noqa: S606  # ours
    said = b""
    with suppress(OSError):  # the terminal is closed with the process
        while select.select([terminal], [], [], 20)[0] and (part := os.read(terminal, 4096)):
            said += part
            assert b"pass phrase" not in said
    os.close(terminal)
    os.waitpid(process, 0)
    assert b"expected a certificate in PEM and its key without a password at" in said


def test_a_status_that_cannot_be_had(broker, open_sink, new_settings, world, caplog):
    """An error that nobody foresaw is told as such, and does not end the thread."""
    good, world.status = world.status, None
    sink = open_sink(new_settings(broker))
    wait_for(lambda: sink.error.startswith("unexpected AttributeError: "))
    world.status = good
    wait_for(lambda: not sink.error)
    assert "trying again" in caplog.text


def test_a_broker_that_takes_nothing_from_us(new_broker, fault, new_settings, tmp_path):
    """What it refuses is kept, and told."""
    (tmp_path / "access").write_text("topic read #\n")
    found = fault(new_settings(new_broker(f"acl_file {tmp_path / 'access'}"), discovery=""))
    assert "to take edge-emotion/pi/availability, found: not authorized: see the broker's access list" in found


def test_readings_that_alone_are_not_taken(new_broker, new_settings, tmp_path, caplog, open_sink, seen, listen):
    """They are kept; it is told once, though each try connects again; the Last Will says that nothing comes."""
    allowed = [f"topic readwrite edge-emotion/pi/{what}\n" for what in ("state", "availability")]
    (tmp_path / "access").write_text("".join(allowed))
    broker = new_broker(f"acl_file {tmp_path / 'access'}")
    listener = listen(broker, topic="edge-emotion/pi/availability")
    sink = open_sink(new_settings(broker, discovery=""))
    sink.write(seen(0, "happy"))
    wait_for(lambda: listener.on("/availability")[:2] == ["online", "offline"])
    wait_for(lambda: "to take edge-emotion/pi/reading, found: not authorized" in sink.error)
    caplog.set_level("INFO")
    wait_for(lambda: caplog.messages.count(f"mqtt: connected to {HERE}:{broker.port}") > 2)
    assert sink.stored == 1
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1


def test_two_devices_of_one_name(broker, open_sink, new_settings, tmp_path):
    """The broker throws the first one out when the second comes: the line names the setting."""
    first = open_sink(new_settings(broker))
    wait_for(lambda: first._presence._told)
    open_sink(new_settings(broker, queue=str(tmp_path / "second")))
    wait_for(lambda: "another device has the same mqtt.device_id" in first.error)


def test_a_broker_that_says_why_it_throws_us_out():
    """Not every broker does; where it does, it is told more plainly."""
    reason = ReasonCode(PacketTypes.DISCONNECT, identifier=142)
    fault = loss(reason, "", Broker("mqtt.home", 1883, None, None, None), welcomed=True)
    assert str(fault).endswith("found that another device uses it: set mqtt.device_id on one of them")


def test_when_it_is_mended_readings_arrive(lasting_broker, fault, new_settings, listen, caplog):
    """The fault is over, and told to be."""
    caplog.set_level("INFO")
    listener = listen(lasting_broker, clean_session=False)
    lasting_broker.stop()
    fault(new_settings(lasting_broker))
    lasting_broker.start()
    wait_for(listener.readings)
    assert f"mqtt: connected to {HERE}:{lasting_broker.port}" in caplog.messages


@pytest.mark.timeout(60)
def test_a_password_file_that_is_no_file(new_settings, open_sink, tmp_path):
    """A pipe would be waited for, and nothing would ever be told."""
    os.mkfifo(tmp_path / "pipe", mode=0o600)
    with pytest.raises(SinkError, match=r"mqtt\.password_file: expected a file at .*pipe, found something else"):
        open_sink(new_settings(port=1, username="ada", password_file=str(tmp_path / "pipe")))


def test_a_machine_with_nothing_to_be_told_by(new_settings, open_sink, monkeypatch):
    """All such machines would share a name."""
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


@pytest.mark.parametrize(("values", "words"), WRONG_SETTINGS)
def test_a_setting_that_cannot_be_used(new_settings, open_sink, tmp_path, values, words):
    """It is told before anything is sent, in one line."""
    for name, mode in (("open", 0o644), ("closed", 0o600), ("empty", 0o600)):
        (tmp_path / name).write_text("" if name == "empty" else "secret\n")
        (tmp_path / name).chmod(mode)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "binary").chmod(0o600)
    given = {key: value.format(folder=tmp_path) if isinstance(value, str) else value for key, value in values.items()}
    with pytest.raises(SinkError) as caught:
        open_sink(new_settings(port=1, **given))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
