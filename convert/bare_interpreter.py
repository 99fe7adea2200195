"""Runs and times a model in a bare interpreter of either package; also a script for another environment.

`python bare_interpreter.py MODULE MODEL INPUTS.npy OUTPUTS.npy` needs only that module and numpy. It prints a line with
`PROGRESS_STEP` after every so many faces, and then one line of JSON: see `convert.interpreters.InterpreterRun`.
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

PROGRESS_STEP = 50
"""Faces between two reports of progress."""

WARM_UP = 20
"""Inferences before the timed ones."""

INVOCATIONS = 200
"""Timed inferences, of which the median counts."""


def run_model(
    interpreter: Any,  # noqa: ANN401  # either package's Interpreter: the two share no base class
    inputs: NDArray[Any],
    *,
    on_progress: Callable[[int], object],
) -> NDArray[Any]:
    """Return the (N, K) outputs for N inputs, both as the model stores them.

    Args:
        interpreter: of either package, its tensors allocated.
        inputs: (N, H, W), in the input tensor's type.
        on_progress: called with `PROGRESS_STEP` after every so many faces.
    """
    source, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    outputs = []
    for count, face in enumerate(inputs, start=1):
        interpreter.set_tensor(source, face[np.newaxis, :, :, np.newaxis])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(result)[0])
        if count % PROGRESS_STEP == 0:
            on_progress(PROGRESS_STEP)
    return np.stack(outputs)


def median_us(interpreter: Any) -> float:  # noqa: ANN401  # either package's Interpreter: the two share no base class
    """Return the median time of one inference on the present input, in microseconds."""
    times = []
    for _ in range(WARM_UP + INVOCATIONS):
        start = time.perf_counter()
        interpreter.invoke()
        times.append(time.perf_counter() - start)
    return float(np.median(times[WARM_UP:])) * 1e6


def main(module: str, model: str, inputs: str, outputs: str) -> None:
    """Run the model on the file `inputs` into the file `outputs`; print version and latency, or why it cannot run."""
    package = importlib.import_module(module)
    name = module.partition(".")[0].replace("_", "-")
    report = {"interpreter": f"{name} {version(name)}"}
    try:
        interpreter = package.Interpreter(model_path=model, num_threads=1)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        print(json.dumps(report | {"refused": str(error).strip().partition("\n")[0]}))  # noqa: T201  # the script's result
        return

    def print_progress(count: int) -> None:
        print(count, flush=True)  # noqa: T201  # read by the process that started the script

    np.save(outputs, run_model(interpreter, np.load(inputs), on_progress=print_progress))
    print(json.dumps(report | {"median_us": median_us(interpreter)}))  # noqa: T201  # the script's result


if __name__ == "__main__":
    main(*sys.argv[1:])
