"""Desktop training on Keras 3: data set in, best checkpoint out."""
