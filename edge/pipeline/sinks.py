"""Makes the sinks that the settings and the command line request; an optional package is loaded only with its sink."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from edge.counters import Counters
from edge.device.packages import install_command
from edge.device.run_clock import RunClock
from edge.device.sensors import Sensors
from edge.errors import ConfigError, SinkError
from edge.model.manifest import Manifest
from edge.records import FrameWithReadings, Observation
from edge.service.journal import is_journal
from edge.settings.schema import Settings
from edge.settings.sinks import DisplaySettings, HookSettings, LogSettings
from edge.sinks.base import Sink
from edge.sinks.console.lines import JsonLinesOutput, PlainLines
from edge.sinks.log.events import ChangeEvents
from edge.sinks.log.jsonl import JsonLinesLog
from edge.sinks.log.lines import NO_FACTS, RunFacts
from edge.sinks.log.rotation import rotation_policy
from edge.sinks.mqtt.placement import MqttRemoval, find_left_behind
from edge.sinks.page.address import is_loopback, page_url
from edge.sinks.supervised import SupervisedSink
from edge.sinks.video.sink import AnnotatedVideo, codec_of
from edge.sources.base import Source
from edge.sources.open import is_camera
from edge.sources.video import VideoSource
from edge.status import Status

if TYPE_CHECKING:
    from edge.sinks.page.encode import PictureMode

_STILL_IMAGE_S = 0.5
"""How long a window shows each of several still images at least, s."""


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """The pictures that the command line requests.

    Attributes:
        view: whether to show a window.
        annotate: path of a video with boxes and labels to write; None for none.
    """

    view: bool = False
    annotate: Path | None = None

    def __bool__(self) -> bool:
        return self.view or self.annotate is not None

    def check(self, settings: Settings) -> None:
        """Check the options before a source is opened.

        Raises:
            ConfigError: pictures may not be shown, or the video cannot have that name.
        """
        if self and settings.privacy.counts_only:
            raise ConfigError(
                "--view, --annotate: expected privacy.counts_only = false, found true: pictures may not be shown"
            )
        if self and settings.privacy.picture != "full":
            raise ConfigError(
                f'--view, --annotate: expected privacy.picture = "full", found "{settings.privacy.picture}": '
                "pictures may not be shown as they are"
            )
        if self.annotate is None:
            return
        codec_of(self.annotate)
        if settings.source.loop:
            raise ConfigError("--annotate: expected a source that ends, found --loop: leave one of them out")
        source = Path(settings.source.use)
        if is_camera(settings.source.use):
            return
        if source.exists() and self.annotate.exists() and source.samefile(self.annotate):
            raise ConfigError(f"{self.annotate}: expected another file than the source, found the source: rename it")


@dataclass(frozen=True, slots=True)
class SinkContext:
    """Run state that a sink may query besides the items it receives; any thread may query it.

    Attributes:
        status: returns the run's state at this moment.
        counters: the run's counters.
        model: the manifest of the model in use.
        labels: the model's labels that can be predicted with these settings, in the model's order.
    """

    status: Callable[[], Status]
    counters: Counters
    model: Manifest
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OptionalSinks:
    """The sinks that the run does not depend on.

    Attributes:
        readings: sinks that receive observations and never pixels.
        frames: sinks that receive frames with their readings.
        servers: sinks that receive no items and answer requests.
    """

    readings: list[SupervisedSink[Observation]] = field(default_factory=list)
    frames: list[SupervisedSink[FrameWithReadings]] = field(default_factory=list)
    servers: list[SupervisedSink[None]] = field(default_factory=list)

    @property
    def all(self) -> list[SupervisedSink[Observation] | SupervisedSink[FrameWithReadings] | SupervisedSink[None]]:
        """Every optional sink."""
        return [*self.readings, *self.frames, *self.servers]


def needs_color(settings: Settings, *, shown: bool = False) -> bool:
    """Return whether a sink shows the camera's picture in colour; else colour is neither decoded nor copied.

    Args:
        settings: all settings.
        shown: whether a window or an annotated video shows it.
    """
    privacy = settings.privacy
    return shown or (settings.page.enabled and privacy.picture != "boxes" and not privacy.counts_only)


def new_optional_sinks(settings: Settings, context: SinkContext) -> OptionalSinks:
    """Make the optional sinks that the settings enable; each opens later, on its own thread."""
    sinks = OptionalSinks()
    if settings.display.device:
        sinks.readings.append(SupervisedSink("display", lambda: _new_display(settings.display, context)))
    if settings.mqtt.host:
        sinks.readings.append(SupervisedSink("mqtt", lambda: _new_mqtt_sink(settings, context)))
    if (memory := find_left_behind(settings.mqtt)) is not None:
        sinks.servers.append(SupervisedSink("mqtt", lambda: MqttRemoval(memory)))
    if settings.hook.command:
        sinks.readings.append(SupervisedSink("hook", lambda: _new_hook(settings.hook, context)))
    if settings.page.enabled:
        sinks.frames.append(SupervisedSink("page", lambda: _new_page(settings, context)))
    if settings.metrics.enabled:
        sinks.servers.append(SupervisedSink("metrics", lambda: _new_metrics_endpoint(settings, context)))
    return sinks


def open_log(
    settings: LogSettings,
    source: Source,
    *,
    retention_days: float = 0.0,
    run_facts: RunFacts = NO_FACTS,
    clock: RunClock | None = None,
) -> JsonLinesLog:
    """Open the log in the mode that suits the source, unless the settings name one.

    Args:
        settings: of the log.
        source: where the frames come from.
        retention_days: time after which lines are removed, days; 0 for never.
        run_facts: keys that the line `started` has in addition, ready for JSON.
        clock: the run's clock; None for a new one.

    Raises:
        SinkError: the log cannot be written.
    """
    mode = settings.mode
    if mode == "auto":
        mode = "changes" if source.live else "all"
    changes = None
    if mode == "changes":
        changes = ChangeEvents(summary_interval_s=settings.summary_interval_s, describe_machine=Sensors().log_fields)
    rotates = settings.rotate == "always" or (settings.rotate == "auto" and source.live)
    log = JsonLinesLog(
        Path(settings.path),
        changes=changes,
        run_facts=run_facts,
        include_empty=source.is_still_images,
        retry=settings.on_error == "retry",
        flush_s=settings.flush_s,
        rotation=rotation_policy(settings, retention_days=retention_days) if rotates else None,
        run_clock=clock,
    )
    log.open()
    return log


def open_console(
    source: Source, log_path: str, counters: Counters, terminal: TextIO, *, json_output: bool
) -> list[Sink[Observation]]:
    """Open the sinks that print: readings as JSON for a pipe, and a table or plain lines for a person.

    Args:
        source: the source, for its name.
        log_path: path of the log, shown below the table.
        counters: counters from which the frame rate is computed.
        terminal: stream for the table or the lines. A journal gets neither: a line a second would wear its disk.
        json_output: whether each reading is printed to standard output as JSON.
    """
    sinks: list[Sink[Observation]] = [JsonLinesOutput(include_empty=source.is_still_images)] if json_output else []
    if is_journal(terminal):
        return sinks

    def frames() -> int:
        return counters.latency.count

    if not terminal.isatty():
        print(f"reading {source.name}, log: {log_path}", file=terminal, flush=True)  # the command's first line
        return [*sinks, PlainLines(frames=frames, stream=terminal)]
    from edge.sinks.console.table import LiveTable  # noqa: PLC0415  # rich is slow to import, and only terminals need it

    title, hint = f"edge-emotion: {source.name}", f"log: {log_path}   q: quit"
    table = LiveTable(title, hint, frames=frames, stream=terminal)
    table.open()
    return [*sinks, table]


def open_annotated_video(path: Path, source: Source) -> AnnotatedVideo:
    """Open the video that boxes and labels are drawn into.

    Raises:
        ConfigError: the source is no video, or the file's suffix names no codec.
        SinkError: the video cannot be written.
    """
    if not isinstance(source, VideoSource):
        raise ConfigError(
            f"--annotate: expected a video as the source, found {source.name}: name one with --source, or use --view"
        )
    video = AnnotatedVideo(path, fps=source.fps)
    video.open()
    return video


def open_window(source: Source, *, on_end: Callable[[], None]) -> Sink[FrameWithReadings]:
    """Open the window; `on_end` is called when the user closes it.

    Raises:
        SinkError: there is no screen.
    """
    from edge.sinks.window.sink import Window  # noqa: PLC0415  # pygame is optional and slow to import

    title = f"edge-emotion: {source.name} (q: quit)"
    window = Window(title, on_end=on_end, hold_s=_STILL_IMAGE_S if source.is_still_images else 0.0)
    window.open()
    return window


def _new_display(settings: DisplaySettings, context: SinkContext) -> Sink[Observation]:
    from edge.sinks.display.sink import Display  # noqa: PLC0415  # display packages are optional

    return Display(settings, status=context.status)


def _new_mqtt_sink(settings: Settings, context: SinkContext) -> Sink[Observation]:
    try:
        from edge.sinks.mqtt.broker import is_this_machine  # noqa: PLC0415  # loads ssl
        from edge.sinks.mqtt.sink import MqttSink  # noqa: PLC0415  # paho-mqtt is optional
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("paho"):
            raise
        raise SinkError(f"expected the package paho-mqtt, found none: {install_command('paho-mqtt')}") from error
    # A page that only this machine can open is of no use to Home Assistant on another one.
    can_open_page = not is_loopback(settings.page.address) or is_this_machine(settings.mqtt.host)
    page = page_url(settings.page) if can_open_page else ""
    return MqttSink(
        settings.mqtt,
        labels=context.labels,
        status=context.status,
        counts_only=settings.privacy.counts_only,
        page_url=page,
        attributes=_describe_labels(context, page),
    )


def _describe_labels(context: SinkContext, page: str) -> dict[str, object]:
    """Return the model, how often each label is right in everyday use, and where the page explains that."""
    right = context.model.right_percent(context.labels)
    return {
        "model": context.model.name,
        **({"right_percent": right} if right else {}),
        **({"about": f"{page}/model"} if page else {}),
    }


def _new_hook(settings: HookSettings, context: SinkContext) -> Sink[Observation]:
    from edge.sinks.hook.sink import Hook  # noqa: PLC0415  # most runs have no hook

    return Hook(settings, is_stopping=lambda: context.status().state == "stopping")


def _new_metrics_endpoint(settings: Settings, context: SinkContext) -> Sink[None]:
    from edge.sinks.metrics.endpoint import MetricsEndpoint  # noqa: PLC0415  # prometheus-client is optional

    return MetricsEndpoint(
        settings.metrics,
        status=context.status,
        counters=context.counters,
        model=context.model,
        labels=context.labels,
        counts_only=settings.privacy.counts_only,
    )


def _new_page(settings: Settings, context: SinkContext) -> Sink[FrameWithReadings]:
    from edge.sinks.page.sink import LivePage  # noqa: PLC0415  # Flask is optional

    privacy = settings.privacy
    picture: PictureMode = "counts" if privacy.counts_only else privacy.picture
    return LivePage(settings.page, picture=picture, status=context.status, labels=context.labels, model=context.model)
