"""Settings: their schema and defaults, and how they are read from TOML."""

from pathlib import Path

INSTALLED_CONFIG = Path("/etc/edge-emotion/edge.toml")
"""The configuration of the installed service."""
