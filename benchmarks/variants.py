"""Converts the net to float32, dynamic range and int8, for speed alone: `python -m benchmarks.variants FOLDER`."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main() -> int:
    """Write the files; returns the exit code."""
    import tensorflow as tf  # noqa: PLC0415  # says less when its level is set before

    from train.models import edge_small  # noqa: PLC0415

    folder = Path(sys.argv[1])
    saved = folder / "saved"
    edge_small.build(7).export(saved, format="tf_saved_model", verbose=False)
    for variant in ("float32", "dynamic", "int8"):
        converter = tf.lite.TFLiteConverter.from_saved_model(str(saved))
        if variant != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if variant == "int8":
            converter.representative_dataset = _noise
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = tf.int8
            converter.inference_output_type = tf.int8
        (folder / f"{variant}.tflite").write_bytes(converter.convert())
    return 0


def _noise() -> Iterator[list[NDArray[np.float32]]]:
    random = np.random.default_rng(0)
    for _ in range(20):
        yield [random.random((1, 48, 48, 1), dtype=np.float32)]


if __name__ == "__main__":
    sys.exit(main())
