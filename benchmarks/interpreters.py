"""Tells which interpreter packages can be measured here."""

import importlib
import os

from edge.vision.interpreter import MODULES


def _installed(name: str) -> bool:
    try:
        importlib.import_module(MODULES[name])
    except ImportError:
        return False
    return True


INSTALLED = tuple(name for name in MODULES if _installed(name))
PACKAGE = os.environ.get("EDGE_EMOTION_INTERPRETER") or (INSTALLED[0] if INSTALLED else "none")
"""The one that the runtime takes here; it names the file of results, so that two environments keep both."""
