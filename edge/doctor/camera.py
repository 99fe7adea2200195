"""Checks the camera: found, permitted, giving frames, and who else has it."""

from edge.doctor.check import Check

CHECKS: tuple[Check, ...] = ()
