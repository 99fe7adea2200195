"""The interpreter of another environment is asked through files, and answers for itself."""

import sys

import numpy as np
import pytest

from convert import ask
from convert.delegates import count_delegated
from convert.interpreters import PYTHON, NotAsked, ask_plain, ask_tflite_runtime
from convert.latency import measure_latency
from convert.quantize import quantize


@pytest.fixture
def faces(trained):
    """As int8 stores them, more than the script counts at once."""
    stored = (trained.data.training.pixels ^ 0x80).view(np.int8)
    assert len(stored) > ask.STEP
    return stored


def test_answers_come_back_face_by_face(int8_content, faces, tflite_python):  # noqa: ARG001  # asked for
    """In the order of the faces, with the package's version and a time."""
    told, answers = ask_tflite_runtime(int8_content, faces)
    assert told.interpreter.startswith("tflite-runtime 2.")
    assert told.median_us > 0
    assert np.abs(answers.astype(int) - ask_plain(int8_content, faces)).max() <= 1


def test_a_model_that_it_does_not_open_is_told(faces, tflite_python):  # noqa: ARG001  # asked for
    """The package's own reason, in one line; the process does not fail."""
    told, answers = ask_tflite_runtime(b"\x1c\x00\x00\x00TFL3" + bytes(100), faces)
    assert told.refused
    assert answers is None


def test_a_crash_is_told(int8_content, faces, tmp_path, monkeypatch):
    """A process that dies of a signal has not opened the model."""
    monkeypatch.setenv(PYTHON, str(script(tmp_path, "kill -SEGV $$")))
    told, answers = ask_tflite_runtime(int8_content, faces)
    assert told.refused == "it crashed with signal 11"
    assert answers is None


def test_a_python_without_the_package_is_no_fault_of_the_model(int8_content, faces, monkeypatch):
    """The tests' own has none: the reason is its last line."""
    monkeypatch.setenv(PYTHON, sys.executable)
    asked = ask_tflite_runtime(int8_content, faces)
    assert isinstance(asked, NotAsked)
    assert "No module named 'tflite_runtime'" in asked.reason


def test_a_silent_failure_is_told_as_one(int8_content, faces, tmp_path, monkeypatch):
    monkeypatch.setenv(PYTHON, str(script(tmp_path, "exit 1")))
    assert ask_tflite_runtime(int8_content, faces).reason.endswith("it ended without a word")


def test_xnnpack_takes_all_but_the_softmax(int8_content):
    """Counted through the graph: the delegate ends where the softmax begins, which XNNPACK has not in int8."""
    assert count_delegated(int8_content) == (4, 3)


def test_an_operation_between_two_delegates_is_not_delegated(float_inside):
    """Sine is not XNNPACK's, what stands before and after it is."""
    operations, delegated = count_delegated(float_inside)
    assert 0 < delegated < operations - 1


def test_latency_is_taken_of_each_precision_in_each_package(float_model, ranges, int8_content, tflite_python):  # noqa: ARG001
    """float32 and int8 side by side, with machine and date."""
    models = {"float32": quantize(float_model, None, precision="float32"), "int8": int8_content}
    rows = measure_latency(models)
    assert [(row.precision, row.interpreter.split()[0]) for row in rows] == [
        (precision, package) for precision in models for package in ("ai-edge-litert", "tflite-runtime")
    ]
    assert all(
        row.median_us > 0 and "cores" in row.machine and row.size_bytes == len(models[row.precision]) for row in rows
    )


def script(folder, line):
    """A stand-in for a Python that goes wrong."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return path
