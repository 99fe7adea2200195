"""Turns the `[mqtt]` settings into what a connection needs: address, credentials and TLS context."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from edge.device.secret_files import find_secret, read_secret
from edge.errors import SinkError
from edge.settings.sinks import MqttSettings

PORT, TLS_PORT = 1883, 8883
"""Source: IANA, registered for MQTT, and for MQTT over TLS."""

PASSWORD, KEY = "mqtt-password", "mqtt-key"
"""Credentials in the unit's LoadCredential; the installed files in /etc/edge-emotion have the same names."""

DEVICE_ID_FIELD = "{device_id}"
"""Placeholder in a user name for the device id, so that many devices can share the same settings."""

_LOOPBACK = ("localhost", "127.", "::1")


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    """Address of the broker and the credentials to present.

    Attributes:
        host: name or address.
        port: TCP port.
        user: user name, or None to connect without one.
        password: password of that user, or None.
        tls: TLS context, or None for an unencrypted connection.
    """

    host: str
    port: int
    user: str | None
    password: str | None
    tls: ssl.SSLContext | None

    @property
    def address(self) -> str:
        """Host and port, as messages show them."""
        return f"{self.host}:{self.port}"


def read_broker_config(settings: MqttSettings, device_id: str, credentials: Path | None) -> BrokerConfig:
    """Read the password, certificate and key files that the settings name.

    Args:
        settings: the `[mqtt]` section.
        device_id: replaces `{device_id}` in the user name.
        credentials: folder in which systemd puts the unit's credentials, or None outside a service.

    Raises:
        SinkError: a file cannot be used, or the settings contradict each other.
    """
    secret = find_secret("mqtt.password_file", settings.password_file, PASSWORD, credentials, error_type=SinkError)
    if settings.password_file and not settings.username:
        raise SinkError("mqtt.username: expected a name that goes with mqtt.password_file, found none: set it")
    password = read_secret(secret, error_type=SinkError) if secret and settings.username else None
    port = settings.port or (TLS_PORT if settings.tls else PORT)
    tls = _tls_context(settings, credentials)
    user = settings.username.replace(DEVICE_ID_FIELD, device_id)
    return BrokerConfig(settings.host, port, user or None, password, tls)


def is_this_machine(host: str) -> bool:
    """Return whether a host name or address means this machine itself."""
    return host.startswith(_LOOPBACK)


def _tls_context(settings: MqttSettings, credentials: Path | None) -> ssl.SSLContext | None:
    if not settings.tls:
        given = [key for key in ("ca_file", "certificate_file", "key_file") if getattr(settings, key)]
        if given:
            raise SinkError(f"mqtt.tls: expected true with mqtt.{given[0]}, found false: set it")
        return None
    context = _trust(settings.ca_file)
    if settings.certificate_file:
        _load_client_certificate(context, settings, credentials)
    elif settings.key_file:
        raise SinkError(
            "mqtt.certificate_file: expected the certificate that goes with mqtt.key_file, found none: set it"
        )
    return context


def _trust(ca_file: str) -> ssl.SSLContext:
    """Return a context that trusts the given certificate authority alone, or else those of the system."""
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise SinkError(
            f"mqtt.ca_file: expected certificates in PEM at {ca_file}, found: {_reason(error)}: replace it"
        ) from error
    # Python 3.13 turned this on. It refuses most authorities that people make for their broker, whose certificates lack
    # extensions of RFC 5280: an upgrade of Python would end a connection that works. Signature, name and dates count.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _load_client_certificate(context: ssl.SSLContext, settings: MqttSettings, credentials: Path | None) -> None:
    """Load the certificate that identifies this device to the broker; its key may be in the same file."""
    certificate = Path(settings.certificate_file)
    key = find_secret("mqtt.key_file", settings.key_file, KEY, credentials, error_type=SinkError)
    if key is None:  # then the certificate's file holds the key and must not be readable by others either
        find_secret("mqtt.certificate_file", settings.certificate_file, KEY, None, error_type=SinkError)
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")  # else OpenSSL would prompt at the terminal
    except (OSError, ValueError) as error:
        raise SinkError(
            f"mqtt.certificate_file: expected a certificate in PEM and its key without a password at {certificate}"
            f"{f' and {key}' if key else ''}, found: {_reason(error)}: replace them"
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"something else ({error.reason or 'no certificate'})"
    return getattr(error, "strerror", None) or str(error)
