"""Threads, hand-over, counters. Moves opaque items: no cv2, no numpy, no model."""
