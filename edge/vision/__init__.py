"""Processing steps on a frame: detect, track, crop, classify, smooth. No step uses a thread, a clock or a file."""
