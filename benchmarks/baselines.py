"""The loops that the pipeline is compared with: the usual one of OpenCV and Keras, and the package `fer`.

Each runs on one thread and processes every frame, as in the tutorials.
"""

import time
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from benchmarks.detection_metrics import DetectedFace
from benchmarks.workloads import Measurement, Workload
from edge.records import Box, Color

SCALE_FACTOR = 1.3
MIN_NEIGHBORS = 5
"""Source: OpenCV's tutorial on cascades; nearly every project that followed it has the same values."""

CHECKPOINTS = (Path("models/edge_small.keras"), Path("runs/edge_small/best.keras"))
"""Files of trained weights. Without them random ones are used, since a net is as fast with any."""

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


class BaselineLoop(Protocol):
    """A loop that detects and classifies the faces of one frame at a time."""

    name: str

    def step(self, color: Color) -> list[Box]:
        """Detect and classify the faces of a frame, (H, W, 3) uint8 BGR, which may be drawn on."""


class UsualLoop:
    """Full-frame Haar, `keras.Model.predict` on each face, labels drawn. The net is ours, in float."""

    name = "usual loop (Haar 1.3/5, keras predict)"

    def __init__(self) -> None:
        import keras  # noqa: PLC0415  # only this loop needs Keras

        from train.models import edge_small  # noqa: PLC0415  # imports Keras

        self._cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
        checkpoint = next((path for path in CHECKPOINTS if path.is_file()), None)
        self._model = keras.models.load_model(checkpoint) if checkpoint else edge_small.build(len(LABELS))

    def step(self, color: Color) -> list[Box]:
        """Detect and classify the faces of a frame, (H, W, 3) uint8 BGR, and draw them on it."""
        gray = cv2.cvtColor(color, cv2.COLOR_BGR2GRAY)
        faces = self._cascade.detectMultiScale(gray, SCALE_FACTOR, MIN_NEIGHBORS)
        boxes = []
        for x, y, w, h in faces:
            face = cv2.resize(gray[y : y + h, x : x + w], (48, 48)).astype(np.float32) / 255
            probabilities = self._model.predict(face[np.newaxis, :, :, np.newaxis], verbose=0)[0]
            label = LABELS[int(np.argmax(probabilities))]
            cv2.rectangle(color, (x, y), (x + w, y + h), (0, 255, 0), 2)
            cv2.putText(color, label, (x, y - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (0, 255, 0), 2)
            boxes.append(Box(int(x), int(y), int(w), int(h)))
        return boxes


class FerLoop:
    """The PyPI package `fer` as its own page shows it: Haar and its quantized TFLite model, one call per frame."""

    name = "fer, default path (Haar 1.1/5, TFLite)"

    def __init__(self) -> None:
        from fer.fer import FER  # noqa: PLC0415  # only this loop needs fer

        self._fer = FER(mtcnn=False)

    def step(self, color: Color) -> list[Box]:
        """Detect and classify the faces of a frame, (H, W, 3) uint8 BGR."""
        return [Box(*(int(side) for side in face["box"])) for face in self._fer.detect_emotions(color)]


LOOPS: dict[str, type[BaselineLoop]] = {"usual": UsualLoop, "fer": FerLoop}
"""The loops by the name that results have for them."""


def measure_loop(loop: BaselineLoop, workload: Workload) -> Measurement:
    """Run a loop over the workload's frames; the first one is run once before, so that lazy loading is not counted."""
    rendered = workload.draw(color=True)
    loop.step(rendered.frames[0].copy())
    spent_s = 0.0
    detected: list[DetectedFace] = []
    for number, image in zip(rendered.indices, rendered.frames, strict=True):
        frame = image.copy()
        before_s = time.process_time()
        boxes = loop.step(frame)
        spent_s += time.process_time() - before_s
        detected += [DetectedFace(number, box) for box in boxes]
    return Measurement(spent_s / len(rendered.frames) * 1e3, tuple(detected), len(rendered.frames))
