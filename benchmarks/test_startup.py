"""Start-up: what stands between the command and the first frame. Whole processes are measured by `make bench`'s end."""

import subprocess
import sys
import time

import pytest

from edge.run import build_steps
from edge.settings import Settings


def test_build_the_steps(benchmark):
    """Model, interpreter and cascades, in a process that has imported them."""
    benchmark.pedantic(lambda: build_steps(Settings())(stills=False), rounds=10, warmup_rounds=1)


@pytest.mark.benchmark(timer=time.perf_counter)
@pytest.mark.parametrize("module", ["numpy", "cv2", "edge.run"])
def test_import(benchmark, module):
    """Wall time of a fresh Python that imports it; Python's own start is part of it."""
    command = [sys.executable, "-c", f"import {module}"]
    benchmark.pedantic(subprocess.run, args=(command,), kwargs={"check": True}, rounds=5, warmup_rounds=1)
