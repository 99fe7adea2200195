"""edge-emotion: names the apparent facial expression of each face a camera sees, on a Raspberry Pi.

    from edge import EmotionReader

    for face in EmotionReader().read("photo.jpg"):
        print(face.box.xywh, face.label, face.confidence)

Importing this package loads nothing: OpenCV and the model are loaded by the first `EmotionReader`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.errors import EdgeError as EdgeError
    from edge.pipeline.reader import EmotionReader as EmotionReader
    from edge.records import Reading as Reading

__version__ = "0.1.0"

_PUBLIC = {"EdgeError": "edge.errors", "EmotionReader": "edge.pipeline.reader", "Reading": "edge.records"}
"""Public names and their modules. They are imported on first use: the command line must start without OpenCV."""


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'edge' has no attribute {name!r}")
    import importlib  # noqa: PLC0415  # importing edge stays free

    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
