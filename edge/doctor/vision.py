"""Checks that OpenCV finds a face."""

from edge.doctor.check import HEAVY_S, Check
from edge.doctor.context import Context
from edge.doctor.finding import Finding, failed, ok
from edge.errors import ConfigError

SAME_IOU = 0.5
"""Overlap from which two boxes are of the same face, as in the benchmarks."""


def _cascade(context: Context) -> Finding:
    import cv2  # noqa: PLC0415  # whether it can be imported is part of the question

    from edge.scenes.catalogue import make_scene  # noqa: PLC0415  # as above
    from edge.sources.opencv import luma  # noqa: PLC0415  # as above
    from edge.vision.detect import HaarDetector  # noqa: PLC0415  # as above

    settings = context.settings.detect
    cv2.setNumThreads(settings.threads)
    picture, boxes = make_scene("one").frame(0)
    found = HaarDetector(settings).detect(luma(picture))
    if not any(face.box.iou(box) >= SAME_IOU for face in found for box in boxes):
        return failed(
            f"expected {settings.cascade} to find the face that ships, found {len(found)} others",
            "set detect.cascade to a cascade of frontal faces",
        )
    return ok(f"{settings.cascade} finds the face that ships, OpenCV {cv2.__version__}")


CHECKS = (Check("vision", "cascade", _cascade, ConfigError.exit_code, limit_s=HEAVY_S, isolated=True),)
