"""The PyPI package `fer` as its own page shows it: its default path, Haar and its quantized TFLite model."""

from fer.fer import FER

from edge.records import Box, Color


class FerLoop:
    """One call a frame."""

    name = "fer, default path (Haar 1.1/5, TFLite)"

    def __init__(self) -> None:
        self._fer = FER(mtcnn=False)

    def step(self, color: Color) -> list[Box]:
        """Find and name the faces of `color`, (H, W, 3) uint8 BGR."""
        return [Box(*(int(side) for side in face["box"])) for face in self._fer.detect_emotions(color)]
