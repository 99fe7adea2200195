"""A model file: its manifest, the files attached to it, the bundled models, and the interpreter that runs it."""
