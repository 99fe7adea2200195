"""Runs each contender in a process of its own and lets them measure in turn: A B C, A B C, A B C."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from benchmarks.jobs import Job, Result
from edge.config import Settings

PEERS_PYTHON = Path(os.environ.get("EDGE_EMOTION_PEERS_PYTHON", ".venv-peers/bin/python"))
"""The environment that has Keras and fer; `make bench-peers` makes it."""


class Contender:
    """A worker process. Use it as a context manager."""

    def __init__(self, kind: str, python: Path | str = sys.executable) -> None:
        """Start it and wait until it is ready.

        kind: `pipeline`, `usual` or `fer`.

        Raises:
            ChildProcessError: it did not start; the message holds what it said.
        """
        self.kind = kind
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the process
        self._process = subprocess.Popen(
            [str(python), "-m", "benchmarks.worker", kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
        )
        self.name = str(self._answer())

    def measure(self, job: Job, settings: Settings | None = None) -> Result:
        """Let it do the job once.

        Raises:
            ChildProcessError: it failed.
        """
        request = {"job": asdict(job), "settings": msgspec.to_builtins(settings or Settings())}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return msgspec.convert(self._answer(), type=Result)

    def _answer(self) -> object:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._complaints.seek(0)
            said = self._complaints.read().decode(errors="replace").strip().splitlines()
            raise ChildProcessError(f"{self.kind}: expected an answer, found that it ended: {' | '.join(said[-3:])}")
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._complaints.close()


def in_turn(contenders: Sequence[Contender], jobs: Sequence[Job], *, rounds: int) -> list[list[Result]]:
    """Let each contender do its own job, one after the other, `rounds` times; returns results[contender][round].

    So a machine that slows down, or is busy with something else, does so for all of them.
    """
    results: list[list[Result]] = [[] for _ in contenders]
    for _ in range(rounds):
        for contender, job, mine in zip(contenders, jobs, results, strict=True):
            mine.append(contender.measure(job))
    return results


def median_cpu_ms(results: Sequence[Result]) -> float:
    """CPU ms a frame, the median of the rounds."""
    return statistics.median(result.cpu_ms for result in results)


def median_ratio(slower: Sequence[Result], faster: Sequence[Result]) -> float:
    """How many times less CPU `faster` takes: the median of the rounds' ratios."""
    return statistics.median(a.cpu_ms / b.cpu_ms for a, b in zip(slower, faster, strict=True))
