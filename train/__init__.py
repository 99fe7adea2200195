"""Trains and evaluates nets on a desktop with Keras 3: from a data set to the best checkpoint and its report."""

import os

# Silences TensorFlow's C++ log; it has to be set before TensorFlow is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
