"""The settings of the sinks: what each is for, its type, range and default. All but the log are off by default."""

from typing import Literal

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

    enabled: serve them.
    """

    enabled: bool = False


class PrivacySettings(Section, frozen=True):
    """[privacy] What leaves the camera.

    picture: what the live page shows: the `full` picture, faces as a `blur`, or `boxes` alone.
    """

    picture: Literal["full", "blur", "boxes"] = "full"
