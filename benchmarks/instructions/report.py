#!/usr/bin/env python3
"""Counts the instructions of the runtime's steps on each Pi's CPU, and estimates their milliseconds.

`report.py` writes results.md and budget.json beside itself; `report.py --check` only compares with budget.json and
fails where a step takes 5 % more. Needs Python 3.11 with nothing installed, and what `setup` asks for.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from boards import BOARDS, CPUS, Board, show_cpu

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
RESULTS = HERE / "results.md"
BUDGET = HERE / "budget.json"

TOLERANCE = 0.05
GOAL = 16e6
GOAL_SECTIONS = ("frame, one face", "frame, one face, and all is scanned every second")
"""Instructions at most, and where."""

FPS = 30
LIMIT_S = 1800.0


@dataclass(frozen=True, slots=True)
class Counts:
    """What one CPU executes. instructions: by section, for one repeat. happened: in each stream, by section."""

    instructions: dict[str, float]
    happened: dict[str, str]
    versions: dict[str, str]


def set_up() -> Path:
    """Run `setup`; return the cache's folder.

    Raises:
        SystemExit: it failed, and has said why.
    """
    done = subprocess.run([HERE / "setup"], stdout=subprocess.PIPE, text=True, check=False)  # our own
    lines = done.stdout.splitlines()
    sys.stderr.writelines(f"{line}\n" for line in lines[:-1])
    if done.returncode != 0:
        raise SystemExit(done.returncode)
    return Path(lines[-1])


def count(cpu_name: str, cache: Path, *, pictures: Path | None = None) -> Counts:
    """Run count.py on this CPU; with `pictures`, only the cascade on each of them.

    Raises:
        SystemExit: it failed.
    """
    cpu, root = CPUS[cpu_name], cache / "root"
    show_cpu(cpu, root)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "OMP", "QEMU"))}
    environment |= {
        "PYTHONPATH": os.pathsep.join([str(cache / "packages"), str(REPOSITORY)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "OPENBLAS_NUM_THREADS": "1",
    }
    with tempfile.TemporaryDirectory() as folder:
        marks, said = Path(folder) / "marks.txt", Path(folder) / "said.json"
        emulator = ["qemu-aarch64", "-cpu", cpu.qemu, "-L", root, "-plugin", f"{cache / 'plugin.so'},out={marks}"]
        command = [*emulator, root / "usr/bin/python3", HERE / "count.py", said, *([pictures] if pictures else [])]
        try:
            subprocess.run(command, env=environment, check=True, timeout=LIMIT_S)  # put together here
            return _read(marks.read_text(encoding="ascii"), json.loads(said.read_text(encoding="utf-8")))
        except (subprocess.SubprocessError, OSError) as error:
            raise SystemExit(f"report: the count on {cpu_name} failed: {error}") from error


def _read(marks: str, said: dict[str, dict[str, str]]) -> Counts:
    """Pair the marks: 2 k begins section k and 2 k + 1 ends it."""
    at = {int(number): int(instructions) for number, instructions in map(str.split, marks.splitlines())}
    instructions = {
        section["name"]: (at[2 * place + 1] - at[2 * place]) / section["times"]
        for place, section in enumerate(said["sections"])
    }
    return Counts(instructions, said["happened"], said["versions"] | {"Python": said["python"]})


def write_report(counts: dict[str, Counts]) -> str:
    """Return the table and what it rests on, as Markdown."""
    first = next(iter(counts.values()))
    boards = [board for board in BOARDS if board.cpu in counts]
    head = ["step", *(f"{name}, million" for name in counts), *(f"{board.name}, ms" for board in boards)]
    rows = [
        [
            section,
            *(f"{of_cpu.instructions[section] / 1e6:.2f}" for of_cpu in counts.values()),
            *(_estimate(board, counts[board.cpu].instructions[section]) for board in boards),
        ]
        for section in first.instructions
    ]
    lines = [
        "# Instructions of the runtime's steps on aarch64, and an estimate of their time",
        "",
        "Written by `report.py`, explained in README.md. The millions of instructions are counted; the milliseconds on"
        " one core are **an estimate**, from … to: no Pi was measured.",
        "",
        *_table(head, rows),
        "",
        *_verdict(counts, boards),
        "",
        "What the estimate rests on:",
        "",
        *(
            f"- {board.name}: Cortex-{board.cpu}, {_span(board.ghz)} GHz, {_span(CPUS[board.cpu].ipc)} instructions a"
            " cycle"
            for board in boards
        ),
        "- The A72's range comes from this cascade's published time on a real Pi 4 and its instructions counted here,"
        " the others' from published speeds a clock relative to the A72's: sources in `boards.py`.",
        "",
        "What happened in the streams:",
        "",
        *(f"- {section}: {said}" for section, said in first.happened.items()),
        "",
        f"Counted on {datetime.datetime.now(datetime.UTC):%Y-%m-%d} at commit {_commit()} with "
        + ", ".join(f"{name} {number}" for name, number in first.versions.items())
        + f" under {_first_line(['qemu-aarch64', '--version'])}.",
    ]
    return "\n".join(lines) + "\n"


def _estimate(board: Board, instructions: float) -> str:
    return _span(board.milliseconds(instructions))


def _verdict(counts: dict[str, Counts], boards: list[Board]) -> list[str]:
    lines = [f"Goal: at most {GOAL / 1e6:.0f} million instructions a frame.", ""]
    for section in GOAL_SECTIONS:
        found = {name: of_cpu.instructions[section] for name, of_cpu in counts.items()}
        said = (f"{name} {count / 1e6:.2f} ({'met' if count <= GOAL else 'missed'})" for name, count in found.items())
        lines.append(f"- {section}: {', '.join(said)}.")
        for board in boards:
            low, high = (ms * FPS / 10 for ms in board.milliseconds(found[board.cpu]))
            lines.append(f"  - {board.name}, {FPS} frames a second: {low:.0f} to {high:.0f} % of one core (estimate).")
    return lines


def _span(ends: tuple[float, float]) -> str:
    low, high = (f"{end:.2f}" if end < 10 else f"{end:.0f}" for end in ends)  # noqa: PLR2004  # three digits are enough
    return low if low == high else f"{low} … {high}"


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(row) + " |" for row in [head, *rows]]
    return [lines[0], "|---" + "|---:" * (len(head) - 1) + "|", *lines[1:]]


def _first_line(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE)  # ours
    return (done.stdout.splitlines() or ["unknown"])[0]


def _commit() -> str:
    return _first_line(["git", "rev-parse", "--short", "HEAD"])


def excesses(counts: dict[str, Counts], budget: dict[str, dict[str, float]]) -> list[str]:
    """Name each step that takes more than the budget allows, or is not in it."""
    found = []
    for name, of_cpu in counts.items():
        for section, instructions in of_cpu.instructions.items():
            allowed = budget.get(name, {}).get(section)
            if allowed is None:
                found.append(f"{name}, {section}: not in {BUDGET.name}: run report.py without --check")
            elif instructions > allowed * (1 + TOLERANCE):
                found.append(
                    f"{name}, {section}: expected {allowed / 1e6:.2f} million instructions at most"
                    f" {TOLERANCE:.0%} more, found {instructions / 1e6:.2f} ({instructions / allowed - 1:+.1%})"
                )
    return found


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Count instructions on each Pi's CPU, and estimate milliseconds.")
    parser.add_argument("--check", action="store_true", help="compare with budget.json, write nothing")
    parser.add_argument("--cpu", choices=CPUS, action="append", help="only this one (with --check); may be repeated")
    options = parser.parse_args()
    if options.cpu and not options.check:
        parser.error("--cpu goes with --check: the budget is written for all of them")
    cache = set_up()
    counts = {name: count(name, cache) for name in options.cpu or CPUS}
    report = write_report(counts)
    sys.stdout.write(report)
    if not options.check:
        RESULTS.write_text(report, encoding="utf-8")
        budget = {name: {key: round(value) for key, value in of.instructions.items()} for name, of in counts.items()}
        BUDGET.write_text(json.dumps(budget, indent=2) + "\n", encoding="utf-8")
        return 0
    found = excesses(counts, json.loads(BUDGET.read_text(encoding="utf-8")))
    sys.stderr.writelines(f"report: {line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
