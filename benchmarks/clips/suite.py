"""Takes every figure on real clips, in turn for all methods, and shows the progress."""

import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from benchmarks.clips.figures import ClipFigures, ClipsFigures, MethodFigures, TurnedFigures
from benchmarks.clips.footage import Clip, copy_clip, load_frames, loop_frames, turn_photographs
from benchmarks.clips.measure import (
    ProcessRun,
    haar_cpu_ms,
    measure_photographs,
    run_product,
    run_start_and_decode,
    steps_cpu_ms,
)
from benchmarks.clips.scores import ClipScore, LoggedFace, found_after_s, read_log, score_clip
from benchmarks.workloads import Workload
from edge.benchmark.memory_source import SceneFrames
from edge.settings.schema import Settings
from edge.sources.folder import find_images
from train.evaluation.corruptions import QUARTER_TURN

T = TypeVar("T")

PHOTOGRAPH_TURNS = (0.0, 15.0, 30.0, 45.0, 60.0)

DRAWN = {"one face": Workload("slow"), "three faces": Workload("three")}
"""Drawn scenes whose CPU time stands next to that of the clips."""

_DRAWN_HAAR_EVERY = 10
"""Full-frame Haar looks at every tenth drawn frame: each frame costs it about the same."""

_START_FRAMES, _PHOTOGRAPH_FRAMES, _HAAR_FRAMES = 100, 4, 4
"""Time of a start, of a photograph and of a frame of Haar, in frames of a clip. Only the progress bar uses them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Choice of the measurements.

    Attributes:
        clips: The clips.
        methods: Each method's settings; the first is the one that ships.
        rounds: Number of times that each figure is taken.
        loop_frames: Length of the looped clips, frames.
        turns: Degrees clockwise by which clips are turned.
        turned: The clips that are turned. By quarter turns they are looped as well: the runtime's search for the
            orientation takes longer than a clip lasts.
        photographs: Folder of photographs; None to leave them out.
        annotated: Folder for annotated clips; None to write none.
        cpu: Whether to measure CPU time.
    """

    clips: list[Clip]
    methods: dict[str, Settings]
    rounds: int
    loop_frames: int
    turns: list[float]
    turned: list[Clip]
    photographs: Path | None
    annotated: Path | None
    cpu: bool


def measure_clips(plan: Plan) -> ClipsFigures:
    """Take every figure of the plan, with a progress bar.

    Raises:
        MediaError: A clip does not fit its reference.
        ChildProcessError: A run failed.
    """
    total = frames_of(plan)
    bar: tqdm[Any] = tqdm(total=total, unit=" frames", smoothing=0.1)
    with tempfile.TemporaryDirectory() as folder, bar:
        suite = Suite(plan, Path(folder), bar)
        suite.run()
    return suite.figures


def frames_of(plan: Plan) -> int:
    """Return how long the plan takes, in frames of a clip."""
    methods = len(plan.methods)
    total = 0
    for clip in plan.clips:
        count = clip.frame_count
        looped = max(count, plan.loop_frames)
        total += plan.rounds * methods * (_START_FRAMES + count)
        if plan.cpu:
            each = count + looped + 2 * (_START_FRAMES + looped)
            total += count + plan.rounds * (_HAAR_FRAMES * count + methods * each)
    for clip in plan.turned:
        for degrees in plan.turns:
            total += plan.rounds * methods * (_START_FRAMES + _turned_count(plan, clip, degrees))
    if plan.annotated is not None:
        counts = [clip.frame_count for clip in plan.clips]
        counts += [_turned_count(plan, clip, degrees) for clip in plan.turned for degrees in plan.turns]
        total += methods * sum(_START_FRAMES + 2 * count for count in counts)
    if plan.cpu:
        for workload in DRAWN.values():
            total += plan.rounds * (_HAAR_FRAMES * (workload.count // _DRAWN_HAAR_EVERY) + methods * workload.count)
    if plan.photographs is not None:
        count = len(find_images(plan.photographs))
        total += sum((degrees != 0) * count + _PHOTOGRAPH_FRAMES * count * methods for degrees in PHOTOGRAPH_TURNS)
    return total


def _turned_count(plan: Plan, clip: Clip, degrees: float) -> int:
    """Return how many frames a turned clip has."""
    return max(clip.frame_count, plan.loop_frames) if degrees % QUARTER_TURN == 0 else clip.frame_count


class Suite:
    """Takes the figures of a plan. In a round all methods and the baseline follow each other.

    So a machine that slows down for a while does so for all of them.
    """

    def __init__(self, plan: Plan, folder: Path, bar: "tqdm[Any]") -> None:
        """Prepare the figures.

        Args:
            plan: What to measure.
            folder: For logs and copies of clips.
            bar: Shows the progress; its total is `frames_of(plan)`.
        """
        self.figures = ClipsFigures(plan.rounds, plan.loop_frames, {name: MethodFigures() for name in plan.methods})
        self._plan = plan
        self._folder = folder
        self._bar = bar

    def run(self) -> None:
        """Take all figures.

        Raises:
            MediaError: A clip does not fit its reference.
            ChildProcessError: A run failed.
        """
        for clip in self._plan.clips:
            self._measure_clip(clip)
        for clip in self._plan.turned:
            for degrees in self._plan.turns:
                self._measure_turned(clip, degrees)
        if self._plan.cpu:
            for label, workload in DRAWN.items():
                self._measure_drawn(label, workload)
        if self._plan.photographs is not None:
            for degrees in PHOTOGRAPH_TURNS:
                self._measure_photographs(self._plan.photographs, degrees)

    def _measure_clip(self, clip: Clip) -> None:
        film = load_frames(clip)
        self.figures.frames[clip.name] = clip.frame_count
        runs: dict[str, list[tuple[ProcessRun, ClipScore]]] = {method: [] for method in self._plan.methods}
        for number in range(self._plan.rounds):
            for method, settings in self._plan.methods.items():
                with self._step(f"{clip.name}, round {number + 1}, {method}", _START_FRAMES + clip.frame_count):
                    run, faces = self._run(clip, settings)
                    runs[method].append((run, score_clip(clip.reference, faces)))
        for method, taken in runs.items():
            scores = [score for _, score in taken]
            self.figures.methods[method].clips[clip.name] = ClipFigures(
                score=_median(scores, lambda score: score.found),
                repeats=all(score == scores[0] for score in scores),
                peak_mb=max(run.peak_mb for run, _ in taken),
                looped=None,
                steps_ms=[],
                looped_steps_ms=[],
                process_ms=[],
            )
        if self._plan.cpu:
            self._measure_cpu(clip, film)
        self._annotate(clip)

    def _measure_cpu(self, clip: Clip, film: SceneFrames) -> None:
        haar_ms = self.figures.haar_ms[clip.name] = []
        looped_film = loop_frames(film, self._plan.loop_frames)
        with self._step(f"{clip.name}, loop", clip.frame_count):
            looped = copy_clip(clip, self._folder, count=self._plan.loop_frames)
            self._warm_up(film)
        for number in range(self._plan.rounds):
            label = f"{clip.name}, round {number + 1}"
            with self._step(f"{label}, full-frame Haar", _HAAR_FRAMES * clip.frame_count):
                haar_ms.append(haar_cpu_ms(film.frames))
            for method, settings in self._plan.methods.items():
                figures = self.figures.methods[method].clips[clip.name]
                with self._step(f"{label}, {method}, steps", clip.frame_count):
                    figures.steps_ms.append(steps_cpu_ms(film, settings))
                with self._step(f"{label}, {method}, steps, looped", len(looped_film.frames)):
                    figures.looped_steps_ms.append(steps_cpu_ms(looped_film, settings))
                with self._step(f"{label}, {method}, process", 2 * (_START_FRAMES + looped.frame_count)):
                    whole, faces = self._run(looped, settings)
                    rest = run_start_and_decode(looped.path, settings)
                figures.process_ms.append((whole.cpu_s - rest.cpu_s) / looped.frame_count * 1e3)
                figures.looped = score_clip(looped.reference, faces)
        looped.path.unlink()

    def _warm_up(self, film: SceneFrames) -> None:
        """Do once before the first round what a process does once."""
        haar_cpu_ms(film.frames[:1])
        for settings in self._plan.methods.values():
            steps_cpu_ms(film, settings)

    def _measure_turned(self, clip: Clip, degrees: float) -> None:
        is_quarter = degrees % QUARTER_TURN == 0
        turned = copy_clip(clip, self._folder, degrees=degrees, count=_turned_count(self._plan, clip, degrees))
        references = [turned.reference]
        if is_quarter:  # a runtime that turns the picture back logs boxes in the upright picture
            references.append(clip.reference.looped(turned.frame_count))
        for method, settings in self._plan.methods.items():
            label = f"{clip.name} turned by {degrees:g}, {method}"
            rounds: list[TurnedFigures] = []
            for number in range(self._plan.rounds):
                with self._step(f"{label}, round {number + 1}", _START_FRAMES + turned.frame_count):
                    _, faces = self._run(turned, settings, as_camera=is_quarter)
                score = None if is_quarter else score_clip(turned.reference, faces)
                rounds.append(TurnedFigures(score, found_after_s(references, faces)))
            by_degrees = self.figures.methods[method].turned.setdefault(f"{degrees:g}", {})
            by_degrees[clip.name] = _median(rounds, _turned_rank)
        self._annotate(turned, as_camera=is_quarter)
        turned.path.unlink()

    def _measure_drawn(self, label: str, workload: Workload) -> None:
        film = workload.draw(color=False)
        haar_ms = self.figures.drawn_haar_ms[label] = []
        steps_ms = {method: figures.drawn_steps_ms for method, figures in self.figures.methods.items()}
        for number in range(self._plan.rounds):
            step = f"drawn scene, {label}, round {number + 1}"
            sample = film.frames[::_DRAWN_HAAR_EVERY]
            with self._step(f"{step}, full-frame Haar", _HAAR_FRAMES * len(sample)):
                haar_ms.append(haar_cpu_ms(sample))
            for method, settings in self._plan.methods.items():
                with self._step(f"{step}, {method}", len(film.frames)):
                    steps_ms[method].setdefault(label, []).append(steps_cpu_ms(film, settings))

    def _measure_photographs(self, photographs: Path, degrees: float) -> None:
        count = len(find_images(photographs))
        folder = photographs
        if degrees:
            folder = self._folder / f"photographs-{degrees:g}"
            folder.mkdir()
            with self._step(f"turning photographs by {degrees:g}", count):
                turn_photographs(photographs, degrees, folder)
        for method, settings in self._plan.methods.items():
            with self._step(f"photographs turned by {degrees:g}, {method}", _PHOTOGRAPH_FRAMES * count):
                figures = measure_photographs(folder, settings, self._folder / "log.jsonl")
            self.figures.methods[method].photographs[f"{degrees:g}"] = figures

    def _run(
        self, clip: Clip, settings: Settings, *, as_camera: bool = False
    ) -> tuple[ProcessRun, list[list[LoggedFace]]]:
        log = self._folder / "log.jsonl"
        run = run_product(clip.path, settings, log, as_camera=as_camera)
        return run, read_log(log, clip.reference)

    def _annotate(self, clip: Clip, *, as_camera: bool = False) -> None:
        if self._plan.annotated is None:
            return
        for method, settings in self._plan.methods.items():
            path = self._plan.annotated / f"{clip.path.stem}-{method}.mp4"
            with self._step(f"annotating {path.name}", _START_FRAMES + 2 * clip.frame_count):
                log, options = self._folder / "log.jsonl", ["--annotate", str(path)]
                run_product(clip.path, settings, log, options=options, as_camera=as_camera)

    @contextmanager
    def _step(self, label: str, frames: int) -> Iterator[None]:
        """Show what is being done; `frames` is how long it takes, in frames of a clip."""
        self._bar.set_description(label)
        yield
        self._bar.update(frames)


def _median(rounds: Sequence[T], key: Callable[[T], float]) -> T:
    """Return the round that is the median by `key`."""
    return sorted(rounds, key=key)[len(rounds) // 2]


def _turned_rank(figures: TurnedFigures) -> float:
    """Rank by the faces found, or without a score by the time until the first one."""
    if figures.score is not None:
        return figures.score.found
    return math.inf if figures.found_after_s is None else figures.found_after_s
