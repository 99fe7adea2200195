"""Says in one line why there is no connection to the broker, and what to do."""

import socket
import ssl
from datetime import UTC, datetime

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from edge.errors import SinkError
from edge.sinks.mqtt.broker import Broker

_NOT_YET_VALID, _EXPIRED, _OTHER_NAMES = 9, 10, (62, 64)
_UNSIGNED = (18, 19, 20, 21)
"""Source: OpenSSL, x509_vfy.h: X509_V_ERR_*."""

_UNSPECIFIED, _TAKEN_OVER = 128, 142
_BAD_PASSWORD, _NOT_AUTHORIZED = 134, 135
"""Source: MQTT 5, 2.4: reason codes."""


def no_connection(error: OSError, broker: Broker) -> SinkError:
    """Say why the connection could not be made."""
    where = broker.address
    if isinstance(error, ssl.SSLError):
        return SinkError(_no_tls(error, broker))
    if isinstance(error, socket.gaierror):
        why = (error.strerror or "").lower()
        return SinkError(
            f"mqtt.host: expected a name that resolves, found {broker.host}: {why}: check name and network"
        )
    if isinstance(error, ConnectionResetError) and broker.tls:
        return SinkError(f"expected TLS at {where}, found the connection closed: check mqtt.port and mqtt.tls")
    if isinstance(error, ConnectionRefusedError):
        return SinkError(f"expected a broker at {where}, found the port closed: start it, or set mqtt.port")
    if isinstance(error, TimeoutError):
        return SinkError(f"expected an answer from {where}, found none in time: check the network and its firewalls")
    return SinkError(f"expected a broker at {where}, found: {error.strerror or error}: check mqtt.host and the network")


def _no_tls(error: ssl.SSLError, broker: Broker) -> str:
    where = broker.address
    if not isinstance(error, ssl.SSLCertVerificationError):
        return f"expected TLS at {where}, found: {_readable(error)}: check mqtt.port and mqtt.tls"
    code = error.verify_code
    expected = f"expected a valid certificate at {where}, found one"
    if code == _EXPIRED:
        return f"{expected} that has expired by this machine's clock ({_today()}): renew it at the broker"
    if code == _NOT_YET_VALID:
        return f"{expected} that is not valid yet: this machine's clock says {_today()}: sudo timedatectl set-ntp true"
    if code in _OTHER_NAMES:
        return f"{expected} for another name than {broker.host}: set mqtt.host to the certificate's name"
    if code in _UNSIGNED:
        return f"{expected} that nobody trusted has signed: set mqtt.ca_file to the certificate of its authority"
    return f"{expected} that cannot be trusted ({error.verify_message}): replace it at the broker"


def refusal(reason: ReasonCode, broker: Broker) -> SinkError:
    """Say why the broker does not let us in."""
    if reason.value in {_BAD_PASSWORD, _NOT_AUTHORIZED}:
        who = f"user {broker.user}" if broker.user else "a client without a user name"
        return SinkError(
            f"expected {broker.address} to let {who} in, found: {_words(reason)}: check mqtt.username and its password"
        )
    return SinkError(f"expected {broker.address} to let us in, found: {_words(reason)}: see the broker's log")


def rejection(reason: ReasonCode, topic: str, broker: Broker) -> SinkError:
    """Say why the broker does not take a message."""
    return SinkError(
        f"expected {broker.address} to take {topic}, found: {_words(reason)}: see the broker's access list"
    )


def loss(reason: ReasonCode, detail: str, broker: Broker, *, welcomed: bool) -> SinkError:
    """Say why a connection has ended. detail: what the socket said; may be empty. welcomed: we were let in before."""
    where = broker.address
    if reason.value == _TAKEN_OVER and reason.packetType == PacketTypes.DISCONNECT:
        return SinkError(
            "expected a name of our own, found that another device uses it: set mqtt.device_id on one of them"
        )
    if "ALERT" in detail:
        return SinkError(
            f"expected {where} to accept our certificate, found: {_readable(detail)}: "
            "set mqtt.certificate_file and mqtt.key_file to valid ones"
        )
    if welcomed:
        why = detail or ("" if reason.value == _UNSPECIFIED else _words(reason)) or "without a word"
        return SinkError(
            f"expected {where} to stay, found the connection lost ({why}): see the broker's log, and whether "
            "another device has the same mqtt.device_id"
        )
    hint = (
        "does it want another certificate? see mqtt.certificate_file"
        if broker.tls
        else "does it expect TLS? set mqtt.tls"
    )
    return SinkError(f"expected an answer from {where}, found the connection closed: {hint}")


def _words(reason: ReasonCode) -> str:
    return str(reason).lower()


def _readable(error: object) -> str:
    """OpenSSL's reason without the name of its source file."""
    text = str(error)
    return text.partition("] ")[2].partition(" (_ssl")[0] or text


def _today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")
