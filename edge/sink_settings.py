"""The settings of the sinks: what each is for, its type, range and default. All but the log are off by default."""

from typing import Annotated, Literal

from msgspec import Meta

from edge.section import Positive, Section


class LogSettings(Section, frozen=True):
    """[log] The JSON-lines log.

    path: the file; it is appended to.
    mode: `all` writes each reading, `changes` appearances, changes, departures and a summary; `auto` is `changes`
        for cameras and `all` for files.
    summary_interval_s: time between two summaries in mode `changes`, s.
    on_error: when the file cannot be written, on a full disk for one: `stop` ends the run, so that nothing is lost
        unnoticed; `retry` goes on, keeps the newest lines for later and counts those that it had to drop.
    """

    path: str = "readings.jsonl"
    mode: Literal["auto", "all", "changes"] = "auto"
    summary_interval_s: Positive = 60.0
    on_error: Literal["stop", "retry"] = "stop"


class PageSettings(Section, frozen=True):
    """[page] The live page.

    enabled: serve it.
    """

    enabled: bool = False


class DisplaySettings(Section, frozen=True):
    """[display] A small display.

    device: what it is; empty is none.
    """

    device: str = ""


class MqttSettings(Section, frozen=True):
    """[mqtt] Readings and state for a broker, and Home Assistant.

    host: the broker's name or address; empty is none.
    """

    host: str = ""


class MetricsSettings(Section, frozen=True):
    """[metrics] Figures for Prometheus.

    enabled: serve them. address: of this machine, where they are asked for; 127.0.0.1 is for this machine alone.
    port: likewise. Source of the default: OpenTelemetry's, for figures of this kind.
    """

    enabled: bool = False
    address: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 9464


class PrivacySettings(Section, frozen=True):
    """[privacy] What leaves the camera.

    counts_only: sinks are told how often each emotion was seen, a minute at a time, and nothing else: no face, no
        place, no time of its own, and no picture.
    picture: what the live page shows: the `full` picture, faces as a `blur`, or `boxes` alone.
    """

    counts_only: bool = False
    picture: Literal["full", "blur", "boxes"] = "full"
