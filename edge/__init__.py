"""edge-emotion: names the apparent facial expression of each face a camera sees, on a Raspberry Pi."""

__version__ = "0.1.0"
