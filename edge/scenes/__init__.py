"""Renders animated scenes with known ground truth, for the demo clip, the tests and the benchmarks."""
