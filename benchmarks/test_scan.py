"""Scan: looking for new faces, as the schedule does it and on the full frame."""

import pytest

from benchmarks.references import REFERENCES
from edge.run import build_steps
from edge.settings import Settings


@pytest.mark.parametrize("stills", [False, True], ids=["of a stream", "of a picture"])
def test_scan(benchmark, gray, stills):
    """The whole frame: a stream's is shrunk first, a picture's is not."""
    assert benchmark(build_steps(Settings())(stills=stills).scanner.detect, gray)


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda reference: reference.name)
def test_full_frame(benchmark, gray, reference):
    """What the schedule is held against."""
    assert benchmark.pedantic(reference.find, args=(gray,), rounds=5, warmup_rounds=1)
