"""Runs a model in both interpreter packages, for its predictions and its latency.

tflite-runtime runs in another process: it needs an older numpy, so it lives in an environment of its own.
"""

import os
import platform
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray
from tqdm import tqdm

from convert import bare_interpreter
from edge.device.info import processor_name
from edge.model.manifest import Latency, Precision

PYTHON_VARIABLE = "EDGE_EMOTION_TFLITE_PYTHON"
"""Environment variable with the path of a Python that has tflite-runtime; replaces `DEFAULT_PYTHON`."""

DEFAULT_PYTHON = Path(__file__).parents[1] / ".venv-tflite" / "bin" / "python"


class InterpreterRun(msgspec.Struct, frozen=True):
    """The result of running a model in an interpreter package.

    Attributes:
        interpreter: name and version of the package.
        median_us: median time of one inference, microseconds; None if the model did not run.
        refused: why the package does not open the model, or how it crashed; None if the model ran.
    """

    interpreter: str
    median_us: float | None = None
    refused: str | None = None


class InterpreterMissing(msgspec.Struct, frozen=True):
    """An interpreter package that is not installed, or cannot be started, and the reason."""

    reason: str


def run_litert_kernels(content: bytes, inputs: NDArray[Any]) -> NDArray[Any]:
    """Return the (N, K) stored outputs of ai-edge-litert's own kernels, without XNNPACK, for (N, H, W) stored faces."""
    interpreter = Interpreter(
        model_content=content,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    with _progress_bar(inputs, "running LiteRT without XNNPACK") as bar:
        return bare_interpreter.run_model(interpreter, inputs, on_progress=bar.update)


def run_tflite_runtime(
    content: bytes, inputs: NDArray[Any]
) -> tuple[InterpreterRun, NDArray[Any] | None] | InterpreterMissing:
    """Run the model in tflite-runtime, in a process of its own.

    Args:
        content: the flatbuffer.
        inputs: (N, H, W) faces, as the input tensor stores them.

    Returns:
        The run, and its (N, K) stored outputs, or None if tflite-runtime does not open the model; or why there is no
        tflite-runtime.
    """
    python = Path(os.environ.get(PYTHON_VARIABLE) or DEFAULT_PYTHON)
    if not python.is_file():
        return InterpreterMissing(
            f"no Python at {python}: make test installs one where it can, or name one in {PYTHON_VARIABLE}"
        )
    with tempfile.TemporaryDirectory() as folder:
        model, faces, outputs = (Path(folder) / name for name in ("model.tflite", "faces.npy", "outputs.npy"))
        model.write_bytes(content)
        np.save(faces, inputs)
        script = (python, bare_interpreter.__file__, "tflite_runtime.interpreter", model, faces, outputs)
        with (
            (Path(folder) / "errors").open("w+") as errors,
            _progress_bar(inputs, "running tflite-runtime") as bar,
            subprocess.Popen(  # noqa: S603  # starts our own script
                [str(word) for word in script], stdout=subprocess.PIPE, stderr=errors, text=True
            ) as process,
        ):
            last = _follow_progress(process, bar)
        if process.returncode > 0:
            return InterpreterMissing(f"{python}: {_last_line(Path(folder) / 'errors')}")
        if process.returncode < 0:
            return InterpreterRun("tflite-runtime", refused=f"it crashed with signal {-process.returncode}"), None
        run = msgspec.json.decode(last, type=InterpreterRun)
        return run, None if run.refused else np.load(outputs)


def measure_latency(models: Mapping[Precision, bytes]) -> tuple[Latency, ...]:
    """Return the median time of one inference on one thread, for each model in each package that opens it."""
    date = datetime.now(UTC).date().isoformat()
    machine = f"{processor_name() or platform.machine()}, {os.cpu_count()} cores"
    rows = []
    for precision, content in models.items():
        interpreter = Interpreter(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
        times = {f"ai-edge-litert {version('ai-edge-litert')}": bare_interpreter.median_us(interpreter)}
        input_tensor = interpreter.get_input_details()[0]
        ran = run_tflite_runtime(content, np.zeros(input_tensor["shape"][:3], input_tensor["dtype"]))
        if not isinstance(ran, InterpreterMissing) and ran[0].median_us is not None:
            times[ran[0].interpreter] = ran[0].median_us
        rows += [
            Latency(
                precision=precision,
                interpreter=package,
                median_us=round(time, 1),
                size_bytes=len(content),
                machine=machine,
                date=date,
            )
            for package, time in times.items()
        ]
    return tuple(rows)


def _follow_progress(process: "subprocess.Popen[str]", bar: "tqdm[Any]") -> str:
    """Advance the bar by the counts that the script prints; return its last line that is no count."""
    last = ""
    stdout: IO[str] = process.stdout  # type: ignore[assignment]  # it is a pipe, so never None
    for line in stdout:
        if line.strip().isdigit():
            bar.update(int(line))
        else:
            last = line
    return last


@contextmanager
def _progress_bar(inputs: NDArray[Any], text: str) -> "Iterator[tqdm[Any]]":
    with tqdm(total=len(inputs), desc=text, delay=2, leave=False, disable=None) as bar:
        yield bar


def _last_line(path: Path) -> str:
    lines = path.read_text().strip().splitlines()
    return lines[-1] if lines else "it ended without a message"
