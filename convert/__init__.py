"""Desktop conversion: best checkpoint in, verified int8 TFLite model out."""
