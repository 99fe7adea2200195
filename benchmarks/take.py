"""Takes every figure of the table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from benchmarks import live, processes, references
from benchmarks.contenders import PEERS_PYTHON, Contender, median_cpu_ms, median_ratio
from benchmarks.figures import Figures, LiveFigures, PeerFigures, Quality, SceneFigures
from benchmarks.jobs import Job, Result, score_job
from benchmarks.simpler import SIMPLER

ROUNDS = 3
VGA_HEIGHT = 480
COMPARED_EVERY = 4
"""Recall and precision are held against the references in every fourth frame: those look at a whole picture each."""

JOBS = (
    Job("empty", count=1800),  # a minute: the scan on start is not what idling costs
    Job("one"),
    Job("slow"),
    Job("three"),
    Job("five"),
    Job("fast"),
    Job("crossing", count=240),
    Job("slow", width=1280, height=720),
    Job("three", width=1280, height=720),
)
PEER_FRAMES = {"empty": 10, "slow": 30, "three": 30, "five": 20}
"""Scenes that the peers are shown, and how many frames: each looks at every frame anew, so a sample says the same."""


def take_figures(*, peers: bool, say: Callable[[str], None]) -> Figures:
    """Take them all, in some three minutes, or five with the peers."""
    contenders = [Contender("pipeline")]
    try:
        if peers:
            contenders += [Contender(kind, PEERS_PYTHON) for kind in ("usual", "fer")]
        results = _rounds(contenders, say)
        say("latency, entrances, identity")
        live_figures = _live(contenders[0])
        switches = {name: live.identity_switches(contenders[0], settings) for name, settings in SIMPLER.items()}
    finally:
        for contender in contenders:
            contender.close()
    ours = {job: results["pipeline", job] for job in JOBS}
    switches = {"as it ships": score_job(live.CROSSING_JOB, ours[live.CROSSING_JOB][0].found).switches, **switches}
    say("what full-frame Haar finds")
    compared = _compare(ours)
    say("start-up, memory, photographs")
    starts = processes.measure_starts()
    return Figures(
        scenes={job.label: _scene(job, mine) for job, mine in ours.items()},
        compared=compared,
        ratios=_ratios(ours),
        peers=_peers(results, ours),
        live=live_figures,
        switches=switches,
        starts_s=[start.first_reading_s for start in starts],
        peak_mb=max(start.peak_mb for start in starts),
        photos=processes.share_of_photos(),
    )


def _rounds(contenders: Sequence[Contender], say: Callable[[str], None]) -> dict[tuple[str, Job], list[Result]]:
    """Each scene by each contender, in turn, several times: a machine that is busy is so for all of them."""
    results: dict[tuple[str, Job], list[Result]] = {}
    for number in range(ROUNDS):
        for job in JOBS:
            say(f"round {number + 1} of {ROUNDS}: {job.label}")
            for contender in contenders:
                shown = job if contender.kind == "pipeline" else _peer_job(job)
                if shown is not None:
                    results.setdefault((contender.kind, job), []).append(contender.measure(shown))
    return results


def _peer_job(job: Job) -> Job | None:
    if job.scene not in PEER_FRAMES or job.height != VGA_HEIGHT:
        return None
    return replace(job, every=job.count // PEER_FRAMES[job.scene])


def _scene(job: Job, mine: Sequence[Result]) -> SceneFigures:
    score = score_job(job, mine[0].found)
    names = mine[0].threads_ms
    middle = sorted(mine, key=lambda result: result.cpu_ms)[len(mine) // 2]
    return SceneFigures(
        cpu_ms=median_cpu_ms(mine),
        rounds_ms=[result.cpu_ms for result in mine],
        source_ms=middle.source_ms,
        threads_ms={name: middle.threads_ms[name] for name in names},
        recall=score.recall,
        precision=score.precision,
        switches=score.switches,
        repeats=all(result.found == mine[0].found for result in mine),
    )


def _compare(ours: Mapping[Job, Sequence[Result]]) -> dict[str, dict[str, Quality]]:
    jobs = [job for job in ours if job.height == VGA_HEIGHT]
    sampled = [replace(job, every=COMPARED_EVERY, count=min(job.count, 300)) for job in jobs]
    found = references.detect_all(sampled)
    compared: dict[str, dict[str, Quality]] = {}
    for job, sample in zip(jobs, sampled, strict=True):
        by_name = {"edge-emotion": ours[job][0].found}
        by_name |= {reference.name: found[sample.label, reference.name] for reference in references.REFERENCES}
        scores = {name: score_job(sample, boxes) for name, boxes in by_name.items()}
        compared[job.label] = {name: Quality(score.recall, score.precision) for name, score in scores.items()}
    return compared


def _ratios(ours: Mapping[Job, Sequence[Result]]) -> dict[str, float]:
    by_label = {job.label: mine for job, mine in ours.items()}
    return {
        "five faces / one": median_ratio(by_label["five 640x480"], by_label["slow 640x480"]),
        "one face, 720p / VGA": median_ratio(by_label["slow 1280x720"], by_label["slow 640x480"]),
        "three faces, 720p / VGA": median_ratio(by_label["three 1280x720"], by_label["three 640x480"]),
    }


def _peers(
    results: Mapping[tuple[str, Job], Sequence[Result]], ours: Mapping[Job, Sequence[Result]]
) -> dict[str, dict[str, PeerFigures]]:
    figures: dict[str, dict[str, PeerFigures]] = {}
    for (kind, job), theirs in results.items():
        shown = _peer_job(job)
        if kind == "pipeline" or shown is None:
            continue
        score = score_job(shown, theirs[0].found)
        ratio = median_ratio(theirs, ours[job])
        figures.setdefault(job.label, {})[kind] = PeerFigures(
            median_cpu_ms(theirs), ratio, score.recall, score.precision
        )
    return figures


def _live(contender: Contender) -> LiveFigures:
    three = contender.measure(live.LATENCY_JOB)
    idle = contender.measure(live.IDLE_JOB)
    entering = live.arrivals(live.ENTRANCES_JOB, contender.measure(live.ENTRANCES_JOB))
    seen = [arrival for arrival in entering if arrival.after_half is not None]
    never = len(entering) - len(seen)
    bound = [frame - entrance.first for entrance, frame in references.frames_until_found() if frame is not None]
    return LiveFigures(
        cpu_ms=three.cpu_ms,
        idle_cpu_ms=idle.cpu_ms,
        latency_ms=[live.percentile(three.latencies_ms, share) for share in (0.5, 0.95, 0.99)],
        dropped=three.dropped,
        arrivals=len(entering),
        never=never,
        arrival_p95_s=live.percentile([arrival.half_or_never for arrival in entering], 0.95),
        arrival_whole_p95_s=live.percentile([arrival.whole_or_never for arrival in entering], 0.95),
        full_frame_p95_s=live.percentile([frames / 30 for frames in bound], 0.95),
    )
