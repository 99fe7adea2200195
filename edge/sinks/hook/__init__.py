"""Runs a program on each change."""
