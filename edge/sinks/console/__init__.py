"""Readings on standard output or a terminal: JSON lines for a program, plain lines or a live table for a person."""
