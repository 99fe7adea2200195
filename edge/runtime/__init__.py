"""Queues, threads and counters of durations. Moves opaque items: no cv2, no numpy, no model."""
