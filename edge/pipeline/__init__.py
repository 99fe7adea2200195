"""Joins sources, vision, runtime and sinks into one run."""
