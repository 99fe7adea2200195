#!/usr/bin/env python3
"""Counts the instructions of the runtime's steps on each Pi's CPU, and estimates their time.

`report.py` writes results.md and budget.json to its folder; `report.py --check` only compares with budget.json and
fails if a step takes 5 % more. It needs Python 3.11 without packages, and the programs that `setup` names.
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
"""Share by which a step may exceed its budget."""

GOALS = {"A53": 14e6, "A72": 12e6, "A76": 12e6}
"""Largest number of instructions per frame in each of `GOAL_SECTIONS`, by CPU."""

GOAL_SECTIONS = ("frame, one face", "frame, one face, and all is scanned every second")

FPS = 30
LIMIT_S = 1800.0


@dataclass(frozen=True, slots=True)
class Counts:
    """The instructions that one CPU executes.

    Attributes:
        instructions: by section, for one repeat.
        happened: readings and scans of each stream, in words, by section.
        versions: of the packages, by name.
    """

    instructions: dict[str, float]
    happened: dict[str, str]
    versions: dict[str, str]


def set_up() -> Path:
    """Run `setup` and return the cache folder.

    Raises:
        SystemExit: it failed and has printed the reason.
    """
    done = subprocess.run([HERE / "setup"], stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.splitlines()
    sys.stderr.writelines(f"{line}\n" for line in lines[:-1])
    if done.returncode != 0:
        raise SystemExit(done.returncode)
    return Path(lines[-1])


def count(cpu_name: str, cache: Path, *, images: Path | None = None) -> Counts:
    """Run count.py on this CPU.

    Args:
        cpu_name: key of `CPUS`.
        cache: the folder that `set_up` returned.
        images: count only the cascade, on each image of this folder.

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
        marks, sections = Path(folder) / "marks.txt", Path(folder) / "sections.json"
        emulator = ["qemu-aarch64", "-cpu", cpu.qemu, "-L", root, "-plugin", f"{cache / 'plugin.so'},out={marks}"]
        command = [*emulator, root / "usr/bin/python3", HERE / "count.py", sections, *([images] if images else [])]
        try:
            subprocess.run(command, env=environment, check=True, timeout=LIMIT_S)
            return _read(marks.read_text(encoding="ascii"), json.loads(sections.read_text(encoding="utf-8")))
        except (subprocess.SubprocessError, OSError) as error:
            raise SystemExit(f"report: the count on {cpu_name} failed: {error}") from error


def _read(marks: str, counted: dict[str, dict[str, str]]) -> Counts:
    """Return the instructions between pairs of marks: 2 k starts section k and 2 k + 1 ends it."""
    at = {int(number): int(instructions) for number, instructions in map(str.split, marks.splitlines())}
    instructions = {
        section["name"]: (at[2 * place + 1] - at[2 * place]) / section["times"]
        for place, section in enumerate(counted["sections"])
    }
    return Counts(instructions, counted["happened"], counted["versions"] | {"Python": counted["python"]})


def write_report(counts: dict[str, Counts]) -> str:
    """Return the table and its assumptions, as Markdown."""
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
        " one core are **an estimate**, shortest … longest: no Pi was measured.",
        "",
        *_table(head, rows),
        "",
        *_verdict(counts, boards),
        "",
        "Assumptions of the estimate:",
        "",
        *(
            f"- {board.name}: Cortex-{board.cpu}, {_span(board.ghz)} GHz, {_span(CPUS[board.cpu].ipc)} instructions"
            " per cycle"
            for board in boards
        ),
        "- The A72's range comes from this cascade's published time on a real Pi 4 and its instructions counted here,"
        " the others' from published speeds per clock relative to the A72's: sources in `boards.py`.",
        "",
        "Readings and scans in the streams:",
        "",
        *(f"- {section}: {happened}" for section, happened in first.happened.items()),
        "",
        f"Counted on {datetime.datetime.now(datetime.UTC):%Y-%m-%d} at commit {_commit()} with "
        + ", ".join(f"{name} {number}" for name, number in first.versions.items())
        + f" under {_first_line(['qemu-aarch64', '--version'])}.",
    ]
    return "\n".join(lines) + "\n"


def _estimate(board: Board, instructions: float) -> str:
    return _span(board.milliseconds(instructions))


def _verdict(counts: dict[str, Counts], boards: list[Board]) -> list[str]:
    goals = ", ".join(f"{GOALS[name] / 1e6:.0f} on the {name}" for name in counts)
    lines = [f"Goal: at most so many million instructions per frame, method `auto`: {goals}.", ""]
    for section in GOAL_SECTIONS:
        found = {name: of_cpu.instructions[section] for name, of_cpu in counts.items()}
        verdicts = (f"{name} {number / 1e6:.2f} ({_word(name, number)})" for name, number in found.items())
        lines.append(f"- {section}: {', '.join(verdicts)}.")
        for board in boards:
            low, high = (ms * FPS / 10 for ms in board.milliseconds(found[board.cpu]))
            core = f"{low:.0f} to {high:.0f} % of one core (estimate)"
            lines.append(f"  - {board.name}, {FPS} frames per second: {core}.")
    return lines


def _word(cpu_name: str, instructions: float) -> str:
    return "met" if instructions <= GOALS[cpu_name] else "missed"


def _span(ends: tuple[float, float]) -> str:
    low, high = (f"{end:.2f}" if end < 10 else f"{end:.0f}" for end in ends)  # noqa: PLR2004  # three digits are enough
    return low if low == high else f"{low} … {high}"


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(row) + " |" for row in [head, *rows]]
    return [lines[0], "|---" + "|---:" * (len(head) - 1) + "|", *lines[1:]]


def _first_line(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE)
    return (done.stdout.splitlines() or ["unknown"])[0]


def _commit() -> str:
    return _first_line(["git", "rev-parse", "--short", "HEAD"])


def excesses(counts: dict[str, Counts], budget: dict[str, dict[str, float]]) -> list[str]:
    """Return a line for each step that exceeds its budget or has none."""
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
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(description="Count instructions on each Pi's CPU, and estimate milliseconds.")
    parser.add_argument("--check", action="store_true", help="compare with budget.json, write nothing")
    parser.add_argument("--cpu", choices=CPUS, action="append", help="only this CPU (with --check); may be repeated")
    options = parser.parse_args()
    if options.cpu and not options.check:
        parser.error("--cpu needs --check: the budget is written for all CPUs")
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
