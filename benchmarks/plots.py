"""Draws where a frame's time goes, and how many frames a second one core manages."""

from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.figures import Figures
from benchmarks.machine import describe_shortly
from edge.machine import Machine

FACES = {"empty 640x480": 0, "slow 640x480": 1, "three 640x480": 3, "five 640x480": 5}
COLORS = {"follow": "#2c6e91", "scan": "#d98032", "name": "#5b9e5f", "capture": "#8f8f8f", "log": "#b7a3c9"}


def draw_plots(figures: Figures, machine: Machine, folder: Path) -> None:
    """Write `frame-time.png` and `frames-by-faces.png` to `folder`."""
    _draw_frame_time(figures, machine, folder / "frame-time.png")
    _draw_frames_by_faces(figures, machine, folder / "frames-by-faces.png")


def _draw_frame_time(figures: Figures, machine: Machine, path: Path) -> None:
    plot = Figure(figsize=(8, 4.2), layout="constrained")
    axes = plot.subplots()
    labels = list(reversed(figures.scenes))
    left = [0.0] * len(labels)
    for thread, color in COLORS.items():
        widths = [figures.scenes[label].threads_ms.get(thread, 0.0) for label in labels]
        axes.barh(labels, widths, left=left, color=color, label=thread)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.set_xlabel("CPU ms a frame, by thread")
    axes.set_title(f"Where a frame's time goes\n{describe_shortly(machine)}", fontsize=10)
    plot.legend(loc="outside lower center", ncols=len(COLORS))
    plot.savefig(path, dpi=110)


def _draw_frames_by_faces(figures: Figures, machine: Machine, path: Path) -> None:
    plot = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = plot.subplots()
    ours = {faces: 1e3 / figures.scenes[label].cpu_ms for label, faces in FACES.items()}
    axes.plot(list(ours), list(ours.values()), "o-", color=COLORS["follow"], label="edge-emotion")
    for kind, name, color in (("usual", "usual loop", COLORS["scan"]), ("fer", "fer", COLORS["name"])):
        theirs = {
            faces: 1e3 / figures.peers[label][kind].cpu_ms
            for label, faces in FACES.items()
            if kind in figures.peers.get(label, {})
        }
        if theirs:
            axes.plot(list(theirs), list(theirs.values()), "o-", color=color, label=name)
    axes.axhline(30, color="#999999", linewidth=0.8, linestyle="--")
    axes.annotate("a camera's 30 a second", (0, 30), xytext=(2, 3), textcoords="offset points", fontsize=8)
    axes.set_yscale("log")
    axes.set_xticks(list(ours))
    axes.set_xlabel("faces in the picture, 640x480")
    axes.set_ylabel("frames for a second of one core's time")
    axes.set_title(f"Frames a second by faces\n{describe_shortly(machine)}", fontsize=10)
    axes.legend()
    plot.savefig(path, dpi=110)
