"""Desktop conversion: best checkpoint in, verified int8 TFLite model out."""

import os

# The converter is TensorFlow's, so Keras has to run on it, whatever the checkpoint was trained with. Both are read when
# the libraries are first imported, which is why they stand here.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
