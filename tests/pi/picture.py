"""Writes what the virtual camera shows: one 640x480 picture of a face, YUYV. `picture.py FILE`."""

import sys
from pathlib import Path

import cv2
import numpy as np

from edge.scenes.head import FACE_PICTURE

SIDE = 200
"""Width of the cut-out with the face, px; the face itself takes 0.6 of it, like somebody at a desk."""


def main() -> None:
    """Write the picture."""
    face = cv2.imread(str(FACE_PICTURE), cv2.IMREAD_GRAYSCALE)
    height, width = face.shape
    face = cv2.resize(face, (SIDE, SIDE * height // width), interpolation=cv2.INTER_AREA)
    picture = np.full((480, 640, 2), 128, dtype=np.uint8)  # luma beside chroma; 128 is grey in both
    top, left = (480 - face.shape[0]) // 2, (640 - SIDE) // 2
    picture[top : top + face.shape[0], left : left + SIDE, 0] = face
    Path(sys.argv[1]).write_bytes(picture.tobytes())


if __name__ == "__main__":
    main()
