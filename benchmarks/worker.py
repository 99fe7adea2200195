"""Measures each candidate, our pipeline or a baseline, in a process of its own; this module is both ends.

A candidate has its own process, in the environment that it needs, so that none pays for another's threads or memory.
`python -m benchmarks.worker KIND` reads requests from standard input and writes measurements to standard output, one
JSON line each; `WorkerProcess` starts it.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import cv2

from benchmarks.workloads import Measurement, Workload

if TYPE_CHECKING:
    from edge.settings.schema import Settings

PEERS_PYTHON = Path(os.environ.get("EDGE_EMOTION_PEERS_PYTHON", ".venv-peers/bin/python"))
"""Python of the environment that has Keras and fer; `make bench-peers` makes it."""

PIPELINE = "pipeline"

Measure = Callable[[Workload, Any], Measurement]
"""Measures a workload with settings, as JSON; a baseline ignores the settings."""


class WorkerProcess:
    """A process that measures one candidate; `close` ends it.

    Attributes:
        kind: `pipeline`, or a key of `benchmarks.baselines.LOOPS`.
        name: of the candidate, in tables.
    """

    def __init__(self, kind: str, python: Path | str = sys.executable) -> None:
        """Start the process and wait until it is ready.

        Raises:
            ChildProcessError: it did not start; the message has its last lines on standard error.
        """
        self.kind = kind
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `close`
        self._process = subprocess.Popen(
            [str(python), "-m", "benchmarks.worker", kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.name = str(self._read())

    def measure(self, workload: Workload, settings: "Settings | None" = None) -> Measurement:
        """Measure the candidate once on a workload.

        Args:
            workload: the frames.
            settings: of the pipeline; default: those of an empty settings file.

        Raises:
            ChildProcessError: it failed.
        """
        import msgspec  # noqa: PLC0415  # the other end runs without it, in the environment of a baseline

        request = {"workload": asdict(workload), "settings": msgspec.to_builtins(settings) if settings else {}}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return msgspec.convert(self._read(), type=Measurement)

    def _read(self) -> object:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").strip().splitlines()
            raise ChildProcessError(
                f"{self.kind}: expected a measurement, found that the process ended: {' | '.join(lines[-3:])}"
            )
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()


def _open_candidate(kind: str) -> tuple[str, Measure]:
    """Return the candidate's name for tables, and the function that measures it."""
    if kind == PIPELINE:
        return "edge-emotion", _measure_our_pipeline
    from benchmarks.baselines import LOOPS, measure_loop  # noqa: PLC0415  # the pipeline's process does not need it

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    loop = LOOPS[kind]()
    return loop.name, lambda workload, _settings: measure_loop(loop, workload)


def _measure_our_pipeline(workload: Workload, settings: object) -> Measurement:
    import msgspec  # noqa: PLC0415  # a baseline's environment does not have it

    from benchmarks.pipeline_cost import measure_pipeline  # noqa: PLC0415  # a baseline's environment cannot import it
    from edge.settings.schema import Settings  # noqa: PLC0415  # needs msgspec

    return measure_pipeline(
        workload.draw(color=False),
        msgspec.convert(settings, type=Settings),
        live=workload.live,
        loops=workload.loops,
    )


def main() -> int:
    """Answer requests until standard input ends."""
    output: TextIO = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # TensorFlow also writes to standard output, which is for measurements alone
    cv2.setNumThreads(1)
    name, measure = _open_candidate(sys.argv[1])

    def write(content: object) -> None:
        output.write(json.dumps(content) + "\n")
        output.flush()

    write(name)
    for line in sys.stdin:
        request = json.loads(line)
        write(asdict(measure(Workload(**request["workload"]), request["settings"])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
