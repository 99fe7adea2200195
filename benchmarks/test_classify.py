"""Classification: one face through the net, by precision and interpreter package."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.model_variants import INSTALLED_PACKAGES, NETS, PRECISIONS
from benchmarks.worker import PEERS_PYTHON
from edge.errors import ModelError
from edge.model.bundled import model_path
from edge.model.interpreter import open_interpreter
from edge.model.manifest import read_model
from edge.vision.classify import EmotionClassifier


@pytest.fixture(scope="session")
def variants(tmp_path_factory) -> Path:
    """The bundled nets in each precision, converted by a process that has TensorFlow."""
    folder = tmp_path_factory.mktemp("variants")
    python = sys.executable if importlib.util.find_spec("tensorflow") else PEERS_PYTHON
    if not Path(python).is_file():
        pytest.skip(f"TensorFlow converts the variants, and it is neither here nor at {python}: make bench-peers")
    done = subprocess.run([str(python), "-m", "benchmarks.model_variants", str(folder)], check=False)
    if done.returncode != 0:
        pytest.skip("TensorFlow could not convert the variants: see the messages above")
    return folder


@pytest.mark.parametrize("package", INSTALLED_PACKAGES)
@pytest.mark.parametrize("net", NETS)
def test_bundled_int8_model(benchmark, net, package):
    """Classify a crop with a bundled model, as the runtime does."""
    classifier = EmotionClassifier(*read_model(model_path(net)), package=package)
    crop = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    benchmark(classifier.score, crop)


@pytest.mark.parametrize("package", INSTALLED_PACKAGES)
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("net", NETS)
def test_net_alone(benchmark, variants, net, precision, package):
    """Run the interpreter alone, on the same net in each precision."""
    try:
        interpreter, _ = open_interpreter((variants / net / f"{precision}.tflite").read_bytes(), package=package)
    except ModelError as error:
        pytest.skip(str(error))
    benchmark(interpreter.invoke)
