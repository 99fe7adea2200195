"""Measures the runtime on real clips with reference boxes: faces found, steadiness of the labels, CPU time, memory."""
