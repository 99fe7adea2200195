"""Desktop conversion: best checkpoint in, verified int8 TFLite model out."""

import os

# The converter is TensorFlow's, so Keras has to run on it, whatever the checkpoint was trained with. It is read when
# Keras is first imported, which is why it stands here.
os.environ["KERAS_BACKEND"] = "tensorflow"
