"""The `run` command: builds the pipeline that the settings ask for, runs it, sums up."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TextIO

import cv2

from edge.board import Board
from edge.extras import Surroundings, needs_color, open_extras
from edge.health import Health
from edge.manifest import read_model
from edge.meters import Meters
from edge.pipeline import Pipeline, Steps
from edge.runtime.journal import is_journal
from edge.runtime.keys import on_key
from edge.service import Service
from edge.settings import Settings
from edge.shipped import model_path
from edge.showing import NOTHING, Asked, Showing
from edge.sink_settings import LogSettings
from edge.sinks.base import Sink
from edge.sinks.changes import Changes
from edge.sinks.console import PlainLines
from edge.sinks.jsonl import JsonLinesLog, JsonLinesOutput
from edge.sinks.rotation import new_keeping
from edge.sources.base import Source
from edge.sources.choose import open_source
from edge.summary import summarize
from edge.vision.classify import EmotionClassifier
from edge.vision.detect import HaarDetector, new_scanner
from edge.vision.follow import FaceFollower
from edge.vision.motion import MotionGate
from edge.vision.name import FaceNamer
from edge.vision.redetect import Redetector
from edge.vision.smooth import Smoother
from edge.vision.track import Tracker


def run(settings: Settings, *, json_output: bool, asked: Asked = NOTHING) -> None:
    """Run until the source ends, `q`, Ctrl-C or SIGTERM; then print a summary.

    json_output: readings go to standard output, and everything meant for a person to standard error.
    asked: the window and the annotated video.

    Raises:
        EdgeError: something cannot be used; the message is meant for the user.
    """
    cv2.setNumThreads(settings.detect.threads)
    person: TextIO = sys.stderr if json_output else sys.stdout
    asked.check(settings)
    new_steps = build_steps(settings)
    meters = Meters()
    with ExitStack() as undo:
        source = open_source(settings.source, color=needs_color(settings, shown=bool(asked)), paced=asked.view)
        undo.enter_context(closing(source))
        showing = Showing(asked, source, ask_stop=lambda: pipeline.ask_stop())  # noqa: PLW0108  # made below
        undo.callback(showing.finish)
        for viewer in showing.viewers:
            undo.enter_context(closing(viewer))
        log = open_log(settings.log, source, retention_days=settings.privacy.retention_days)
        undo.enter_context(closing(log))
        printers = _open_printers(source, log.path, meters, person, json_output=json_output)
        for printer in printers:
            undo.enter_context(closing(printer))
        health = Health(meters, source, log, Board(), stalled_s=settings.source.stall_timeout_s)
        steps = new_steps(stills=source.stills)
        extras = open_extras(settings, Surroundings(health.status, meters, steps.namer.model, steps.namer.labels))
        health.sinks = [*extras.sinks, *extras.viewers, *extras.servers]
        # In a journal a line a second would wear the disk: a summary takes the console's place.
        service = Service(health, summary_interval_s=settings.log.summary_interval_s if is_journal(person) else 0.0)
        undo.enter_context(closing(service))
        pipeline = Pipeline(
            source,
            steps,
            [log, *printers, *extras.sinks],
            meters,
            settings,
            viewers=[*extras.viewers, *showing.viewers],
            servers=extras.servers,
            watch=service,
        )
        undo.pop_all()  # from here on the pipeline closes what it was given
    with ExitStack() as ending:
        ending.callback(lambda: print(summarize(meters, source, Path(log.path)), file=person))  # the command's answer
        ending.callback(service.close)
        ending.callback(showing.finish)
        with _signals(pipeline.ask_stop), on_key("q", pipeline.ask_stop):
            pipeline.run()


def build_steps(settings: Settings) -> Callable[..., Steps]:
    """Open model and cascade; return a function that makes the steps for `stills`, or for a stream of frames.

    What can be wrong with the settings shows here, before a camera is opened.

    Raises:
        ConfigError, ModelError: a cascade or model cannot be used.
    """
    model = settings.model
    content, manifest = read_model(model_path(model.path))
    classifier = EmotionClassifier(content, manifest, package=model.interpreter, labels=model.labels)
    schedule = settings.schedule
    redetector = Redetector(settings.detect.cascade)

    def new_steps(*, stills: bool) -> Steps:
        gate = MotionGate(threshold=schedule.motion_threshold, min_share=schedule.motion_share)
        return Steps(
            FaceFollower(gate, redetector, Tracker(settings.track), schedule),
            HaarDetector(settings.detect) if stills else new_scanner(settings.detect, settings.scan),
            FaceNamer(classifier, Smoother(settings.smooth, classifier.labels), settings.name),
        )

    return new_steps


def open_log(settings: LogSettings, source: Source, *, retention_days: float = 0.0) -> JsonLinesLog:
    """Open the log in the mode that suits the source, unless the settings name one.

    Raises:
        SinkError: it cannot be written.
    """
    mode = settings.mode
    if mode == "auto":
        mode = "changes" if source.live else "all"
    changes = None
    if mode == "changes":
        changes = Changes(summary_interval_s=settings.summary_interval_s, describe_machine=Board().describe)
    rotates = settings.rotate == "always" or (settings.rotate == "auto" and source.live)
    return JsonLinesLog(
        Path(settings.path),
        changes=changes,
        say_none=source.stills,
        retry=settings.on_error == "retry",
        flush_s=settings.flush_s,
        keeping=new_keeping(settings, retention_days=retention_days) if rotates else None,
    )


def _open_printers(source: Source, log_path: str, meters: Meters, person: TextIO, *, json_output: bool) -> list[Sink]:
    """What prints: readings for a pipe, and a console for a person, but not for a journal."""
    printers: list[Sink] = [JsonLinesOutput(say_none=source.stills)] if json_output else []
    return printers if is_journal(person) else [*printers, _open_console(source, log_path, meters, person)]


def _open_console(source: Source, log_path: str, meters: Meters, person: TextIO) -> Sink:
    def frames() -> int:
        return meters.latency.count

    if not person.isatty():
        print(f"reading {source.name}, log: {log_path}", file=person, flush=True)  # the command's answer
        return PlainLines(frames=frames, stream=person)
    from edge.sinks.table import LiveTable  # noqa: PLC0415  # rich is slow to import, and needed only here

    return LiveTable(f"edge-emotion: {source.name}", f"log: {log_path}   q: quit", frames=frames, stream=person)


@contextmanager
def _signals(ask_stop: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT (Ctrl-C) end the run in good order as long as the `with` block runs."""
    before = {number: signal.signal(number, lambda *_: ask_stop()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
