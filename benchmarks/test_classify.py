"""Classify: one face through the net, by the model's number type and by interpreter."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.contenders import PEERS_PYTHON
from benchmarks.interpreters import INSTALLED
from benchmarks.variants import NETS, VARIANTS
from edge.errors import ModelError
from edge.manifest import read_model
from edge.shipped import model_path
from edge.vision.classify import EmotionClassifier
from edge.vision.interpreter import open_interpreter


@pytest.fixture(scope="session")
def variants(tmp_path_factory) -> Path:
    """The nets that ship in float32 and with dynamic range: converted by a process that has TensorFlow."""
    folder = tmp_path_factory.mktemp("variants")
    python = sys.executable if importlib.util.find_spec("tensorflow") else PEERS_PYTHON
    if not Path(python).is_file():
        pytest.skip(f"TensorFlow converts the variants, and it is neither here nor at {python}: make bench-peers")
    done = subprocess.run([str(python), "-m", "benchmarks.variants", str(folder)], check=False)
    if done.returncode != 0:
        pytest.skip("TensorFlow could not convert the variants: its reason stands above")
    return folder


@pytest.mark.parametrize("package", INSTALLED)
@pytest.mark.parametrize("net", NETS)
def test_int8_model_that_ships(benchmark, net, package):
    """From a crop to probabilities."""
    classifier = EmotionClassifier(*read_model(model_path(net)), package=package)
    crop = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    benchmark(classifier.score, crop)


@pytest.mark.parametrize("package", INSTALLED)
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("net", NETS)
def test_net_alone(benchmark, variants, net, variant, package):
    """The interpreter alone, the same net in each number type."""
    try:
        interpreter, _ = open_interpreter((variants / net / f"{variant}.tflite").read_bytes(), package=package)
    except ModelError as error:
        pytest.skip(str(error))
    benchmark(interpreter.invoke)
