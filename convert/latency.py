"""Times one answer of a model on this machine, in both interpreter packages."""

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from convert.ask import median_us
from convert.interpreters import NotAsked, ask_tflite_runtime
from edge.manifest import Latency, Precision


def measure_latency(models: Mapping[Precision, bytes]) -> tuple[Latency, ...]:
    """Return the median time of one answer on one thread, of each model in each package that opens it."""
    date = datetime.now(UTC).date().isoformat()
    rows = []
    for precision, content in models.items():
        interpreter = Interpreter(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
        times = {f"ai-edge-litert {version('ai-edge-litert')}": median_us(interpreter)}
        entry = interpreter.get_input_details()[0]
        asked = ask_tflite_runtime(content, np.zeros(entry["shape"][:3], entry["dtype"]))
        if not isinstance(asked, NotAsked) and asked[0].median_us is not None:
            times[asked[0].interpreter] = asked[0].median_us
        rows += [
            Latency(
                precision=precision,
                interpreter=interpreter_name,
                median_us=round(time, 1),
                size_bytes=len(content),
                machine=machine_name(),
                date=date,
            )
            for interpreter_name, time in times.items()
        ]
    return tuple(rows)


def machine_name() -> str:
    """Return the processor's name, as /proc/cpuinfo has it, and the number of cores."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []  # not Linux
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"
