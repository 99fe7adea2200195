"""Lists the nets, precisions and interpreter packages whose speed is compared, and converts the nets for it.

`python -m benchmarks.model_variants FOLDER` needs TensorFlow. The nets are untrained: weights do not change the speed.
"""

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from edge.model.bundled import MODELS
from edge.model.interpreter import MODULES

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # must be set before TensorFlow is imported

NETS = sorted(path.stem for path in MODELS.glob("*.tflite"))
PRECISIONS = ("float32", "dynamic", "int8")


def _is_installed(package: str) -> bool:
    try:
        importlib.import_module(MODULES[package])
    except ImportError:
        return False
    return True


INSTALLED_PACKAGES = tuple(package for package in MODULES if _is_installed(package))

DEFAULT_PACKAGE = os.environ.get("EDGE_EMOTION_INTERPRETER") or next(iter(INSTALLED_PACKAGES), "none")
"""The package that the runtime uses here; the results file has its name, so that two environments keep both."""


def main() -> int:
    """Write each net in each precision to FOLDER/NET/PRECISION.tflite."""
    import tensorflow as tf  # noqa: PLC0415  # takes seconds, and reads the log level when it is imported

    from train.models import build_model  # noqa: PLC0415  # imports Keras

    for net in NETS:
        folder = Path(sys.argv[1]) / net
        saved = folder / "saved"
        build_model(net, classes=7).export(saved, format="tf_saved_model", verbose=False)
        for precision, content in _convert(tf, saved):
            (folder / f"{precision}.tflite").write_bytes(content)
    return 0


def _convert(tf: ModuleType, saved: Path) -> Iterator[tuple[str, bytes]]:
    for precision in PRECISIONS:
        converter = tf.lite.TFLiteConverter.from_saved_model(str(saved))
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "int8":
            converter.representative_dataset = _noise
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = tf.int8
            converter.inference_output_type = tf.int8
        yield precision, converter.convert()


def _noise() -> Iterator[list[NDArray[np.float32]]]:
    random = np.random.default_rng(0)
    for _ in range(20):
        yield [random.random((1, 48, 48, 1), dtype=np.float32)]


if __name__ == "__main__":
    sys.exit(main())
