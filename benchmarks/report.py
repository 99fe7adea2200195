"""Writes the figures of a run as tables in Markdown and as two plots."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.results import SavedRun, SceneFigures, SuiteFigures, describe_in_a_line
from benchmarks.targets import judge
from edge.device.info import Machine

PLOTTED_FACES = {"empty 640x480": 0, "slow 640x480": 1, "three 640x480": 3, "five 640x480": 5}
"""Number of faces of the plotted scenes."""

COLORS = {"follow": "#2c6e91", "scan": "#d98032", "classify": "#5b9e5f", "capture": "#8f8f8f", "log": "#b7a3c9"}
"""Colours of the threads."""


def write_report(saved: SavedRun, *, previous: SavedRun | None, steps: Mapping[str, float]) -> str:
    """Return the page, in Markdown.

    Args:
        saved: the run.
        previous: an earlier run on the same machine, to compare with.
        steps: medians of the micro-benchmarks, CPU µs by name.
    """
    figures, machine = saved.figures, saved.machine
    verdicts = [(line.figure, line.target, line.measured, line.verdict) for line in judge(figures)]
    load = f"load {machine['load_1_min']} of {machine['cores_usable']} cores at the start"
    throttled = "" if machine["throttled"] is None else f" Throttle flags {machine['throttled']}."
    parts = [
        "# Measurements",
        f"{describe_in_a_line(machine)}; {saved.taken_on}; {load}.{throttled} One OpenCV thread, one interpreter"
        " thread. benchmarks/README.md describes each measurement.",
        table(("figure", "target", "measured", "verdict"), verdicts),
        "## Each scene",
        table(
            (
                "scene",
                "CPU ms per frame",
                "before",
                "by thread",
                "source",
                "recall",
                "precision",
                "switches",
                "repeats",
            ),
            [_scene_row(label, scene, previous) for label, scene in figures.scenes.items()],
        ),
        f"CPU time per due frame in real time at 30 frames per second: {figures.live.cpu_ms:.2f} ms with three faces,"
        f" {figures.live.idle_cpu_ms:.2f} ms without a face or motion.",
        "## Against full-frame Haar on every frame (recall / precision, every fourth frame)",
        _compared_table(figures),
    ]
    if figures.peers:
        parts += ["## Baseline loops", _peers_table(figures)]
    switches = [(name, str(count)) for name, count in figures.switches.items()]
    parts += ["## Identity switches in the crossing scene", table(("tracker", "switches"), switches)]
    if steps:
        rows = [(name, f"{micros:.1f}") for name, micros in steps.items()]
        parts += ["## Steps", table(("step", "CPU µs, median"), rows)]
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table with aligned columns, so that it also reads well as text."""
    rows = [tuple(row) for row in rows]
    widths = [max(len(row[column]) for row in (tuple(head), *rows)) for column in range(len(head))]
    lines = [_line(head, widths), "|" + "|".join("-" * (width + 2) for width in widths) + "|"]
    return "\n".join(lines + [_line(row, widths) for row in rows])


def draw_plots(figures: SuiteFigures, machine: Machine, folder: Path) -> None:
    """Write `frame-time.png` and `frames-by-faces.png` to `folder`."""
    _draw_frame_time(figures, machine, folder / "frame-time.png")
    _draw_frames_by_faces(figures, machine, folder / "frames-by-faces.png")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


def _scene_row(label: str, scene: SceneFigures, previous: SavedRun | None) -> tuple[str, ...]:
    threads = sorted(scene.threads_ms.items(), key=lambda item: -item[1])
    earlier = previous.figures.scenes.get(label) if previous is not None else None
    return (
        label,
        f"{scene.cpu_ms:.2f} ({min(scene.rounds_ms):.2f} … {max(scene.rounds_ms):.2f})",
        f"{earlier.cpu_ms:.2f}" if earlier is not None else "",
        ", ".join(f"{name} {cpu_ms:.2f}" for name, cpu_ms in threads),
        f"{scene.source_ms:.3f}",
        _share(scene.recall),
        _share(scene.precision),
        str(scene.switches),
        "yes" if scene.repeats else "no",
    )


def _compared_table(figures: SuiteFigures) -> str:
    names = list(next(iter(figures.compared.values())))
    rows = [
        (label, *(f"{_share(by_name[name].recall)} / {_share(by_name[name].precision)}" for name in names))
        for label, by_name in figures.compared.items()
    ]
    return table(("scene", *names), rows)


def _peers_table(figures: SuiteFigures) -> str:
    rows = [
        (label, kind, f"{peer.cpu_ms:.1f}", f"{peer.ratio:.1f}x", _share(peer.recall), _share(peer.precision))
        for label, peers in figures.peers.items()
        for kind, peer in peers.items()
    ]
    return table(("scene", "loop", "CPU ms per frame", "times ours", "recall", "precision"), rows)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _draw_frame_time(figures: SuiteFigures, machine: Machine, path: Path) -> None:
    from matplotlib.figure import Figure  # noqa: PLC0415  # takes a second to import, and only the plots need it

    plot = Figure(figsize=(8, 4.2), layout="constrained")
    axes = plot.subplots()
    labels = list(reversed(figures.scenes))
    left = [0.0] * len(labels)
    for thread, color in COLORS.items():
        widths = [figures.scenes[label].threads_ms.get(thread, 0.0) for label in labels]
        axes.barh(labels, widths, left=left, color=color, label=thread)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.set_xlabel("CPU ms per frame, by thread")
    axes.set_title(f"CPU time per frame\n{describe_in_a_line(machine)}", fontsize=10)
    plot.legend(loc="outside lower center", ncols=len(COLORS))
    plot.savefig(path, dpi=110)


def _draw_frames_by_faces(figures: SuiteFigures, machine: Machine, path: Path) -> None:
    from matplotlib.figure import Figure  # noqa: PLC0415  # takes a second to import, and only the plots need it

    plot = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = plot.subplots()
    ours = {faces: 1e3 / figures.scenes[label].cpu_ms for label, faces in PLOTTED_FACES.items()}
    axes.plot(list(ours), list(ours.values()), "o-", color=COLORS["follow"], label="edge-emotion")
    for kind, name, color in (("usual", "usual loop", COLORS["scan"]), ("fer", "fer", COLORS["classify"])):
        theirs = {
            faces: 1e3 / figures.peers[label][kind].cpu_ms
            for label, faces in PLOTTED_FACES.items()
            if kind in figures.peers.get(label, {})
        }
        if theirs:
            axes.plot(list(theirs), list(theirs.values()), "o-", color=color, label=name)
    axes.axhline(30, color="#999999", linewidth=0.8, linestyle="--")
    axes.annotate("a camera's 30 per second", (0, 30), xytext=(2, 3), textcoords="offset points", fontsize=8)
    axes.set_yscale("log")
    axes.set_xticks(list(ours))
    axes.set_xlabel("faces in the frame, 640x480")
    axes.set_ylabel("frames per second of CPU time")
    axes.set_title(f"Frames per second by number of faces\n{describe_in_a_line(machine)}", fontsize=10)
    axes.legend()
    plot.savefig(path, dpi=110)
