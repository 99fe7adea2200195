"""Writes the figures on real clips as tables in Markdown, with a verdict on each target."""

import statistics
from collections.abc import Callable, Iterable, Sequence

from benchmarks.clips.figures import ClipFigures, ClipsFigures, MethodFigures, SavedClips, TurnedFigures, median_ratio
from benchmarks.clips.scores import ROLL_BANDS, ClipScore, add_scores
from benchmarks.report import table
from benchmarks.results import describe_in_a_line
from benchmarks.targets import MET, MISSED, Verdict
from train.evaluation.corruptions import QUARTER_TURN

LEAST_RECALL = 0.97
LEAST_RECALL_ABOVE_35 = 0.95
LEAST_RECALL_HAAR = 0.82
MOST_IDS_PER_PERSON = 1.1
MOST_CHANGES_PER_MINUTE = 6.0
LEAST_STEPS_RATIO, LEAST_PROCESS_RATIO = 15.0, 10.0
MOST_SECONDS_UPSIDE_DOWN = 5.0
MOST_MEMORY_MB = 110.0
LEAST_PHOTOGRAPHS, LEAST_TURNED_PHOTOGRAPHS = 0.99, 0.97
MOST_ACCURACY_LOST = 0.03

NOT_MEASURED = "not measured"


def write_clips_report(saved: SavedClips) -> str:
    """Return the page."""
    figures, machine = saved.figures, saved.machine
    first = next(iter(figures.methods))
    load = f"load {machine['load_1_min']} of {machine['cores_usable']} cores when it began"
    verdicts = [(line.figure, line.target, line.measured, line.verdict) for line in judge_clips(figures)]
    parts = [
        "# Real clips",
        f"{describe_in_a_line(machine)}; {saved.taken_on}; {load}. Method `{first}` unless a line names another;"
        f" rounds: {figures.rounds}. How each figure is taken: benchmarks/README.md.",
        table(("figure", "target", "measured", "verdict"), verdicts),
    ]
    for name, method in figures.methods.items():
        parts += [f"## Method `{name}`", _clips_table(figures, method)]
        if method.turned:
            parts += ["Turned clips:", _turned_table(method)]
        if method.photographs:
            parts += ["Photographs, whole path; accuracy of those with a face:", _photographs_table(method)]
    if figures.haar_ms:
        parts += ["## CPU time per frame, ms: real clips and drawn scenes", _cpu_table(figures)]
    return "\n\n".join(parts) + "\n"


def judge_clips(figures: ClipsFigures) -> list[Verdict]:
    """Return every target with what was measured; of the first method unless the line names another."""
    method = next(iter(figures.methods.values()))
    total = _total(method)
    return [
        _recall("reference faces found", total, list(ROLL_BANDS), LEAST_RECALL),
        _recall("of these, roll 20 to 35 degrees", total, ["20-35"], LEAST_RECALL),
        _recall("of these, roll above 35 degrees", total, [">35"], LEAST_RECALL_ABOVE_35),
        _haar_recall(figures),
        *_turned_recalls(method),
        _most("false boxes", total.false, 0, "{:.0f}"),
        _most("track ids per person", total.ids_per_person, MOST_IDS_PER_PERSON, "{:.2f}"),
        _most("label changes per minute of face", total.changes_per_minute, MOST_CHANGES_PER_MINUTE, "{:.1f}"),
        _ratio(figures, "steps, looped", LEAST_STEPS_RATIO, lambda clip: clip.looped_steps_ms),
        _ratio(figures, "steps, each clip once", LEAST_STEPS_RATIO, lambda clip: clip.steps_ms),
        _ratio(figures, "whole process, less start and decoding", LEAST_PROCESS_RATIO, lambda clip: clip.process_ms),
        *_upside_down(method),
        _most("resident memory, whole runtime with log", peak_mb(method), MOST_MEMORY_MB, "{:.0f} MB"),
        _photographs(method, "0", "photographs with a face found", LEAST_PHOTOGRAPHS),
        _photographs(method, "30", "the same, turned by 30 degrees", LEAST_TURNED_PHOTOGRAPHS),
        _accuracy_lost(method, "30"),
    ]


def peak_mb(method: MethodFigures) -> float:
    """Return the highest resident memory on any clip, MB."""
    return max(clip.peak_mb for clip in method.clips.values())


def _total(method: MethodFigures) -> ClipScore:
    return add_scores(clip.score for clip in method.clips.values())


def _recall(name: str, score: ClipScore, bands: Iterable[str], least: float) -> Verdict:
    faces, found = (sum(getattr(score.bands[band], key) for band in bands) for key in ("faces", "found"))
    return _least(name, found / faces if faces else None, least, "{:.3f} of " + str(faces))


def _haar_recall(figures: ClipsFigures) -> Verdict:
    name = "reference faces found, method `haar`"
    if "haar" not in figures.methods:
        return Verdict(name, f"at least {LEAST_RECALL_HAAR:g}", NOT_MEASURED, "--methods haar")
    return _recall(name, _total(figures.methods["haar"]), list(ROLL_BANDS), LEAST_RECALL_HAAR)


def _turned_recalls(method: MethodFigures) -> list[Verdict]:
    verdicts = []
    for degrees, clips in method.turned.items():
        scores = [clip.score for clip in clips.values() if clip.score is not None]
        if scores:
            name = f"reference faces found, clips turned by {degrees} degrees ({len(scores)})"
            verdicts.append(_recall(name, add_scores(scores), list(ROLL_BANDS), LEAST_RECALL))
    return verdicts


def _upside_down(method: MethodFigures) -> list[Verdict]:
    verdicts = []
    for degrees, clips in method.turned.items():
        if float(degrees) % QUARTER_TURN == 0:
            times = [clip.found_after_s for clip in clips.values()]
            found = [time for time in times if time is not None]
            measured = f"in {len(found)} of {len(times)} clips"
            measured += f", the last after {max(found):.1f} s" if found else ""
            holds = len(found) == len(times) and max(found, default=0.0) <= MOST_SECONDS_UPSIDE_DOWN
            name = f"turned by {degrees} degrees: a face is found"
            verdicts.append(Verdict(name, f"within {MOST_SECONDS_UPSIDE_DOWN:g} s", measured, _word(holds)))
    return verdicts


def _ratio(figures: ClipsFigures, name: str, least: float, of: Callable[[ClipFigures], list[float]]) -> Verdict:
    name, target = f"CPU per frame against full-frame Haar 1.3/5: {name}", f"{least:g}x less"
    if not figures.haar_ms:
        return Verdict(name, target, NOT_MEASURED, "without --no-cpu")
    method = next(iter(figures.methods.values()))
    haar_ms = figures.mean_ms(figures.haar_ms)
    ours_ms = figures.mean_ms({clip: of(values) for clip, values in method.clips.items()})
    ratio = median_ratio(haar_ms, ours_ms)
    measured = f"{ratio:.1f}x ({statistics.median(ours_ms):.2f} against {statistics.median(haar_ms):.1f} ms)"
    return Verdict(name, target, measured, _word(ratio >= least))


def _photographs(method: MethodFigures, degrees: str, name: str, least: float) -> Verdict:
    photographs = method.photographs.get(degrees)
    if photographs is None:
        return Verdict(name, f"at least {least:g}", NOT_MEASURED, "--photos FOLDER")
    return _least(name, photographs.found / photographs.count, least, "{:.3f} of " + str(photographs.count))


def _accuracy_lost(method: MethodFigures, degrees: str) -> Verdict:
    name, target = f"accuracy on photographs turned by {degrees} degrees", f"at most {MOST_ACCURACY_LOST:g} less"
    upright, turned = method.photographs.get("0"), method.photographs.get(degrees)
    if upright is None or turned is None:
        return Verdict(name, target, NOT_MEASURED, "--photos FOLDER")
    if upright.accuracy is None or turned.accuracy is None:
        return Verdict(name, target, "no face in a folder that names an emotion", "")
    measured = f"{turned.accuracy:.3f} against {upright.accuracy:.3f} upright"
    return Verdict(name, target, measured, _word(upright.accuracy - turned.accuracy <= MOST_ACCURACY_LOST))


def _least(name: str, value: float | None, least: float, form: str) -> Verdict:
    if value is None:
        return Verdict(name, f"at least {least:g}", "no such face", "")
    return Verdict(name, f"at least {least:g}", form.format(value), _word(value >= least))


def _most(name: str, value: float | None, most: float, form: str) -> Verdict:
    if value is None:
        return Verdict(name, f"at most {most:g}", "no reading", "")
    return Verdict(name, f"at most {most:g}", form.format(value), _word(value <= most))


def _word(holds: bool) -> str:
    return MET if holds else MISSED


def _clips_table(figures: ClipsFigures, method: MethodFigures) -> str:
    head = ("clip", "frames", *_SCORE_HEAD, "CPU ms: steps", "steps, looped", "process", "full-frame Haar", "repeats")
    rows = []
    for name, clip in method.clips.items():
        costs = [
            _median(values)
            for values in (clip.steps_ms, clip.looped_steps_ms, clip.process_ms, figures.haar_ms.get(name, []))
        ]
        repeats = "yes" if clip.repeats else "no"
        rows.append((name, str(figures.frames[name]), *_score_cells(clip.score), *costs, repeats))
    means = [
        {name: clip.steps_ms for name, clip in method.clips.items()},
        {name: clip.looped_steps_ms for name, clip in method.clips.items()},
        {name: clip.process_ms for name, clip in method.clips.items()},
        figures.haar_ms,
    ]
    frames = str(sum(figures.frames.values()))
    costs = [_median(figures.mean_ms(values)) for values in means] if figures.haar_ms else [""] * len(means)
    rows.append(("all", frames, *_score_cells(_total(method)), *costs, ""))
    looped = [clip.looped for clip in method.clips.values() if clip.looped is not None]
    if looped:
        rows.append(("all, looped", "", *_score_cells(add_scores(looped)), *[""] * (len(means) + 1)))
    return table(head, rows)


_SCORE_HEAD = (
    "faces",
    "found",
    *(f"roll {band}" for band in ROLL_BANDS),
    "false boxes",
    "doubles",
    "ids / persons",
    "label changes a minute",
    "angry, fear or surprise",
)


def _score_cells(score: ClipScore) -> tuple[str, ...]:
    changes = score.changes_per_minute
    return (
        str(score.faces),
        _share(score.found, score.faces),
        *(_share(band.found, band.faces) for band in score.bands.values()),
        str(score.false),
        str(score.doubles),
        f"{score.ids} / {score.persons}",
        "-" if changes is None else f"{changes:.1f}",
        _share(score.alarms, score.readings),
    )


def _turned_table(method: MethodFigures) -> str:
    rows = [
        (name, degrees, *_turned_cells(clip))
        for degrees, clips in method.turned.items()
        for name, clip in clips.items()
    ]
    return table(("clip", "turned by", *_SCORE_HEAD, "found after"), rows)


def _photographs_table(method: MethodFigures) -> str:
    rows = []
    for degrees, photographs in method.photographs.items():
        shares = (photographs.accuracy, photographs.balanced_accuracy)
        cells = ["-" if share is None else f"{share:.3f}" for share in shares]
        rows.append((degrees, str(photographs.count), _share(photographs.found, photographs.count), *cells))
    return table(("turned by", "photographs", "with a face", "accuracy", "balanced accuracy"), rows)


def _turned_cells(clip: TurnedFigures) -> tuple[str, ...]:
    first = "never" if clip.found_after_s is None else f"{clip.found_after_s:.1f} s"
    cells = ("",) * len(_SCORE_HEAD) if clip.score is None else _score_cells(clip.score)
    return (*cells, first)


def _cpu_table(figures: ClipsFigures) -> str:
    head = ("method", "frames", "steps", "full-frame Haar 1.3/5", "ratio")
    rows = []
    for name, method in figures.methods.items():
        clips = figures.mean_ms({clip: values.steps_ms for clip, values in method.clips.items()})
        kinds = {"all clips": (clips, figures.mean_ms(figures.haar_ms))}
        kinds |= {f"drawn, {label}": (ms, figures.drawn_haar_ms[label]) for label, ms in method.drawn_steps_ms.items()}
        for kind, (ours, haar) in kinds.items():
            rows.append((name, kind, _median(ours), _median(haar), f"{median_ratio(haar, ours):.1f}x"))
    return table(head, rows)


def _median(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f}" if values else ""


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "-"
