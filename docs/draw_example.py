"""Draws `example.png`: frames of the clip that ships, with what the runtime says of them."""

from pathlib import Path

import cv2
import numpy as np

from edge.meters import Meters
from edge.pipeline import Pipeline
from edge.records import Observation
from edge.run import build_steps
from edge.settings import Settings
from edge.sinks.annotate import draw_readings
from edge.sources.choose import DEMO_CLIP
from edge.sources.video import VideoSource

FRAMES = (38, 90, 165, 215)


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


def main() -> None:
    """Run the clip through the pipeline, then draw on its frames."""
    settings, keep = Settings(), Keep()
    Pipeline(VideoSource(DEMO_CLIP), build_steps(settings)(stills=False), [keep], Meters(), settings).run()
    source, pictures = VideoSource(DEMO_CLIP, color=True), []
    while (frame := source.read()) is not None:
        if frame.index in FRAMES and frame.color is not None:
            picture = frame.color.copy()
            draw_readings(picture, keep.observations[frame.index].readings)
            pictures.append(cv2.resize(picture, (400, 300), interpolation=cv2.INTER_AREA))
    rows = [np.hstack(pictures[:2]), np.hstack(pictures[2:])]
    cv2.imwrite(str(Path(__file__).with_name("example.png")), np.vstack(rows))


if __name__ == "__main__":
    main()
