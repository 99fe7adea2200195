"""Converts the nets that ship to each number type, for speed alone: `python -m benchmarks.variants FOLDER`."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from edge.shipped import MODELS

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

NETS = sorted(path.stem for path in MODELS.glob("*.tflite"))
VARIANTS = ("float32", "dynamic", "int8")


def main() -> int:
    """Write the files; returns the exit code."""
    import tensorflow as tf  # noqa: PLC0415  # says less when its level is set before

    from train.models import build_model  # noqa: PLC0415

    for net in NETS:
        folder = Path(sys.argv[1]) / net
        saved = folder / "saved"
        build_model(net, classes=7).export(saved, format="tf_saved_model", verbose=False)
        for variant, content in _convert(tf, saved):
            (folder / f"{variant}.tflite").write_bytes(content)
    return 0


def _convert(tf: ModuleType, saved: Path) -> Iterator[tuple[str, bytes]]:
    for variant in VARIANTS:
        converter = tf.lite.TFLiteConverter.from_saved_model(str(saved))
        if variant != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if variant == "int8":
            converter.representative_dataset = _noise
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = tf.int8
            converter.inference_output_type = tf.int8
        yield variant, converter.convert()


def _noise() -> Iterator[list[NDArray[np.float32]]]:
    random = np.random.default_rng(0)
    for _ in range(20):
        yield [random.random((1, 48, 48, 1), dtype=np.float32)]


if __name__ == "__main__":
    sys.exit(main())
