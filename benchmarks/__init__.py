"""Benchmarks of the runtime: CPU time, latency, detections. They are not part of the tests."""
