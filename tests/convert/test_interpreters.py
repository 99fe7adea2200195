"""Models in both interpreter packages: predictions and latency, in this process and in another."""

import sys

import numpy as np
import pytest

from convert.bare_interpreter import PROGRESS_STEP
from convert.interpreters import (
    PYTHON_VARIABLE,
    InterpreterMissing,
    measure_latency,
    run_litert_kernels,
    run_tflite_runtime,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def faces(trained):
    """More int8 faces than the script reports progress for at once."""
    stored = (trained.data.training.pixels ^ 0x80).view(np.int8)
    assert len(stored) > PROGRESS_STEP
    return stored


def python_that(folder, line):
    """Return the path of a stand-in for Python that runs a line of shell."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.usefixtures("tflite_python")
def test_predictions_come_back_in_the_order_of_the_faces(int8_content, faces):
    """tflite-runtime in its own process returns the outputs in order, with its version and its latency."""
    run, outputs = run_tflite_runtime(int8_content, faces)
    assert run.interpreter.startswith("tflite-runtime 2.")
    assert run.median_us > 0
    assert np.abs(outputs.astype(int) - run_litert_kernels(int8_content, faces)).max() <= 1


@pytest.mark.usefixtures("tflite_python")
def test_a_model_that_tflite_runtime_does_not_open_is_reported(faces):
    """A model that tflite-runtime refuses comes back with its reason, and is no failure of the process."""
    run, outputs = run_tflite_runtime(b"\x1c\x00\x00\x00TFL3" + bytes(100), faces)
    assert run.refused
    assert outputs is None


def test_a_crash_counts_as_a_refusal(int8_content, faces, tmp_path, monkeypatch):
    """A process that dies of a signal is reported as one that did not open the model."""
    monkeypatch.setenv(PYTHON_VARIABLE, python_that(tmp_path, "kill -SEGV $$"))
    run, outputs = run_tflite_runtime(int8_content, faces)
    assert run.refused == "it crashed with signal 11"
    assert outputs is None


def test_a_python_without_the_package_counts_as_missing(int8_content, faces, monkeypatch):
    """A Python without tflite-runtime is no fault of the model: the reason is the last line of its traceback."""
    monkeypatch.setenv(PYTHON_VARIABLE, sys.executable)
    missing = run_tflite_runtime(int8_content, faces)
    assert isinstance(missing, InterpreterMissing)
    assert "No module named 'tflite_runtime'" in missing.reason


def test_a_failure_without_a_message_counts_as_missing(int8_content, faces, tmp_path, monkeypatch):
    """A Python that fails without any message is reported as missing, with a reason that says so."""
    monkeypatch.setenv(PYTHON_VARIABLE, python_that(tmp_path, "exit 1"))
    assert run_tflite_runtime(int8_content, faces).reason.endswith("it ended without a message")


@pytest.mark.usefixtures("tflite_python")
def test_latency_is_measured_for_each_precision_in_each_package(content_of):
    """Every precision has a latency in both packages, with size, machine and number of cores."""
    models = {precision: content_of(precision) for precision in ("float32", "int8")}
    rows = measure_latency(models)
    assert [(row.precision, row.interpreter.split()[0]) for row in rows] == [
        (precision, package) for precision in models for package in ("ai-edge-litert", "tflite-runtime")
    ]
    assert all(
        row.median_us > 0 and "cores" in row.machine and row.size_bytes == len(models[row.precision]) for row in rows
    )
