"""Desktop training on Keras 3: data set in, best checkpoint out."""

import os

# TensorFlow's C++ code writes lines about itself to the screen, unless this is set when it is first imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
