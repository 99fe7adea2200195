"""Draws `example.png`: frames of the clip that ships, with what the runtime says of them."""

from pathlib import Path

import cv2
import numpy as np

from edge.meters import Meters
from edge.pipeline import Pipeline
from edge.records import Color, Observation, Reading
from edge.run import build_steps
from edge.settings import Settings
from edge.sources.choose import DEMO_CLIP
from edge.sources.video import VideoSource

FRAMES = (38, 90, 165, 215)
BLUE, DARK = (235, 160, 60), (60, 40, 20)
"""BGR; the pair is told apart by people who do not see red and green apart."""


class Keep:
    """A sink that keeps every observation."""

    name = "keep"

    def __init__(self) -> None:
        self.observations: dict[int, Observation] = {}

    def write(self, observation: Observation) -> None:
        """Keep it, by its frame."""
        self.observations[observation.frame_index] = observation

    def close(self) -> None:
        """Nothing to give back."""


def draw(picture: Color, reading: Reading) -> None:
    """Draw the box of a face, its name and a bar as long as the confidence."""
    x, y, w, h = reading.box.xywh
    cv2.rectangle(picture, (x, y), (x + w, y + h), BLUE, 2, cv2.LINE_AA)
    cv2.rectangle(picture, (x, y + h + 4), (x + w, y + h + 10), DARK, -1)
    cv2.rectangle(picture, (x, y + h + 4), (x + round(w * reading.confidence), y + h + 10), BLUE, -1)
    text = f"{reading.track_id}: {reading.emotion} {reading.confidence:.0%}"
    for color, thickness in ((DARK, 4), ((255, 255, 255), 1)):
        cv2.putText(picture, text, (x, y - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.6, color, thickness, cv2.LINE_AA)


def main() -> None:
    """Run the clip through the pipeline, then draw on its frames."""
    settings, keep = Settings(), Keep()
    Pipeline(VideoSource(DEMO_CLIP), build_steps(settings)(stills=False), [keep], Meters(), settings).run()
    source, pictures = VideoSource(DEMO_CLIP, color=True), []
    while (frame := source.read()) is not None:
        if frame.index in FRAMES and frame.color is not None:
            picture = frame.color.copy()
            for reading in keep.observations[frame.index].readings:
                draw(picture, reading)
            pictures.append(cv2.resize(picture, (400, 300), interpolation=cv2.INTER_AREA))
    rows = [np.hstack(pictures[:2]), np.hstack(pictures[2:])]
    cv2.imwrite(str(Path(__file__).with_name("example.png")), np.vstack(rows))


if __name__ == "__main__":
    main()
