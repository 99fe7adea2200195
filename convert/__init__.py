"""Desktop conversion: takes the best checkpoint of a run and makes a verified int8 TFLite model of it."""

import os

# The converter is TensorFlow's, so Keras must run on TensorFlow, whatever the checkpoint was trained with. Keras reads
# the variable when it is first imported; importing this package comes before that.
os.environ["KERAS_BACKEND"] = "tensorflow"
