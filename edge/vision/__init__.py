"""What is done to a frame, in this order: detect, track, crop, classify, smooth. No thread, no clock, no file."""
