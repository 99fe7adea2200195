"""Opens the sinks that a user asks for beside the log: each behind a guard, each loaded only where it is asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from edge.errors import SinkError
from edge.manifest import Manifest
from edge.meters import Meters
from edge.records import Observation, Shown
from edge.runtime.guard import Guard
from edge.settings import Settings
from edge.sink_settings import DisplaySettings, MetricsSettings, MqttSettings
from edge.status import Status

if TYPE_CHECKING:
    from edge.sinks.display.sink import Display
    from edge.sinks.metrics.endpoint import MetricsEndpoint
    from edge.sinks.mqtt.sink import MqttSink
    from edge.sinks.page.picture import Shows
    from edge.sinks.page.viewer import LivePage


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a sink may ask beside what it is given.

    status: how the run is, at this moment; any thread may ask. meters: what the run counts.
    model: what it says of itself. labels: those of the model that are answered with, in its order.
    """

    status: Callable[[], Status]
    meters: Meters
    model: Manifest
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Extras:
    """The guarded ones. sinks: never see a pixel. viewers: are given pictures. servers: are given nothing, and ask."""

    sinks: list[Guard[Observation]] = field(default_factory=list)
    viewers: list[Guard[Shown]] = field(default_factory=list)
    servers: list[Guard[None]] = field(default_factory=list)


def needs_color(settings: Settings, *, shown: bool = False) -> bool:
    """Whether a viewer shows the camera's picture in colour: it is neither decoded nor copied where nobody does.

    shown: in a window, or in an annotated video.
    """
    privacy = settings.privacy
    return shown or (settings.page.enabled and privacy.picture != "boxes" and not privacy.counts_only)


def open_extras(settings: Settings, surroundings: Surroundings) -> Extras:
    """What the settings ask for. Nothing is opened yet: each guard does that on its own thread."""
    extras = Extras()
    if settings.display.device:
        extras.sinks.append(Guard("display", partial(_open_display, settings.display, surroundings)))
    if settings.mqtt.host:
        extras.sinks.append(Guard("mqtt", partial(_open_mqtt, settings.mqtt, surroundings)))
    if settings.page.enabled:
        extras.viewers.append(Guard("page", partial(_open_page, settings, surroundings)))
    if settings.metrics.enabled:
        extras.servers.append(Guard("metrics", partial(_open_metrics, settings.metrics, surroundings)))
    return extras


def _open_display(settings: DisplaySettings, surroundings: Surroundings) -> "Display":
    from edge.sinks.display.sink import Display  # noqa: PLC0415  # loaded only where it is asked for

    return Display(settings, status=surroundings.status)


def _open_mqtt(settings: MqttSettings, surroundings: Surroundings) -> "MqttSink":
    try:
        from edge.sinks.mqtt.sink import MqttSink  # noqa: PLC0415  # loaded only where it is asked for
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("paho"):
            raise
        raise SinkError(
            "expected the package paho-mqtt, found none: pip install '.[mqtt]' in the project's folder"
        ) from error
    return MqttSink(settings, labels=surroundings.labels, status=surroundings.status)


def _open_metrics(settings: MetricsSettings, surroundings: Surroundings) -> "MetricsEndpoint":
    from edge.sinks.metrics.endpoint import MetricsEndpoint  # noqa: PLC0415  # loaded only where it is asked for

    return MetricsEndpoint(
        settings,
        status=surroundings.status,
        meters=surroundings.meters,
        model=surroundings.model,
        labels=surroundings.labels,
    )


def _open_page(settings: Settings, surroundings: Surroundings) -> "LivePage":
    from edge.sinks.page.viewer import LivePage  # noqa: PLC0415  # only where it is asked for

    privacy = settings.privacy
    shows: Shows = "counts" if privacy.counts_only else privacy.picture
    return LivePage(settings.page, shows=shows, status=surroundings.status, labels=surroundings.labels)
