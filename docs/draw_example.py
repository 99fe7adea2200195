"""Draws docs/example.png: frames of the bundled clip with the runtime's readings."""

from pathlib import Path

import cv2
import numpy as np

from edge.counters import Counters
from edge.pipeline.build import build_steps
from edge.pipeline.pipeline import Pipeline
from edge.records import Observation
from edge.settings.schema import Settings
from edge.sinks.base import Sink
from edge.sinks.video.annotate import draw_readings
from edge.sources.open import DEMO_CLIP
from edge.sources.video import VideoSource

FRAMES = (85, 110, 165, 215)


class Collector(Sink[Observation]):
    """Collects the observations by frame."""

    name = "collector"

    def __init__(self) -> None:
        self.observations: dict[int, Observation] = {}

    def write(self, observation: Observation) -> None:
        """Add an observation."""
        self.observations[observation.frame_index] = observation


def main() -> None:
    """Run the clip through the pipeline, then draw on its frames."""
    settings, collector = Settings(), Collector()
    steps = build_steps(settings)(is_still_images=False)
    Pipeline(VideoSource(DEMO_CLIP), steps, [collector], Counters(), settings).run()
    source, pictures = VideoSource(DEMO_CLIP, color=True), []
    while (frame := source.read()) is not None:
        if frame.index in FRAMES and frame.color is not None:
            picture = frame.color.copy()
            draw_readings(picture, collector.observations[frame.index].readings)
            pictures.append(cv2.resize(picture, (400, 300), interpolation=cv2.INTER_AREA))
    rows = [np.hstack(pictures[:2]), np.hstack(pictures[2:])]
    cv2.imwrite(str(Path(__file__).with_name("example.png")), np.vstack(rows))


if __name__ == "__main__":
    main()
