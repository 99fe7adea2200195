"""Checks the optional sinks: small display, live page, metrics, hook and MQTT. A run goes on without them."""

import os
from importlib.util import find_spec
from pathlib import Path

from edge.device.packages import install_command
from edge.doctor.check import READ, WRITE, Check, CheckStatus, Context, Finding, from_error, ok, warning
from edge.errors import SinkError

_NOT_ENABLED = "not enabled"

_CREDENTIALS = "etc/edge-emotion"
"""The folder from which the unit loads credentials, each in a file of the same name."""

_BROKER_S = 30.0
"""Time limit of the MQTT check: a name server, a handshake and a reply may each be slow."""


def _reported(context: Context, name: str) -> Finding | None:
    """Return what the running service reports of its sink `name`; None if no running service has that sink."""
    for sink in context.service.sinks if context.service else ():
        if sink.name == name:
            return from_error(SinkError(sink.error), CheckStatus.WARNING) if sink.error else ok(sink.note)
    return None


def _missing_package(*packages: str, is_optional: bool = False) -> Finding | None:
    """Return a warning about the first package that is not installed; None if all are."""
    for package in packages:
        if not _is_installed(package):
            return warning(
                f"expected the package {package}, found none", install_command(package, is_optional=is_optional)
            )
    return None


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # not even its parent package is installed
        return False


def _check_port(address: str, port: int, *, section: str) -> Finding:
    from edge.sinks.web_server import listen

    try:
        listen(address, port, section=section).close()
    except SinkError as error:
        return from_error(error, CheckStatus.WARNING)
    return ok(f"port {port} of {address} is free")


def _check_display(context: Context) -> Finding:
    """Examine package and bus without opening the display, which would clear it."""
    from edge.sinks.display.panel import I2C_DEVICES

    settings = context.settings.display
    if not settings.device:
        return ok(_NOT_ENABLED)
    package = "luma.oled" if settings.device in I2C_DEVICES else "luma.lcd"
    packages = () if settings.device == "framebuffer" else (package,)
    return _missing_package(*packages, is_optional=True) or _reported(context, "display") or _check_bus(context)


def _check_bus(context: Context) -> Finding:
    from edge.sinks.display.panel import bus_group, bus_path, bus_remedy

    settings = context.settings.display
    bus, user = bus_path(settings), context.identity
    if not context.at(bus).exists():
        return warning(f"expected the display's bus {bus}, found none", bus_remedy(bus))
    if not user.may(context.at(bus), READ | WRITE):
        return warning(f"{bus}: {user.name} may not use it", f"sudo usermod -aG {bus_group(bus)} {user.name}")
    return ok(f"{settings.device} on {bus}: edge-emotion display-test shows whether it works")


def _check_page(context: Context) -> Finding:
    settings = context.settings.page
    if not settings.enabled:
        return ok(_NOT_ENABLED)
    return (
        _missing_package("flask", "waitress")
        or _reported(context, "page")
        or _check_token(context)
        or _check_port(settings.address, settings.port, section="page")
    )


def _check_token(context: Context) -> Finding | None:
    """Return what is wrong with the page's token; None if nothing is."""
    from edge.sinks.page.token import find_token, read_token

    settings, user = context.settings.page, context.identity
    try:
        if not settings.token_file:
            find_token(settings)
            return None
        path = context.at_setting(settings.token_file)
        if path.exists() and not user.may(path, READ):
            text = f"{path}: expected a token that {user.name} may read, found one that {user.name} may not"
            return warning(text, "sudo edge-emotion doctor, if it is the service's own")
        read_token(path)
    except SinkError as error:
        return from_error(error, CheckStatus.WARNING)
    except PermissionError:
        return warning(f"{path}: in a folder that {user.name} may not enter", "sudo edge-emotion doctor")
    return None


def _check_metrics(context: Context) -> Finding:
    settings = context.settings.metrics
    if not settings.enabled:
        return ok(_NOT_ENABLED)
    return (
        _missing_package("prometheus_client", "waitress")
        or _reported(context, "metrics")
        or _check_port(settings.address, settings.port, section="metrics")
    )


def _check_mqtt(context: Context) -> Finding:
    if not context.settings.mqtt.host:
        return ok(_NOT_ENABLED)
    if not _is_installed("paho"):
        return warning("expected the package paho-mqtt, found none", install_command("paho-mqtt"))
    try:
        return _reported(context, "mqtt") or _check_broker(context)
    except SinkError as error:
        return from_error(error, CheckStatus.WARNING)


def _check_broker(context: Context) -> Finding:
    """Connect to the broker with the settings' credentials."""
    from edge.sinks.mqtt.broker import PASSWORD, is_this_machine, read_broker_config
    from edge.sinks.mqtt.connection import Connection
    from edge.sinks.mqtt.topics import name_topics

    settings = context.settings.mqtt
    credentials = context.at(_CREDENTIALS)
    if settings.username and not settings.password_file and _is_unreadable(credentials / PASSWORD):
        return warning(f"{credentials / PASSWORD}: the service's own, not readable", "sudo edge-emotion doctor")
    topics = name_topics(settings)
    broker = read_broker_config(settings, topics.device_id, credentials)
    with Connection(broker, client_id=f"{topics.client_id}-doctor") as connection:  # the service uses the plain name
        connection.connect()
    found = f"{broker.address} accepts {broker.user or 'an anonymous client'}, as {topics.device_id}"
    if broker.password is not None and broker.tls is None and not is_this_machine(broker.host):
        return warning(f"{found}; the password crosses the network unencrypted", "set mqtt.tls")
    return ok(found)


def _check_hook(context: Context) -> Finding:
    from edge.sinks.hook.sink import find_program

    command = context.settings.hook.command
    if not command:
        return ok(_NOT_ENABLED)
    try:
        return _reported(context, "hook") or ok(f"runs {find_program(command)[0]}")
    except SinkError as error:
        return from_error(error, CheckStatus.WARNING)


def _is_unreadable(path: Path) -> bool:
    return path.exists() and not os.access(path, os.R_OK)


CHECKS = (
    Check("sinks", "display", _check_display, SinkError.exit_code),
    Check("sinks", "page", _check_page, SinkError.exit_code),
    Check("sinks", "metrics", _check_metrics, SinkError.exit_code),
    Check("sinks", "hook", _check_hook, SinkError.exit_code),
    Check("sinks", "MQTT", _check_mqtt, SinkError.exit_code, limit_s=_BROKER_S),
)
