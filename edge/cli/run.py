"""The `run` command: builds the run that the settings ask for, runs it, prints a summary; reloads the settings."""

import gc
import logging
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from edge.counters import Counters
from edge.device.memory import give_back_memory
from edge.errors import EdgeError, ServiceError
from edge.pipeline.build import Run, build_run, build_steps
from edge.pipeline.sinks import ViewOptions
from edge.runtime.keys import on_key
from edge.runtime.latency import StepTimes
from edge.runtime.signals import SIGNALS
from edge.service.credentials import CredentialWatch
from edge.settings.schema import Settings
from edge.sources.base import Source

log = logging.getLogger(__name__)


def run(
    settings: Settings,
    *,
    json_output: bool,
    views: ViewOptions | None = None,
    read_settings: Callable[[], Settings] | None = None,
    credentials: CredentialWatch | None = None,
) -> None:
    """Run until the source ends, `q` or a signal; then print a summary.

    Args:
        settings: all settings.
        json_output: whether readings go to standard output, and everything meant for a person to standard error.
        views: the window and the annotated video; None for neither.
        read_settings: reads the settings again on SIGHUP; None if they cannot change.
        credentials: the service's; None watches none.

    Raises:
        ServiceError: a credential has changed, and only a new process gets it.
        EdgeError: the settings, the source, the model or a sink cannot be used; its message is written for the user.
    """
    views = views or ViewOptions()
    credentials = credentials or CredentialWatch({})
    built = build_run(settings, views, json_output=json_output)
    while True:
        reload = Reload(read_settings, built) if read_settings is not None else None
        try:
            with (
                closing(built),
                SIGNALS.on_stop(built.pipeline.ask_stop, reload=reload),
                on_key("q", built.pipeline.ask_stop),
                credentials.watching(reload or built.pipeline.ask_stop),
            ):
                built.pipeline.run()
        finally:
            terminal = sys.stderr if json_output else sys.stdout
            summary = summarize(built.counters, built.source, built.model, built.log_path)
            print(summary, file=terminal)  # the command's result
        if reload is None or reload.settings is None or SIGNALS.received is not None:
            return
        if (changed := credentials.changed) is not None:
            raise ServiceError(f"{changed} has changed: the service ends, and systemd starts it with the new file")
        new_settings = reload.settings
        del reload, built  # the old run and the new one need not fit into memory together
        gc.collect()  # a run's objects refer to each other: left to Python, 20 MB wait for its next full collection
        give_back_memory()
        settings, built = _rebuild(new_settings, settings, views, json_output=json_output)


class Reload:
    """Reads the settings and the model again while the run goes on, and ends the run only if both can be used.

    Args:
        read_settings: reads the settings.
        built: the run that goes on.

    Attributes:
        settings: the new settings; None as long as the old ones stay.
    """

    def __init__(self, read_settings: Callable[[], Settings], built: Run) -> None:
        self.settings: Settings | None = None
        self._read_settings = read_settings
        self._built = built

    def __call__(self) -> bool:
        """Reload; called on a thread of its own. Return whether the run ends for one with the new settings."""
        service = self._built.service
        service.reload_begins()
        try:
            settings = self._read_settings()
            build_steps(settings)
        except Exception as error:  # noqa: BLE001  # whatever is wrong with what was read, the run goes on
            _log_refusal("the settings were not reloaded, the old ones stay in use", error)
            service.reload_refused()
            return False
        log.info("the settings and the model are reloaded")
        self.settings = settings
        self._built.pipeline.ask_stop()
        return True


def _rebuild(settings: Settings, old: Settings, views: ViewOptions, *, json_output: bool) -> tuple[Settings, Run]:
    """Build a run with the new settings, or with the old ones if that fails; return the settings in use, and the run.

    Raises:
        EdgeError: neither can be used.
    """
    try:
        return settings, build_run(settings, views, json_output=json_output, is_reload=True)
    except EdgeError as error:
        _log_refusal("the new settings cannot be used, the old ones are used again", error)
        return old, build_run(old, views, json_output=json_output, is_reload=True)


def _log_refusal(text: str, error: Exception) -> None:
    kind = "" if isinstance(error, EdgeError) else f"unexpected {type(error).__name__}: "
    log.error("%s: %s%s", text, kind, error, exc_info=error if log.isEnabledFor(logging.DEBUG) else None)


def summarize(counters: Counters, source: Source, model: str, log_path: Path) -> str:
    """Return the summary: frames, readings by emotion, the time of each step, model, log and what was left out."""
    noun = "pictures" if source.is_still_images else "frames"
    lines = [f"{counters.latency.count} {noun} processed, {counters.frames_with_face} of them with a face"]
    if counters.dropped:
        lines[0] += f", {counters.dropped} dropped for newer ones"
    total = counters.emotions.total()
    if total:
        shares = ", ".join(f"{name} {count / total:.0%}" for name, count in counters.emotions.most_common())
        lines.append(f"{total} readings: {shares}")
    for step, times in (
        ("follow", counters.follow),
        ("scan", counters.scan),
        ("classify", counters.classify),
        ("frame to reading", counters.latency),
    ):
        lines += _percentiles(step, times)
    lines += [f"model: {model}", f"log: {log_path}"]
    if source.skipped or source.is_still_images:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(source.left_out.items()))
        lines.append(f"{counters.latency.count} read, {source.skipped} skipped{kinds and ': '}{kinds}")
    return "\n".join(lines)


def _percentiles(step: str, times: StepTimes) -> list[str]:
    ms = times.percentiles()
    return [] if ms is None else [f"{step}: p50 {ms.p50:.2f}, p95 {ms.p95:.2f}, p99 {ms.p99:.2f} ms"]
