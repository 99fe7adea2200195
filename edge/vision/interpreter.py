"""Opens a TFLite model with whichever interpreter package is installed."""

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from edge.errors import ModelError

Package = Literal["auto", "ai-edge-litert", "tflite-runtime"]

MODULES = {"ai-edge-litert": "ai_edge_litert.interpreter", "tflite-runtime": "tflite_runtime.interpreter"}
"""The same `Interpreter` under two names. ai-edge-litert comes first: it alone runs int8 through XNNPACK by default."""


IDENTIFIER = b"TFL3"
"""Bytes 4 to 7 of every TFLite file. tflite-runtime does not look: it crashes on other bytes, as on a truncated model,
which the manifest's hash keeps away.
"""


def open_interpreter(content: bytes, *, package: Package = "auto") -> tuple[Any, str]:
    """Return an `Interpreter` with its tensors allocated, on one thread, and the name of the package it came from.

    One thread is best for nets this small; more only wait for each other.

    Raises:
        ModelError: no package can run it, or the bytes are no model.
    """
    if content[4:8] != IDENTIFIER:
        raise ModelError(f"expected a TFLite model, found {len(content)} bytes of something else: convert it again")
    wanted = list(MODULES) if package == "auto" else [package]
    problems = []
    for name in wanted:
        try:
            module = importlib.import_module(MODULES[name])
        except ImportError as error:
            problems.append(f"{name}: {error}")
            continue
        try:
            with _silence():
                interpreter = module.Interpreter(model_content=content, num_threads=1)
                interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            # tflite-runtime imports with numpy 2 and fails only here, with a sentence about numpy's ABI.
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ModelError(f"expected a TFLite model, and {name} cannot open it: {reason}") from error
        return interpreter, name
    raise ModelError(
        f"expected ai-edge-litert or tflite-runtime, found neither ({'; '.join(problems)}):"
        " install again with make run, or for the service with sudo make install"
    )


@contextmanager
def _silence() -> Iterator[None]:
    """Keep the interpreter's own lines off the terminal; what goes wrong is raised, and said by our errors.

    TFLite writes to file descriptor 2 from C++ and offers no switch. Only its construction talks, in the main thread.
    """
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
