"""The loop that everybody writes: Haar on the full frame, `keras.Model.predict` on each face, draw. The baseline."""

from pathlib import Path

import cv2
import keras
import numpy as np

from edge.records import Box, Color
from train.models import edge_small

SCALE_FACTOR = 1.3
MIN_NEIGHBORS = 5
"""Source: the values of OpenCV's own tutorial, and of nearly every project that followed it."""

CHECKPOINTS = (Path("models/edge_small.keras"), Path("runs/edge_small/best.keras"))
"""Where trained weights may be; without them random ones do, since a net is as fast with any."""

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


class UsualLoop:
    """One thread, every frame, as in the tutorials; the net is ours, in float, so that only the loop differs."""

    name = "usual loop (Haar 1.3/5, keras predict)"

    def __init__(self) -> None:
        self._cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
        checkpoint = next((path for path in CHECKPOINTS if path.is_file()), None)
        self._model = keras.models.load_model(checkpoint) if checkpoint else edge_small.build(len(LABELS))

    def step(self, color: Color) -> list[Box]:
        """Find, name and draw the faces of `color`, (H, W, 3) uint8 BGR, which is painted on."""
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
