"""Tells whether a face is worth classifying."""

from typing import Literal

import cv2

from edge.records import Gray

Unclear = Literal["too small", "too dark", "too blurred"]

DARKEST_MEAN = 25.0
FLATTEST_DEVIATION = 10.0
"""Mean and standard deviation of luma below which a face is called dark.

Source: of FER2013's Training faces one in a thousand has a mean below 34, or a deviation below 19.
"""

LEAST_DETAIL = 0.2
"""Deviation of the Laplacian over deviation of luma, below which a face is called blurred.

Source: of FER2013's Training faces one in a thousand has less than 0.37; a face of 97 px after a Gaussian blur of 3 px
has 0.17.
"""


def why_unclear(face: Gray, *, face_px: int, min_face_px: int) -> Unclear | None:
    """Why a face should not be classified; None when it may be.

    Args:
        face: the crop, (48, 48) uint8.
        face_px: side of the face in the frame, px.
        min_face_px: smallest side that is worth it, px.
    """
    if face_px < min_face_px:
        return "too small"
    mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(face))
    if mean < DARKEST_MEAN or deviation < FLATTEST_DEVIATION:
        return "too dark"
    _, detail = cv2.meanStdDev(cv2.Laplacian(face, cv2.CV_16S))
    if float(detail[0, 0]) < LEAST_DETAIL * deviation:
        return "too blurred"
    return None
