"""Runs each contender in a process of its own, and compares what they say."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import msgspec

from benchmarks.jobs import Job, Result
from edge.settings import Settings

PEERS_PYTHON = Path(os.environ.get("EDGE_EMOTION_PEERS_PYTHON", ".venv-peers/bin/python"))
"""The environment that has Keras and fer; `make bench-peers` makes it."""


class Contender:
    """A worker process; `close` ends it."""

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

    def close(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._complaints.close()


def median_cpu_ms(results: Sequence[Result]) -> float:
    """CPU ms a frame, the median of the rounds."""
    return statistics.median(result.cpu_ms for result in results)


def median_ratio(slower: Sequence[Result], faster: Sequence[Result]) -> float:
    """How many times less CPU `faster` takes: the median of the rounds' ratios."""
    return statistics.median(a.cpu_ms / b.cpu_ms for a, b in zip(slower, faster, strict=True))
