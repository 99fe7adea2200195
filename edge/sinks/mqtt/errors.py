"""Turns a failed or lost connection into a one-line error that says what to do."""

import socket
import ssl
from datetime import UTC, datetime

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from edge.errors import SinkError
from edge.sinks.mqtt.broker import BrokerConfig

_NOT_YET_VALID, _EXPIRED, _NAME_MISMATCHES = 9, 10, (62, 64)
_UNKNOWN_ISSUERS = (18, 19, 20, 21)
"""Source: OpenSSL, x509_vfy.h: X509_V_ERR_*."""

_UNSPECIFIED, _SESSION_TAKEN_OVER = 128, 142
_MALFORMED, _PROTOCOL_ERROR, _UNSUPPORTED_PROTOCOL = 129, 130, 132
_BAD_PASSWORD, _NOT_AUTHORIZED = 134, 135
"""Source: MQTT 5, 2.4: reason codes."""


class ProtocolRefusedError(SinkError):
    """The broker may not know the version of MQTT that it was offered."""


class DuplicateIdError(SinkError):
    """Another client uses this device's id."""

    def __init__(self, client_id: str) -> None:
        super().__init__(
            f"expected a device id that no other device has, found another device using {client_id}: "
            "set mqtt.device_id on one of them"
        )


def connect_failed(error: OSError, broker: BrokerConfig) -> SinkError:
    """Return the error for a connection that could not be made."""
    where = broker.address
    if isinstance(error, ssl.SSLError):
        return SinkError(_describe_tls(error, broker))
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
        return SinkError(f"expected a response from {where}, found none in time: check the network and its firewalls")
    return SinkError(f"expected a broker at {where}, found: {error.strerror or error}: check mqtt.host and the network")


def _describe_tls(error: ssl.SSLError, broker: BrokerConfig) -> str:
    where = broker.address
    if not isinstance(error, ssl.SSLCertVerificationError):
        return f"expected TLS at {where}, found: {_openssl_reason(error)}: check mqtt.port and mqtt.tls"
    code = error.verify_code
    expected = f"expected a valid certificate at {where}, found one"
    if code == _EXPIRED:
        return f"{expected} that has expired by this machine's clock ({_today()}): renew it at the broker"
    if code == _NOT_YET_VALID:
        return f"{expected} that is not valid yet: this machine's clock says {_today()}: sudo timedatectl set-ntp true"
    if code in _NAME_MISMATCHES:
        return f"{expected} for another name than {broker.host}: set mqtt.host to the certificate's name"
    if code in _UNKNOWN_ISSUERS:
        return f"{expected} from an unknown authority: set mqtt.ca_file to that authority's certificate"
    return f"{expected} that cannot be trusted ({error.verify_message}): replace it at the broker"


def login_refused(reason: ReasonCode, broker: BrokerConfig) -> SinkError:
    """Return the error for a broker that refuses the login."""
    if reason.value in {_BAD_PASSWORD, _NOT_AUTHORIZED}:
        who = f"user {broker.user}" if broker.user else "a client without a user name"
        return SinkError(
            f"expected {broker.address} to let {who} in, found: {_text(reason)}: check mqtt.username and its password"
        )
    text = f"expected {broker.address} to let us in, found: {_text(reason)}: see the broker's log"
    is_version = reason.value in {_MALFORMED, _PROTOCOL_ERROR, _UNSUPPORTED_PROTOCOL}
    return ProtocolRefusedError(text) if is_version else SinkError(text)


def message_refused(reason: ReasonCode, topic: str, broker: BrokerConfig) -> SinkError:
    """Return the error for a broker that refuses a message on `topic`."""
    return SinkError(
        f"expected {broker.address} to accept {topic}, found: {_text(reason)}: see the broker's access list"
    )


def connection_lost(
    reason: ReasonCode, detail: str, broker: BrokerConfig, *, client_id: str, was_accepted: bool
) -> SinkError:
    """Return the error for a connection that has ended.

    Args:
        reason: reason code of the disconnect.
        detail: text of the socket's error; may be empty.
        broker: where we were connected.
        client_id: name by which the broker knew us.
        was_accepted: whether the broker had accepted the login.
    """
    where = broker.address
    if reason.value == _SESSION_TAKEN_OVER and reason.packetType == PacketTypes.DISCONNECT:
        return DuplicateIdError(client_id)
    if "ALERT" in detail:
        return SinkError(
            f"expected {where} to accept our certificate, found: {_openssl_reason(detail)}: "
            "set mqtt.certificate_file and mqtt.key_file to valid ones"
        )
    if was_accepted:
        why = detail or ("" if reason.value == _UNSPECIFIED else _text(reason)) or "no reason given"
        return SinkError(
            f"expected {where} to stay, found the connection lost ({why}): see the broker's log, and whether "
            "another device has the same mqtt.device_id"
        )
    hint = (
        "does it want another certificate? see mqtt.certificate_file"
        if broker.tls
        else "does it expect TLS? set mqtt.tls"
    )
    return ProtocolRefusedError(f"expected a response from {where}, found the connection closed: {hint}")


def protocol_broken(error: Exception, broker: BrokerConfig) -> SinkError:
    """Return the error for packets that paho cannot read, for which it raises errors of many types."""
    return SinkError(
        f"expected MQTT at {broker.address}, found packets that are none ({type(error).__name__}: {error}): check "
        "mqtt.host and mqtt.port"
    )


def _text(reason: ReasonCode) -> str:
    return str(reason).lower()


def _openssl_reason(error: object) -> str:
    """Return OpenSSL's reason without the name of its source file."""
    text = str(error)
    return text.partition("] ")[2].partition(" (_ssl")[0] or text


def _today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")
