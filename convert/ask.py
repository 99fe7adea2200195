"""Asks a bare interpreter for its stored answers, and how long one takes; also a script for another environment.

`python ask.py MODULE MODEL INPUTS.npy ANSWERS.npy` needs that module and numpy only. It prints how many faces are done,
a line each `STEP` faces, and then one line of JSON.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEP = 50
WARM_UP = 20
INVOCATIONS = 200
"""How often one face is asked for its latency, after the warm-up; the median is told."""


def ask(interpreter: Any, inputs: NDArray[Any], *, done: Callable[[int], object]) -> NDArray[Any]:  # noqa: ANN401  # of two packages
    """Return the (N, K) stored answers to (N, H, W) inputs, both in the model's own types.

    Args:
        interpreter: of either package, its tensors allocated.
        inputs: as the input tensor stores them.
        done: told of every `STEP` faces answered.
    """
    entry, answer = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    answers = []
    for count, face in enumerate(inputs, start=1):
        interpreter.set_tensor(entry, face[np.newaxis, :, :, np.newaxis])
        interpreter.invoke()
        answers.append(interpreter.get_tensor(answer)[0])
        if count % STEP == 0:
            done(STEP)
    return np.stack(answers)


def median_us(interpreter: Any) -> float:  # noqa: ANN401  # of two packages
    """Return the median time of one answer, in microseconds, to whatever face is in the input."""
    times = []
    for _ in range(WARM_UP + INVOCATIONS):
        start = time.perf_counter()
        interpreter.invoke()
        times.append(time.perf_counter() - start)
    return float(np.median(times[WARM_UP:])) * 1e6


def main(module: str, model: str, inputs: str, answers: str) -> None:
    """Answer all of `inputs` into the file `answers`; print the package's version and the latency, or why not."""
    package = importlib.import_module(module)
    name = module.partition(".")[0].replace("_", "-")
    told = {"interpreter": f"{name} {version(name)}"}
    try:
        interpreter = package.Interpreter(model_path=model, num_threads=1)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        print(json.dumps(told | {"refused": str(error).strip().partition("\n")[0]}))  # noqa: T201  # its answer
        return
    np.save(answers, ask(interpreter, np.load(inputs), done=lambda count: print(count, flush=True)))  # noqa: T201
    print(json.dumps(told | {"median_us": median_us(interpreter)}))  # noqa: T201  # its answer


if __name__ == "__main__":
    main(*sys.argv[1:])
