"""Compares and names the machines that figures were taken on: a figure without its machine means little."""

import re

from edge.machine import Machine

SAME = ("model", "cores", "architecture")
"""What must be equal for two runs to be compared."""


def is_same(one: Machine, other: Machine) -> bool:
    """Whether two runs come from the same kind of machine, so that their figures may be compared."""
    return all(one.get(key) == other.get(key) for key in SAME)


def slug(machine: Machine) -> str:
    """Return the machine's name as a folder's name, such as `raspberry-pi-5-model-b-4-cores`."""
    text = f"{machine['model']} {machine['cores']} cores {machine['architecture']}"
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def describe_shortly(machine: Machine) -> str:
    """One line for a table's head."""
    clock = f", {machine['clock_mhz']} MHz" if machine["clock_mhz"] else ""
    return f"{machine['model']}, {machine['cores']} cores{clock}, {machine['os']}, Python {machine['python']}"
