"""Asks a model in both interpreter packages; tflite-runtime lives in an environment of its own."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray
from tqdm import tqdm

from convert import ask as script

PYTHON = "EDGE_EMOTION_TFLITE_PYTHON"
"""Environment variable: the Python that has tflite-runtime, where it is not beside the checkout."""

BESIDE = Path(__file__).parents[1] / ".venv-tflite" / "bin" / "python"


class Told(msgspec.Struct, frozen=True):
    """What came of asking an interpreter. One that refused the model, or crashed on it, has no time."""

    interpreter: str
    median_us: float | None = None
    refused: str | None = None


class NotAsked(msgspec.Struct, frozen=True):
    """Why an interpreter could not be had."""

    reason: str


def ask_plain(content: bytes, inputs: NDArray[Any]) -> NDArray[Any]:
    """Return the (N, K) stored answers of ai-edge-litert's own kernels, without XNNPACK, to (N, H, W) stored faces."""
    interpreter = Interpreter(
        model_content=content,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    with _bar(inputs, "asking LiteRT without XNNPACK") as bar:
        return script.ask(interpreter, inputs, done=bar.update)


def ask_tflite_runtime(content: bytes, inputs: NDArray[Any]) -> tuple[Told, NDArray[Any] | None] | NotAsked:
    """Return what tflite-runtime made of the model, and its (N, K) stored answers to (N, H, W) stored faces."""
    python = Path(os.environ.get(PYTHON) or BESIDE)
    if not python.is_file():
        return NotAsked(f"no Python at {python}: make test installs one where it can, or name one in {PYTHON}")
    with tempfile.TemporaryDirectory() as folder:
        model, faces, answers = (Path(folder) / name for name in ("model.tflite", "faces.npy", "answers.npy"))
        model.write_bytes(content)
        np.save(faces, inputs)
        command = [str(word) for word in (python, script.__file__, "tflite_runtime.interpreter", model, faces, answers)]
        with (
            (Path(folder) / "errors").open("w+") as errors,
            _bar(inputs, "asking tflite-runtime") as bar,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,  # noqa: S603
        ):
            last = _follow(process, bar)
        if process.returncode > 0:
            return NotAsked(f"{python}: {_last_line(Path(folder) / 'errors')}")
        if process.returncode < 0:
            return Told("tflite-runtime", refused=f"it crashed with signal {-process.returncode}"), None
        told = msgspec.json.decode(last, type=Told)
        return told, None if told.refused else np.load(answers)


def _follow(process: "subprocess.Popen[str]", bar: "tqdm[Any]") -> str:
    """Move the bar as the script counts; return the line that is no count."""
    last = ""
    stdout: IO[str] = process.stdout  # type: ignore[assignment]  # a pipe
    for line in stdout:
        if line.strip().isdigit():
            bar.update(int(line))
        else:
            last = line
    return last


@contextmanager
def _bar(inputs: NDArray[Any], text: str) -> "Iterator[tqdm[Any]]":
    with tqdm(total=len(inputs), desc=text, delay=2, leave=False, disable=None) as bar:
        yield bar


def _last_line(path: Path) -> str:
    lines = path.read_text().strip().splitlines()
    return lines[-1] if lines else "it ended without a word"
