"""Writes the picture that the virtual camera shows: a face, 640x480, YUYV. `camera_picture.py FILE`."""

import sys
from pathlib import Path

import cv2
import numpy as np

from edge.scenes.head import HEAD_IMAGE

SIDE = 200
"""Width of the cut-out head, px; the face takes 0.6 of it, like that of a person at a desk."""


def main() -> None:
    """Write the picture."""
    face = cv2.imread(str(HEAD_IMAGE), cv2.IMREAD_GRAYSCALE)
    height, width = face.shape
    face = cv2.resize(face, (SIDE, SIDE * height // width), interpolation=cv2.INTER_AREA)
    picture = np.full((480, 640, 2), 128, dtype=np.uint8)  # luma and chroma; 128 is grey in both
    top, left = (480 - face.shape[0]) // 2, (640 - SIDE) // 2
    picture[top : top + face.shape[0], left : left + SIDE, 0] = face
    Path(sys.argv[1]).write_bytes(picture.tobytes())


if __name__ == "__main__":
    main()
