"""Writes what was measured as tables a person can read."""

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.figures import Figures, SceneFigures
from benchmarks.machine import describe_shortly
from benchmarks.results import Saved
from benchmarks.targets import judge

Rows = Sequence[Sequence[str]]


def write_report(saved: Saved, *, before: Saved | None, steps: Mapping[str, float]) -> str:
    """Return the page, in Markdown.

    before: an earlier run on the same machine, to compare with. steps: micro-benchmarks, median CPU µs by name.
    """
    figures, machine = saved.figures, saved.machine
    verdicts = [(line.figure, line.target, line.measured, line.verdict) for line in judge(figures)]
    load = f"load {machine['load_1_min']} of {machine['cores_usable']} cores when it began"
    throttled = "" if machine["throttled"] is None else f" Throttle flags {machine['throttled']}."
    parts = [
        "# What was measured",
        f"{describe_shortly(machine)}; {saved.taken_on}; {load}.{throttled} One OpenCV thread, one interpreter thread."
        " How each figure is taken: benchmarks/README.md.",
        table(("figure", "target", "measured", "verdict"), verdicts),
        "## Each scene",
        table(
            ("scene", "CPU ms a frame", "before", "by thread", "source", "recall", "precision", "switches", "repeats"),
            [_scene_row(label, scene, before) for label, scene in figures.scenes.items()],
        ),
        f"With a camera of 30 frames a second, three faces: {figures.live.cpu_ms:.2f} ms; nobody there and nothing"
        f" moving: {figures.live.idle_cpu_ms:.2f} ms of CPU for each frame that was due.",
        "## Against full-frame Haar on every frame (recall / precision, every fourth frame)",
        _compared_table(figures),
    ]
    if figures.peers:
        parts += ["## Peers", _peers_table(figures)]
    parts += ["## Identity switches in the crossing scene", table(("tracker", "switches"), _pairs(figures.switches))]
    if steps:
        rows = [(name, f"{micros:.1f}") for name, micros in steps.items()]
        parts += ["## Steps", table(("step", "CPU µs, median"), rows)]
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table with columns in line, so that it reads well as text, too."""
    rows = [tuple(row) for row in rows]
    widths = [max(len(row[column]) for row in (tuple(head), *rows)) for column in range(len(head))]
    lines = [_line(head, widths), "|" + "|".join("-" * (width + 2) for width in widths) + "|"]
    return "\n".join(lines + [_line(row, widths) for row in rows])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


def _scene_row(label: str, scene: SceneFigures, before: Saved | None) -> tuple[str, ...]:
    threads = sorted(scene.threads_ms.items(), key=lambda item: -item[1])
    earlier = before.figures.scenes.get(label) if before is not None else None
    return (
        label,
        f"{scene.cpu_ms:.2f} ({min(scene.rounds_ms):.2f} … {max(scene.rounds_ms):.2f})",
        f"{earlier.cpu_ms:.2f}" if earlier is not None else "",
        ", ".join(f"{name} {spent:.2f}" for name, spent in threads),
        f"{scene.source_ms:.3f}",
        _share(scene.recall),
        _share(scene.precision),
        str(scene.switches),
        "yes" if scene.repeats else "no",
    )


def _compared_table(figures: Figures) -> str:
    names = list(next(iter(figures.compared.values())))
    rows = [
        (label, *(f"{_share(by_name[name].recall)} / {_share(by_name[name].precision)}" for name in names))
        for label, by_name in figures.compared.items()
    ]
    return table(("scene", *names), rows)


def _peers_table(figures: Figures) -> str:
    rows = [
        (label, kind, f"{peer.cpu_ms:.1f}", f"{peer.ratio:.1f}x", _share(peer.recall), _share(peer.precision))
        for label, peers in figures.peers.items()
        for kind, peer in peers.items()
    ]
    return table(("scene", "peer", "CPU ms a frame", "of ours", "recall", "precision"), rows)


def _pairs(counts: Mapping[str, int]) -> Rows:
    return [(name, str(count)) for name, count in counts.items()]


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
