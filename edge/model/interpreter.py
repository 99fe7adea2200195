"""Opens a TFLite model with the interpreter package that is installed."""

import importlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from numpy.typing import NDArray

from edge.device.memory import is_shortage, is_used_up, new_shortage
from edge.device.packages import install_command
from edge.errors import EdgeError, ModelError

Package = Literal["auto", "ai-edge-litert", "tflite-runtime"]

MODULES = {"ai-edge-litert": "ai_edge_litert.interpreter", "tflite-runtime": "tflite_runtime.interpreter"}
"""Package to the module that has its `Interpreter`. ai-edge-litert comes first: only it runs int8 through XNNPACK by
default."""

FILE_IDENTIFIER = b"TFL3"
"""Bytes 4 to 7 of every TFLite file. tflite-runtime does not check them: it crashes on other bytes, as it does on a
truncated model, which the hash in the manifest catches."""


def open_interpreter(content: bytes, *, package: Package = "auto") -> tuple[Any, str]:
    """Return a single-threaded `Interpreter` with allocated tensors, and the name of its package.

    One thread is best for nets this small: more only wait for each other.

    Raises:
        ModelError: no package is installed, or `content` is not a model that it can open.
        ShortageError: there is too little memory.
    """
    if content[4:8] != FILE_IDENTIFIER:
        raise ModelError(f"expected a TFLite model, found {len(content)} bytes of something else: convert it again")
    candidates = list(MODULES) if package == "auto" else [package]
    problems = []
    for name in candidates:
        try:
            module = importlib.import_module(MODULES[name])
        except Exception as error:  # its compiled parts may raise anything if they do not fit the system
            if is_shortage(error):
                raise new_shortage(error) from error
            problems.append(f"{name}: {error}")
            continue
        try:
            with _silenced_stderr():
                interpreter = module.Interpreter(model_content=content, num_threads=1)
                interpreter.allocate_tensors()
        except Exception as error:  # of any type: tflite-runtime fails here with numpy 2, damaged models as well
            raise interpreter_error(error, f"{name} cannot open it") from error
        return interpreter, name
    raise ModelError(
        f"expected ai-edge-litert or tflite-runtime, found neither ({'; '.join(problems)}):"
        f" {install_command('ai-edge-litert')}"
    )


class SharedModel:
    """Runs a model with one input for several threads, one run at a time.

    Attributes:
        output_shapes: the shape of each output.
    """

    def __init__(self, content: bytes, *, package: Package = "auto") -> None:
        """Open the model.

        Raises:
            ModelError: see `open_interpreter`.
        """
        self._interpreter, _ = open_interpreter(content, package=package)
        self._lock = threading.Lock()
        try:
            self._input = self._interpreter.get_input_details()[0]["index"]
            outputs = self._interpreter.get_output_details()
            self._outputs = [output["index"] for output in outputs]
            self.output_shapes = [tuple(map(int, output["shape"])) for output in outputs]
        except Exception as error:  # of any type
            raise interpreter_error(error, "its tensors cannot be read") from error

    def run(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        """Return a copy of each output for this input.

        Raises:
            ModelError: the interpreter cannot run the model.
        """
        with self._lock:
            try:
                self._interpreter.set_tensor(self._input, tensor)
                self._interpreter.invoke()
                return [self._interpreter.get_tensor(output) for output in self._outputs]
            except Exception as error:  # of any type
                raise interpreter_error(error, "it cannot be run") from error


def interpreter_error(error: Exception, problem: str) -> EdgeError:
    """Return what an interpreter has raised as an error for the user.

    Args:
        error: of any type: a model that a manifest describes wrongly, or that was made to do harm, may raise anything.
        problem: what cannot be done with the model.
    """
    if isinstance(error, EdgeError):
        return error
    if is_used_up():  # TFLite names no reason
        return new_shortage(error)
    lines = str(error).strip().splitlines()
    reason = lines[0] if lines else type(error).__name__
    return ModelError(f"expected a TFLite model, and {problem}: {reason}")


_stderr_lock = threading.Lock()


@contextmanager
def _silenced_stderr() -> Iterator[None]:
    """Redirect file descriptor 2 to /dev/null: TFLite writes to it from C++, and has no option to turn that off.

    Failures still raise an exception. Only the construction writes anything. One thread at a time: two that overlap
    would restore each other's /dev/null, and the process would never write there again.
    """
    with _stderr_lock:
        stderr = os.dup(2)
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            os.close(devnull)
