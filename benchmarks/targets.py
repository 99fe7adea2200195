"""Defines the targets of the runtime and compares a run's figures with them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.ablations import DEFAULT_TRACKER
from benchmarks.full_frame_haar import ALT2, DEFAULT, USUAL
from benchmarks.results import SuiteFigures

NEEDS_PEERS = "make bench-peers"
MET, MISSED = "met", "missed"

RECALL_SLACK = 0.02
FAST_RECALL_SLACK = 0.03
PRECISION_SLACK = 0.02
MAX_ENTRY_S = 0.3


@dataclass(frozen=True, slots=True)
class Verdict:
    """A line of the table.

    Attributes:
        figure: what is measured.
        target: the limit, in words.
        measured: the value, in words.
        verdict: `MET`, `MISSED`, or what to run for a verdict.
    """

    figure: str
    target: str
    measured: str
    verdict: str


def judge(figures: SuiteFigures) -> list[Verdict]:
    """Return every target with its measurement and verdict."""
    return [*_speed(figures), *_timeliness(figures), *_quality(figures), *_process(figures)]


def _speed(figures: SuiteFigures) -> list[Verdict]:
    ratios = figures.ratios
    fer = [peers["fer"].ratio for peers in figures.peers.values() if "fer" in peers]
    wide = max(ratios["one face, 720p / VGA"], ratios["three faces, 720p / VGA"])
    return [
        _against_usual(figures, "slow 640x480", "one face", 45, "45x less (60x)"),
        _against_usual(figures, "three 640x480", "three faces", 35, "35x less (45x)"),
        _against_usual(figures, "empty 640x480", "no face or motion", 200, "200x less"),
        _below("five faces against one", "under 2.5x", ratios["five faces / one"], 2.5, "{:.2f}x"),
        _below("1280x720 against 640x480, same faces", "under 1.6x", wide, 1.6, "{:.2f}x"),
        _above("CPU per frame, against fer", "10x less", min(fer, default=None), 10, "{:.1f}x"),
    ]


def _against_usual(figures: SuiteFigures, label: str, scene: str, minimum: float, target: str) -> Verdict:
    name = f"CPU per frame, {scene}, against the usual loop"
    peer = figures.peers.get(label, {}).get("usual")
    if peer is None:
        return Verdict(name, target, f"{figures.scenes[label].cpu_ms:.2f} ms", NEEDS_PEERS)
    measured = f"{peer.ratio:.0f}x ({figures.scenes[label].cpu_ms:.2f} against {peer.cpu_ms:.0f} ms)"
    return Verdict(name, target, measured, _word(peer.ratio >= minimum))


def _timeliness(figures: SuiteFigures) -> list[Verdict]:
    live = figures.live
    limits = (10.0, 25.0, 33.0)
    known = [value for value in live.latency_ms if value is not None]
    in_time = len(known) == len(limits) and all(value <= limit for value, limit in zip(known, limits, strict=True))
    latency = Verdict(
        "frame to reading at 30 per second, three faces: p50 / p95 / p99",
        "10 / 25 / 33 ms",
        f"{' / '.join(f'{value:.1f}' for value in known)} ms, {live.dropped} frames dropped",
        _word(in_time),
    )
    late = live.arrival_p95_s
    measured = f"{live.never} of {live.arrivals} never had a track" if late is None else f"{late * 1e3:.0f} ms"
    measured += f" ({_ms(live.arrival_whole_p95_s)} since it was whole; full-frame Haar: {_ms(live.full_frame_p95_s)})"
    entering = Verdict(
        "a newly entered face has a track: p95, since half of it is visible",
        "300 ms",
        measured,
        _word(late is not None and late <= MAX_ENTRY_S),
    )
    return [latency, entering]


def _quality(figures: SuiteFigures) -> list[Verdict]:
    steady = [label for label in figures.compared if not label.startswith("fast")]
    return [
        _recall(figures, steady, "recall, worst scene, against the better full-frame Haar", RECALL_SLACK),
        _recall(figures, ["fast 640x480"], "recall, fast scene, against the better full-frame Haar", FAST_RECALL_SLACK),
        _precision(figures),
        _photos(figures),
        _switches(figures),
    ]


def _recall(figures: SuiteFigures, labels: Iterable[str], name: str, slack: float) -> Verdict:
    rows = []
    for label in labels:
        recalls = {name: quality.recall for name, quality in figures.compared[label].items()}
        ours, theirs = recalls["edge-emotion"], [recalls[detector.name] for detector in (DEFAULT, ALT2)]
        best = max((recall for recall in theirs if recall is not None), default=None)
        if ours is not None and best is not None:
            rows.append((ours - best, ours, best, label))
    gap, ours, best, label = min(rows)
    return Verdict(name, f"within {slack}", f"{ours:.3f} against {best:.3f} ({label})", _word(gap >= -slack))


def _precision(figures: SuiteFigures) -> Verdict:
    rows = []
    for label, by_name in figures.compared.items():
        ours, usual = by_name["edge-emotion"].precision, by_name[USUAL.name].precision
        if ours is not None and usual is not None:
            rows.append((ours - usual, ours, usual, label))
    gap, ours, usual, label = min(rows)
    measured = f"{ours:.3f} against {usual:.3f} ({label})"
    return Verdict(
        "precision, against the usual loop's, worst scene",
        f"within {PRECISION_SLACK}",
        measured,
        _word(gap >= -PRECISION_SLACK),
    )


def _photos(figures: SuiteFigures) -> Verdict:
    name, target = "share of photographs with a detected face", "0.985"
    if figures.photos is None:
        return Verdict(name, target, "no photographs here", "name their folder's parent in EDGE_EMOTION_DATA")
    share, count = figures.photos
    return Verdict(name, target, f"{share:.4f} of {count}", _word(share >= float(target)))


def _switches(figures: SuiteFigures) -> Verdict:
    ours = figures.switches[DEFAULT_TRACKER]
    simpler = {name: count for name, count in figures.switches.items() if name != DEFAULT_TRACKER}
    measured = f"{ours} (simpler: {', '.join(str(count) for count in simpler.values())})"
    name = "identity switches, crossing scene"
    return Verdict(name, "no more than the best of three simpler", measured, _word(ours <= min(simpler.values())))


def _process(figures: SuiteFigures) -> list[Verdict]:
    start_s = sorted(figures.starts_s)[len(figures.starts_s) // 2]
    return [
        _below("resident memory, whole runtime with log", "90 MB", figures.peak_mb, 90, "{:.0f} MB"),
        _below("start of the process to first reading of a clip", "0.6 s", start_s, 0.6, "{:.2f} s"),
    ]


def _below(name: str, target: str, value: float | None, limit: float, form: str) -> Verdict:
    return _bound(name, target, value, form, lambda measured: measured <= limit)


def _above(name: str, target: str, value: float | None, limit: float, form: str) -> Verdict:
    return _bound(name, target, value, form, lambda measured: measured >= limit)


def _bound(name: str, target: str, value: float | None, form: str, holds: Callable[[float], bool]) -> Verdict:
    if value is None:
        return Verdict(name, target, "not measured", NEEDS_PEERS)
    return Verdict(name, target, form.format(value), _word(holds(value)))


def _ms(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds * 1e3:.0f} ms"


def _word(holds: bool) -> str:
    return MET if holds else MISSED
