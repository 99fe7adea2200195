"""Builds a run from settings: every object after those that it needs."""

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import cv2

from edge.counters import Counters
from edge.device.run_clock import RunClock
from edge.device.sensors import Sensors
from edge.errors import printable
from edge.model.bundled import model_path
from edge.model.manifest import read_model
from edge.model.prior import PriorCorrection, describe_prior, rare_labels
from edge.pipeline.pipeline import Pipeline, Steps, Watch
from edge.pipeline.rotation import new_search, turn_video
from edge.pipeline.sinks import (
    SinkContext,
    ViewOptions,
    needs_color,
    new_optional_sinks,
    open_annotated_video,
    open_console,
    open_log,
    open_window,
)
from edge.records import FrameWithReadings, Observation
from edge.runtime.workers import Workers
from edge.service.health import Health
from edge.service.journal import is_journal
from edge.service.systemd import HealthReporter
from edge.settings.schema import Settings, SourceSettings
from edge.sinks.base import Sink
from edge.sinks.video.sink import AnnotatedVideo
from edge.sources.base import Source
from edge.sources.mounting import Mounting
from edge.sources.open import new_mounting, open_source
from edge.sources.reopen import ReopeningSource
from edge.vision.classify import EmotionClassifier
from edge.vision.classify_tracks import TrackClassifier
from edge.vision.detectors import open_looker, open_scanner
from edge.vision.motion import MotionGate
from edge.vision.picture import PictureMonitor
from edge.vision.schedule import DetectionSchedule
from edge.vision.smooth import Smoother
from edge.vision.track import Tracker

STALL_MARGIN_S = 2.0
"""A run without a processed frame counts as stalled this long after its camera would count as lost, s, so that a
camera's fault is named as such."""


def build_steps(settings: Settings) -> Callable[..., Steps]:
    """Open model and cascade; return a function that makes the steps.

    Errors in the settings therefore appear before a camera is opened.

    Returns:
        A function that makes the steps. It takes `is_still_images`: whether the source delivers still images instead of
        a stream.

    Raises:
        ConfigError: the cascade cannot be used, or the prior does not fit the model's labels.
        ModelError: the model cannot be used.
    """
    model = settings.model
    content, manifest = read_model(model_path(model.path))
    classifier = EmotionClassifier(content, manifest, package=model.interpreter, labels=model.labels)
    classify = settings.classify
    correct = PriorCorrection(
        classifier.labels, manifest.training_prior, prior=classify.prior, strength=classify.prior_strength
    )
    rare = rare_labels(classifier.labels, classify.prior)
    schedule = settings.schedule
    looker = open_looker(settings)

    def new_steps(*, is_still_images: bool) -> Steps:
        # A picture has no time in which a rare label could gather evidence.
        smoother = Smoother(settings.smooth, classifier.labels, rare=() if is_still_images else rare)
        gate = MotionGate(threshold=schedule.motion_threshold, min_share=schedule.motion_share)
        return Steps(
            DetectionSchedule(gate, looker, Tracker(settings.track), schedule),
            open_scanner(settings, is_still_images=is_still_images, looker=looker),
            TrackClassifier(classifier, correct, smoother, classify),
        )

    return new_steps


@dataclass(frozen=True, slots=True)
class Run:
    """A pipeline that is ready to run, with what a command reports about it.

    Attributes:
        pipeline: runs until the source ends or a stop is requested; closes the source and the sinks.
        source: where the frames come from.
        counters: the run's counters.
        model: name of the model, and the prior that its probabilities are corrected for.
        log_path: the file that the readings are logged to.
        service: reports the run's health to systemd.
        video: the annotated video; None if the command line requests none.
    """

    pipeline: Pipeline
    source: Source
    counters: Counters
    model: str
    log_path: Path
    service: HealthReporter
    video: AnnotatedVideo | None

    def close(self) -> None:
        """Finish what outlives the pipeline; call it when the pipeline has ended.

        Raises:
            SinkError: the annotated video is incomplete.
        """
        try:
            if self.video is not None:
                self.video.finish()
        finally:
            self.service.close()


def new_pipeline(
    settings: Settings,
    source: Source,
    steps: Steps,
    sinks: Sequence[Sink[Observation]],
    *,
    counters: Counters,
    mounting: Mounting,
    frame_sinks: Sequence[Sink[FrameWithReadings]] = (),
    servers: Sequence[Sink[None]] = (),
    workers: Workers | None = None,
    watch: Watch | None = None,
    clock: RunClock | None = None,
) -> Pipeline:
    """Connect a source with its sinks; frames are turned as the settings say. See `Pipeline` for the arguments."""
    return Pipeline(
        source,
        steps,
        sinks,
        counters,
        settings,
        frame_sinks=frame_sinks,
        servers=servers,
        workers=workers,
        watch=watch,
        mounting=mounting,
        search=new_search(settings, mounting, source),
        turns_images=settings.source.rotate == "auto" and not settings.source.crop,
        picture=_new_monitor(settings.source, source),
        clock=clock,
    )


def _new_monitor(settings: SourceSettings, source: Source) -> PictureMonitor | None:
    """Create what watches a camera's picture; None for any other source, or if the settings turn it off."""
    after_s = settings.picture_timeout_s
    return PictureMonitor(after_s=after_s) if source.is_camera and after_s else None


def build_run(settings: Settings, views: ViewOptions, *, json_output: bool, is_reload: bool = False) -> Run:
    """Build source, steps, run state, sinks and pipeline, in this order.

    Args:
        settings: all settings.
        views: the window and the annotated video.
        json_output: whether each reading is printed to standard output as JSON; the table then goes to standard error.
        is_reload: whether the run replaces another one of this process.

    Raises:
        EdgeError: source, model, detector or a sink cannot be used; all that was opened before is closed.
    """
    cv2.setNumThreads(settings.detect.threads)
    terminal: TextIO = sys.stderr if json_output else sys.stdout
    views.check(settings)
    new_steps = build_steps(settings)
    counters, workers = Counters(), Workers()
    with ExitStack() as undo:
        mounting = new_mounting(settings.source)
        color = needs_color(settings, shown=bool(views))
        source = open_source(settings.source, color=color, paced=views.view or settings.page.enabled, mounting=mounting)
        undo.callback(source.close)
        turn_video(settings, mounting, source)
        clock = source.clock if isinstance(source, ReopeningSource) else RunClock()
        steps = new_steps(is_still_images=source.is_still_images)
        video = open_annotated_video(views.annotate, source) if views.annotate else None
        if video is not None:
            undo.callback(video.finish)  # removes the partial file if no frame was written
        frame_sinks: list[Sink[FrameWithReadings]] = [] if video is None else [video]
        if views.view:
            window = open_window(source, on_end=workers.ask_stop)
            undo.callback(window.close)
            frame_sinks.append(window)
        classifier, classify = steps.track_classifier, settings.classify
        log = open_log(
            settings.log,
            source,
            retention_days=settings.privacy.retention_days,
            run_facts={
                "model": classifier.model.name,
                "prior": classify.prior,
                "prior_strength": classify.prior_strength,
            },
            clock=clock,
        )
        undo.callback(log.close)
        consoles = open_console(source, log.path, counters, terminal, json_output=json_output)
        for console in consoles:
            undo.callback(console.close)
        health = Health(
            counters,
            source,
            log,
            Sensors(),
            stalled_s=settings.source.stall_timeout_s + STALL_MARGIN_S,
            mounting=mounting,
            counts_only=settings.privacy.counts_only,
            clock=clock,
        )
        optional = new_optional_sinks(
            settings, SinkContext(health.status, counters, classifier.model, classifier.labels)
        )
        health.sinks.extend(optional.all)
        # A journal gets a summary instead of the console's lines: a line a second would wear the disk.
        service = HealthReporter(
            health,
            summary_interval_s=settings.log.summary_interval_s if is_journal(terminal) else 0.0,
            is_reload=is_reload,
        )
        undo.callback(service.close)
        pipeline = new_pipeline(
            settings,
            source,
            steps,
            [log, *consoles, *optional.readings],
            counters=counters,
            mounting=mounting,
            frame_sinks=[*optional.frames, *frame_sinks],
            servers=optional.servers,
            workers=workers,
            watch=service,
            clock=clock,
        )
        undo.pop_all()  # from here on the pipeline closes source, sinks and service
    model = f"{printable(classifier.model.name)}, prior {describe_prior(classify.prior, classify.prior_strength)}"
    return Run(pipeline, source, counters, model, Path(log.path), service, video)
