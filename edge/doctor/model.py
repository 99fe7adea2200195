"""Checks the model against its manifest, and the interpreter with the model."""

from pathlib import Path
from typing import TYPE_CHECKING

from edge.doctor.check import HEAVY_S, Check
from edge.doctor.context import Context
from edge.doctor.finding import INSTALL_AGAIN, Finding, failed, from_error, ok, warning
from edge.errors import ModelError
from edge.machine import package_version
from edge.shipped import SHIPPED_MODEL, model_path

if TYPE_CHECKING:
    from edge.manifest import Manifest
    from edge.records import EmotionScores
    from edge.vision.classify import EmotionClassifier

_SHOWN = "happy"
"""What the face that ships looks like, to the model that ships and to people."""


def _manifest(context: Context) -> Finding:
    path = _path(context)
    _, manifest = _read(path)
    return ok(f"{path.name}: {manifest.precision}, {len(manifest.labels)} labels, sha256 as in its manifest")


def _interpreter(context: Context) -> Finding:
    from edge.vision.classify import EmotionClassifier  # noqa: PLC0415  # that it can be imported is in question
    from edge.vision.interpreter import open_interpreter  # noqa: PLC0415  # as above

    path = _path(context)
    content, manifest = _read(path)
    asked = context.settings.model
    classifier = EmotionClassifier(content, manifest, package=asked.interpreter, labels=asked.labels)
    scores = _score_shipped_face(classifier)
    interpreter, package = open_interpreter(content, package=asked.interpreter)
    nodes = [node["op_name"] for node in interpreter._get_ops_details()]  # the package has no public way
    delegated = nodes.count("DELEGATE")
    best = classifier.labels[int(scores.probabilities.argmax())]
    said = (
        f"{package} {package_version(package)}, delegated nodes: {delegated},"
        f" says {best} of the face that ships, out of {len(classifier.labels)}"
    )
    if _is_shipped(path) and best != _SHOWN:
        return failed(
            f"expected the model that ships to say {_SHOWN} of the face that ships, found: {said}", "install it again"
        )
    if delegated == 0:
        return warning(
            f"expected XNNPACK to run the model, found: {said}: many times slower",
            "set model.interpreter to auto, and install ai-edge-litert",
        )
    return ok(said)


def _score_shipped_face(classifier: "EmotionClassifier") -> "EmotionScores":
    from edge.scenes.catalogue import make_scene  # noqa: PLC0415  # as above
    from edge.sources.opencv import luma  # noqa: PLC0415  # as above

    picture, boxes = make_scene("one").frame(0)
    return classifier.score(classifier.crop(luma(picture), boxes[0]))


def _path(context: Context) -> Path:
    return model_path(context.settings.model.path)


def _is_shipped(path: Path) -> bool:
    return path.resolve() == SHIPPED_MODEL


def _read(path: Path) -> "tuple[bytes, Manifest]":
    from edge.manifest import read_model  # noqa: PLC0415  # as above

    try:
        return read_model(path)
    except ModelError as error:
        if path.resolve().parent != SHIPPED_MODEL.parent:
            raise
        # One that came with the program is not for its user to mend.
        raise ModelError(f"{from_error(error).text}: {INSTALL_AGAIN}") from error


CHECKS = (
    Check("model", "model", _manifest, ModelError.exit_code, limit_s=HEAVY_S, isolated=True),
    Check("model", "interpreter", _interpreter, ModelError.exit_code, limit_s=HEAVY_S, isolated=True),
)
