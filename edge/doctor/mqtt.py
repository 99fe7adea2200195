"""Checks that the MQTT broker is found, answers, and lets us in."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from edge.doctor.check import Check
from edge.doctor.context import Context
from edge.doctor.finding import Finding, Status, from_error, ok, warning
from edge.doctor.service import running_service
from edge.errors import SinkError

if TYPE_CHECKING:
    from edge.sinks.mqtt.broker import Broker

_STORED = "etc/edge-emotion"
"""From where the unit loads credentials: the files have their names."""

_LOOPBACK = ("localhost", "127.", "::1")

_LIMIT_S = 30.0
"""A name server, a handshake and an answer may each be slow."""


def _mqtt(context: Context) -> Finding:
    """Nothing here is a failure: readings wait on disk until the broker is there."""
    settings = context.settings.mqtt
    if not settings.host:
        return ok("not asked for")
    if find_spec("paho") is None:
        return warning("expected the package paho-mqtt, found none", "pip install '.[mqtt]' in the project's folder")
    service = running_service(context)
    served = [sink for sink in service.sinks if sink.name == "mqtt"] if service else []
    if served:
        return from_error(SinkError(served[0].error), Status.WARNING) if served[0].error else ok(served[0].note)
    try:
        return _connect(context)
    except SinkError as error:
        return from_error(error, Status.WARNING)


def _connect(context: Context) -> Finding:
    from edge.sinks.mqtt.broker import read_broker  # noqa: PLC0415  # its package may be missing, which is told above
    from edge.sinks.mqtt.secrets import PASSWORD  # noqa: PLC0415  # as above
    from edge.sinks.mqtt.session import Session  # noqa: PLC0415  # as above
    from edge.sinks.mqtt.topics import name_topics  # noqa: PLC0415  # as above

    settings = context.settings.mqtt
    folder = context.at(_STORED)
    if settings.username and not settings.password_file and _is_closed(folder / PASSWORD):
        return warning(
            f"{folder / PASSWORD}: the service's own: cannot tell whether it is well", "sudo edge-emotion doctor"
        )
    topics = name_topics(settings)
    broker = read_broker(settings, topics.device_id, folder)
    with Session(broker, client_id=f"{topics.client_id}-doctor") as session:  # the service has the name itself
        session.connect()
    said = f"{broker.address} lets {broker.user or 'us'} in, as {topics.device_id}"
    if _is_exposed(broker):
        return warning(f"{said}; the password crosses the network unencrypted", "set mqtt.tls")
    return ok(said)


def _is_closed(path: Path) -> bool:
    return path.exists() and not os.access(path, os.R_OK)


def _is_exposed(broker: "Broker") -> bool:
    return broker.password is not None and broker.tls is None and not broker.host.startswith(_LOOPBACK)


CHECKS = (Check("sinks", "MQTT", _mqtt, SinkError.exit_code, limit_s=_LIMIT_S),)
