"""Start-up: the time between the command and the first frame; `python -m benchmarks` measures whole processes."""

import subprocess
import sys
import time

import pytest

from edge.pipeline.build import build_steps
from edge.settings.schema import Settings


def test_build_the_steps(benchmark):
    """Build model, interpreter and cascades in a process that has already imported them."""
    benchmark.pedantic(lambda: build_steps(Settings())(is_still_images=False), rounds=10, warmup_rounds=1)


@pytest.mark.benchmark(timer=time.perf_counter)
@pytest.mark.parametrize("module", ["numpy", "cv2", "edge.cli.run"])
def test_import(benchmark, module):
    """Import a module in a fresh Python: wall time, including Python's own start."""
    command = [sys.executable, "-c", f"import {module}"]
    benchmark.pedantic(subprocess.run, args=(command,), kwargs={"check": True}, rounds=5, warmup_rounds=1)
