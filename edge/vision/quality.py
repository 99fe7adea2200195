"""Checks whether a face is clear enough to classify."""

from typing import Literal

import cv2

from edge.records import Gray

Unclear = Literal["too small", "too dark", "too blurred"]
"""Reason why a face is not classified."""

MIN_MEAN = 25.0
MIN_DEVIATION = 10.0
"""Mean and standard deviation of luma below which a face is too dark.

Source: of FER2013's Training faces one in a thousand has a mean below 34, or a deviation below 19.
"""

MIN_DETAIL = 0.2
"""Standard deviation of the Laplacian divided by that of luma, below which a face is too blurred.

Source: of FER2013's Training faces one in a thousand has less than 0.37; a face of 97 px after a Gaussian blur of 3 px
has 0.17.
"""


def why_unclear(face: Gray, *, face_px: int, min_face_px: int) -> Unclear | None:
    """Return the reason why a face should not be classified; None if it is clear.

    Args:
        face: the crop, (S, S) uint8.
        face_px: side of the face in the frame, px.
        min_face_px: smallest side that is classified, px.
    """
    if face_px < min_face_px:
        return "too small"
    mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(face))
    if mean < MIN_MEAN or deviation < MIN_DEVIATION:
        return "too dark"
    _, detail = cv2.meanStdDev(cv2.Laplacian(face, cv2.CV_16S))
    if float(detail[0, 0]) < MIN_DETAIL * deviation:
        return "too blurred"
    return None
