"""Measures the runtime: what it costs, how fast it answers, what it finds. Never part of the tests."""
