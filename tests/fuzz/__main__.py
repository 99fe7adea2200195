"""Fuzzes every parser of foreign input, one after the other: `make fuzz`.

Inputs that reached new code are kept in ~/.cache/edge-emotion/fuzz, from which the next run goes on. An input that
broke a promise is kept beside them, and the command that repeats it is printed. Exit codes: 0, nothing was found; 1,
something was; 2, the fuzzer cannot be started.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1])]

from fuzz_targets import TARGETS  # noqa: E402  # the repository must be on the path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edge-emotion" / "fuzz"

_INPUT_S = 30
"""Time after which one input counts as a hang, s; `CPU_S` is checked as well, if the input ends."""

_RSS_MB = 4096
_GRACE_S = 180.0
"""Time for a fuzzer to start, with TensorFlow, and to end, s."""

_STATS = re.compile(r"stat::number_of_executed_units:\s+(\d+)")
_RAISED = re.compile(r"Uncaught Python exception: ===\s*\n(.+)")
_COVERAGE = re.compile(r"cov: (\d+)")


@dataclass(frozen=True)
class Result:
    """The result of fuzzing one target.

    Attributes:
        name: of the target.
        seconds: how long it took.
        runs: number of inputs.
        coverage: instrumented places reached; None if it is unknown.
        inputs: inputs in its corpus.
        finding: file of the input that broke a promise; None without one.
        said: why it ended, if it ended early.
    """

    name: str
    seconds: float
    runs: int
    coverage: int | None
    inputs: int
    finding: Path | None
    said: str


def fuzz(name: str, seconds: int, seed: int, bar: tqdm) -> Result:
    """Fuzz one target for some time, and move the bar on meanwhile."""
    slug = name.replace(" ", "-")
    corpus, found = CACHE / slug, CACHE / "findings"
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(exist_ok=True)
    before = set(found.iterdir())
    output = CACHE / f"{slug}.log"
    options = [
        f"-max_total_time={seconds}", f"-timeout={_INPUT_S}", f"-report_slow_units={_INPUT_S}",
        f"-rss_limit_mb={_RSS_MB}", "-max_len=65536",
        f"-artifact_prefix={found}/{slug}-", f"-seed={seed}", "-print_final_stats=1",
    ]  # fmt: skip
    began_s = time.monotonic()
    with output.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  # our own words
            [sys.executable, HERE / "fuzz_session.py", slug, corpus, *options], stdout=log, stderr=log
        )
        code = _wait(process, seconds, bar)
    text = output.read_text(encoding="utf-8", errors="replace")
    runs, coverage = _STATS.search(text), _COVERAGE.findall(text)
    new = sorted(set(found.iterdir()) - before)
    return Result(
        name,
        time.monotonic() - began_s,
        int(runs[1]) if runs else 0,
        int(coverage[-1]) if coverage else None,
        len(list(corpus.iterdir())),
        new[-1] if new else None,
        _reason(text, code, output) if new or code != 0 else "",
    )


def _wait(process: "subprocess.Popen[bytes]", seconds: int, bar: tqdm) -> int | None:
    """Wait for a session to end, and return its exit code; None if it had to be ended."""
    began_s, shown_s = time.monotonic(), 0.0
    try:
        while process.poll() is None and (passed_s := time.monotonic() - began_s) < seconds + _GRACE_S:
            bar.update(min(passed_s, seconds) - shown_s)
            shown_s = min(passed_s, seconds)
            time.sleep(0.2)
        return process.poll()
    finally:
        bar.update(seconds - shown_s)
        process.kill()
        process.wait()


def _reason(text: str, code: int | None, output: Path) -> str:
    """Return in one line why a session ended early, from its output."""
    raised = _RAISED.search(text)
    if raised is not None:
        return raised[1]
    return f"it hangs, see {output}" if code is None else f"it ended with exit code {code}, see {output}"


def main() -> int:
    """Run the command, and return the exit code."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=3600, help="time for all targets together (default: an hour)")
    parser.add_argument("--only", nargs="*", default=[], choices=[target.name for target in TARGETS], metavar="TARGET")
    parser.add_argument("--seed", type=int, default=1, help="of libFuzzer (default: 1)")
    options = parser.parse_args()
    try:
        import atheris  # noqa: F401, PLC0415  # looked for, and used by the sessions
    except ImportError as error:
        print(f"make fuzz: expected atheris, found: {error}: see tests/fuzz/requirements.in", file=sys.stderr)  # noqa: T201
        return 2
    chosen = [target.name for target in TARGETS if target.name in (options.only or [one.name for one in TARGETS])]
    each_s = max(1, options.seconds // len(chosen))
    print(f"{len(chosen)} targets, {each_s} s each; corpus and findings: {CACHE}", flush=True)  # noqa: T201
    results = []
    layout = "{desc:<16} {percentage:3.0f}% |{bar}| {remaining} left"
    with tqdm(total=each_s * len(chosen), bar_format=layout, disable=None) as bar:
        for name in chosen:
            bar.set_description_str(name)
            results.append(fuzz(name, each_s, options.seed, bar))
    _report(results)
    return 1 if any(result.said for result in results) else 0


def _report(results: list[Result]) -> None:
    print("\n| target | seconds | inputs tried | places reached | corpus | finding |\n|---|--:|--:|--:|--:|---|")  # noqa: T201
    for result in results:
        coverage = "" if result.coverage is None else f"{result.coverage:,}"
        print(  # noqa: T201
            f"| {result.name} | {result.seconds:.0f} | {result.runs:,} | {coverage} | {result.inputs:,} "
            f"| {result.said or 'none'} |"
        )
    for result in results:
        if result.finding is not None:
            slug = result.name.replace(" ", "-")
            print(f"{slug}: {result.said}\n  {sys.executable} tests/fuzz/fuzz_session.py {slug} {result.finding}")  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
