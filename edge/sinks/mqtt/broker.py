"""Turns the settings into what is needed to connect to the broker."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from edge.errors import SinkError
from edge.sink_settings import MqttSettings
from edge.sinks.mqtt.secrets import KEY, PASSWORD, find_secret, read_secret

PORT, TLS_PORT = 1883, 8883
"""Source: IANA, registered for MQTT, and for MQTT over TLS."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to connect, and as whom. user, password: None where none is asked for. tls: None is unencrypted."""

    host: str
    port: int
    user: str | None
    password: str | None
    tls: ssl.SSLContext | None

    @property
    def address(self) -> str:
        """As messages have it."""
        return f"{self.host}:{self.port}"


OWN_ID = "{device_id}"
"""Stands in a user name for the device's own, so that many devices can have the same settings."""


def read_broker(settings: MqttSettings, device_id: str, credentials: Path | None) -> Broker:
    """Read the files that the settings name. credentials: where systemd puts what the unit loads; None is nowhere.

    Raises:
        SinkError: one cannot be used, or the settings contradict each other.
    """
    secret = find_secret("mqtt.password_file", settings.password_file, PASSWORD, credentials)
    if settings.password_file and not settings.username:
        raise SinkError("mqtt.username: expected a name that goes with mqtt.password_file, found none: set it")
    password = read_secret(secret) if secret and settings.username else None
    port = settings.port or (TLS_PORT if settings.tls else PORT)
    tls = _tls_context(settings, credentials)
    user = settings.username.replace(OWN_ID, device_id)
    return Broker(settings.host, port, user or None, password, tls)


def _tls_context(settings: MqttSettings, credentials: Path | None) -> ssl.SSLContext | None:
    if not settings.tls:
        given = [key for key in ("ca_file", "certificate_file", "key_file") if getattr(settings, key)]
        if given:
            raise SinkError(f"mqtt.tls: expected true with mqtt.{given[0]}, found false: set it")
        return None
    context = _trust(settings.ca_file)
    if settings.certificate_file:
        _present(context, settings, credentials)
    elif settings.key_file:
        raise SinkError(
            "mqtt.certificate_file: expected the certificate that goes with mqtt.key_file, found none: set it"
        )
    return context


def _trust(ca_file: str) -> ssl.SSLContext:
    """Trust the given certificate authority alone, or else those of the system."""
    try:
        return ssl.create_default_context(cafile=str(Path(ca_file).expanduser()) if ca_file else None)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise SinkError(
            f"mqtt.ca_file: expected certificates in PEM at {ca_file}, found: {_why(error)}: replace it"
        ) from error


def _present(context: ssl.SSLContext, settings: MqttSettings, credentials: Path | None) -> None:
    """Show the broker our certificate. The key may be in the same file."""
    certificate = Path(settings.certificate_file).expanduser()
    key = find_secret("mqtt.key_file", settings.key_file, KEY, credentials)
    if key is None:
        find_secret(
            "mqtt.certificate_file", settings.certificate_file, KEY, None
        )  # it holds the key, so nobody may read it
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")  # else OpenSSL would ask at the terminal
    except (OSError, ValueError) as error:
        raise SinkError(
            f"mqtt.certificate_file: expected a certificate in PEM and its key without a password at {certificate}"
            f"{f' and {key}' if key else ''}, found: {_why(error)}: replace them"
        ) from error


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"what is none ({error.reason or 'no certificate'})"
    return getattr(error, "strerror", None) or str(error)
