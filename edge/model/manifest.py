"""Reads and writes a model's manifest: the JSON inside every `.tflite` and in a file next to it."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from edge.device.files import read_limited
from edge.errors import LabelError, ModelError
from edge.labels import CLASS_SETS, check_labels, check_shares
from edge.model.zip_attachments import MAX_BYTES, attach, detach

SCHEMA_VERSION = 2

MAX_MODEL_BYTES = 256 << 20
"""Largest model that is read, bytes; the bundled ones have half a million."""

MANIFEST = "manifest.json"
LABELS = "labels.txt"
"""Names of the files that are attached to a model: the manifest, and the labels alone for other tools."""

Precision = Literal["int8", "int8-float-io", "dynamic", "float16", "float32"]
"""How weights and activations are stored.

int8: everything, input and output included. int8-float-io: everything but input and output. dynamic: int8 weights,
float activations.
"""

Share = Annotated[float, Meta(ge=0.0, le=1.0)]

PRIOR_TOLERANCE = 0.01
"""Largest deviation of a training prior's sum from 1: shares may be rounded."""


class ManifestPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the manifest's parts: read-only, and an unknown key is an error."""


class Framing(ManifestPart, frozen=True):
    """How a detector's box becomes the square crop that the model was trained on.

    Attributes:
        scale: factor of the box's sides, about its centre.
        shift_y: the box is then moved down by this share of its height.
    """

    scale: Annotated[float, Meta(gt=0.0, le=3.0)] = 1.0
    shift_y: Annotated[float, Meta(ge=-1.0, le=1.0)] = 0.0


class InputSpec(ManifestPart, frozen=True):
    """The model's input: (1, size, size, channels) luma.

    Attributes:
        size: the side, px.
        value_range: the values of black and white, before any quantization.
        channels: 1, or 3 for a model made for color, which gets the luma three times.
    """

    size: Annotated[int, Meta(ge=16, le=256)] = 48
    value_range: tuple[float, float] = (0.0, 1.0)
    channels: Literal[1, 3] = 1

    def __post_init__(self) -> None:
        black, white = self.value_range
        if not black < white:
            raise ValueError(f"expected a value_range that rises from black to white, found {black:g} to {white:g}")


class TensorSpec(ManifestPart, frozen=True):
    """The model's input or output tensor: real value = scale * (stored - zero_point).

    Attributes:
        dtype: of the stored values.
        scale: 0 if the tensor is not quantized.
        zero_point: the stored value of 0.
    """

    dtype: Literal["int8", "uint8", "float32"]
    scale: Annotated[float, Meta(ge=0.0)]
    zero_point: int


class SplitFigures(ManifestPart, frozen=True, kw_only=True):
    """Measurements on one split, of the float checkpoint and of this file.

    Attributes:
        dataset: the data set's name.
        split: the split's name.
        classes: number of labels.
        faces: number of faces.
        float_accuracy: of the float checkpoint.
        model_accuracy: of this file.
        balanced_accuracy: mean recall over the classes, of this file.
        calibration_error: mean difference of confidence and accuracy (ECE, 15 bins), of this file.
        recall: label to recall, of this file.
        agreement: share of faces for which both predict the same label.
        largest_difference: of any probability, over the whole split.
        date: YYYY-MM-DD.
    """

    dataset: str
    split: str
    classes: int
    faces: int
    float_accuracy: Share
    model_accuracy: Share
    balanced_accuracy: Share
    calibration_error: Share
    recall: dict[str, Share] = {}
    agreement: Share
    largest_difference: Share
    date: str


MeasuredSet = Literal["everyday", "photographs", "majorities", "labels"]
"""Kind of a set on which a finished model was measured.

everyday: faces of photographs of ordinary people, in the mixture of everyday life. photographs: whole photographs,
which the runtime searches for faces. majorities: faces for which more than half of the FER+ votes agree. labels: faces
with the labels of their data set.
"""


class Measurement(ManifestPart, frozen=True, kw_only=True):
    """Measurement of this file on one set, each prediction averaged over face and mirror image as in the runtime.

    Attributes:
        kind: kind of the set.
        dataset: the set's name, and the part of it that was measured.
        roll_deg: the photographs were turned by so much, half of them clockwise, the other half anticlockwise, degrees.
        prior_strength: strength of the prior that corrected the predictions; 0 for none.
        faces: number of faces, or of photographs with a face each.
        missed: those without a prediction, since no face was found or it was unclear; they count as wrong.
        accuracy: share of faces with a correct prediction.
        balanced_accuracy: mean recall of the labels with 20 faces or more, or of all if none has so many.
        calibration_error: mean difference of confidence and accuracy (ECE, 15 bins); None without predictions.
        float_accuracy: accuracy of the float checkpoint; None if it was not measured.
        counts: label to number of its faces; a label that has none and was never predicted is absent here and below.
        predicted: label to number of faces for which it was predicted.
        precision: label to share of correct predictions among `predicted`; 0 if it was never predicted.
        recall: label to share of correct predictions among `counts`; a label without faces is absent.
        date: YYYY-MM-DD.
    """

    kind: MeasuredSet
    dataset: str
    roll_deg: float = 0.0
    prior_strength: Share = 0.0
    faces: int
    missed: int = 0
    accuracy: Share
    balanced_accuracy: Share
    calibration_error: Share | None
    float_accuracy: Share | None = None
    counts: dict[str, int]
    predicted: dict[str, int]
    precision: dict[str, Share]
    recall: dict[str, Share]
    date: str


class Latency(ManifestPart, frozen=True, kw_only=True):
    """Time of one inference on one thread: the median of many, on a named machine.

    Attributes:
        precision: of the measured file.
        interpreter: package and version.
        median_us: the median time, µs.
        size_bytes: of the measured file.
        machine: the machine's name.
        date: YYYY-MM-DD.
    """

    precision: Precision
    interpreter: str
    median_us: Annotated[float, Meta(gt=0.0)]
    size_bytes: int
    machine: str
    date: str


class Checks(ManifestPart, frozen=True, kw_only=True):
    """Checks that this file has passed in the conversion.

    Attributes:
        operations: of the graph.
        delegated: the operations that XNNPACK runs.
        interpreters: package and version to the result of its verification, for each of the two packages.
    """

    operations: int
    delegated: int
    interpreters: dict[str, str]


class Manifest(ManifestPart, frozen=True, kw_only=True):
    """All facts of one model file. The runtime needs the keys without a default; docs/manifest.md describes every key.

    Attributes:
        class_set: 7, 6 or 5 if the labels are one of those sets (`edge.labels.CLASS_SETS`), else None.
        sha256: of the flatbuffer, without the attached files.
        size_bytes: of the flatbuffer, without the attached files.
        output: what the model returns; logits are turned into probabilities by a softmax.
        temperature: the logits were divided by this before the conversion, so it is part of the file already.
        training_prior: label to its share of the training targets; None counts as equal shares.
    """

    schema_version: Annotated[int, Meta(ge=SCHEMA_VERSION, le=SCHEMA_VERSION)] = SCHEMA_VERSION
    name: str
    precision: Precision
    labels: tuple[str, ...]
    class_set: int | None = None
    input: InputSpec = InputSpec()
    framing: Framing = Framing()
    input_tensor: TensorSpec
    output_tensor: TensorSpec
    output: Literal["probabilities", "logits"] = "probabilities"
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    size_bytes: Annotated[int, Meta(gt=0)]
    parameters: int | None = None
    multiply_adds: int | None = None
    temperature: Annotated[float, Meta(gt=0.0)] = 1.0
    training_prior: dict[str, Share] | None = None
    trained_on: str = ""
    training_run: dict[str, Any] | None = None
    calibration: str = ""
    measurements: tuple[Measurement, ...] = ()
    figures: tuple[SplitFigures, ...] = ()
    checks: Checks | None = None
    latency: tuple[Latency, ...] = ()
    created: str = ""
    versions: dict[str, str] = {}

    def __post_init__(self) -> None:
        check_labels(self.labels)
        if self.class_set is not None and CLASS_SETS.get(self.class_set) != self.labels:
            raise LabelError(f"expected the labels of class set {self.class_set}, found {', '.join(self.labels)}")
        if self.training_prior is not None:
            _check_training_prior(self.training_prior, self.labels)

    @property
    def everyday(self) -> Measurement | None:
        """The measurement on the mixture of everyday life with the default settings; None if there is none."""
        return next((row for row in self.measurements if row.kind == "everyday"), None)

    def right_percent(self, labels: Sequence[str]) -> dict[str, int]:
        """Return how often each of `labels` is right when it is predicted in everyday use, %.

        A label that was not predicted is absent; without an everyday measurement all are.
        """
        everyday = self.everyday
        if everyday is None:
            return {}
        known = [label for label in labels if everyday.predicted.get(label) and label in everyday.precision]
        return {label: round(100 * everyday.precision[label]) for label in known}


def _check_training_prior(prior: Mapping[str, float], labels: Sequence[str]) -> None:
    check_shares(prior)
    if set(prior) != set(labels):
        raise LabelError(
            f"expected a training_prior for the labels {', '.join(labels)}, found one for {', '.join(prior)}"
        )
    if min(prior.values()) == 0.0 or abs(sum(prior.values()) - 1.0) > PRIOR_TOLERANCE:
        shares = ", ".join(f"{label} {share:g}" for label, share in prior.items())
        raise LabelError(f"expected a training_prior of shares above 0 that sum to 1, found {shares}")


def manifest_path(model: Path) -> Path:
    """Return the path of the model's manifest file: next to the model, with the suffix `.json`."""
    return model.with_suffix(".json")


def sha256_of(flatbuffer: bytes) -> str:
    """Return the hash by which a manifest identifies its model."""
    return hashlib.sha256(flatbuffer).hexdigest()


def read_model(model: Path) -> tuple[bytes, Manifest]:
    """Read a model's flatbuffer and its manifest, from the file next to it or else from inside it.

    Raises:
        ModelError: the model is missing or unreadable, there is no manifest, or the two do not belong together.
    """
    try:
        content = read_limited(model, MAX_MODEL_BYTES)
    except FileNotFoundError as error:
        raise ModelError(f"{model}: expected a .tflite model, found no such file: name one with --model") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ModelError(f"{model}: the model cannot be read: {reason}") from error
    try:
        flatbuffer, attached = detach(content, MANIFEST)
    except ValueError as error:
        raise ModelError(f"{model}: {error}: copy the file again") from error
    path = manifest_path(model)
    if path.exists():
        manifest, where = read_manifest(path), path.name
    elif attached is not None:
        where = f"{model.name}, {MANIFEST}"
        manifest = _decode(attached, where)
    else:
        raise ModelError(
            f"{model}: expected its manifest inside it or in {path.name} next to it, found neither: copy both files;"
            " for a model from elsewhere convert its Keras net with `python -m convert`, or write a manifest as"
            " docs/manifest.md says"
        )
    found = sha256_of(flatbuffer)
    if found != manifest.sha256:
        raise ModelError(
            f"{model}: expected sha256 {manifest.sha256[:12]}… as in {where}, found {found[:12]}…:"
            " the file is damaged or was replaced: copy model and manifest together"
        )
    return flatbuffer, manifest


def read_manifest(path: Path) -> Manifest:
    """Read a manifest from a file of its own.

    Raises:
        ModelError: the file cannot be read, has another schema, or has unknown emotions.
    """
    try:
        content = read_limited(path, MAX_BYTES)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ModelError(f"{path}: the manifest cannot be read: {reason}") from error
    return _decode(content, path)


def _decode(content: bytes, where: Path | str) -> Manifest:
    try:
        return msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, ValueError, RecursionError, LabelError) as error:
        raise ModelError(
            f"{where}: expected a manifest of schema {SCHEMA_VERSION}, found: {error}: convert the model again"
        ) from error


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the manifest as indented JSON, the content of its file."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def model_bytes(flatbuffer: bytes, manifest: Manifest) -> bytes:
    """Return the content of a model file with its manifest and labels attached."""
    labels = "".join(f"{label}\n" for label in manifest.labels)
    return attach(flatbuffer, {MANIFEST: manifest_bytes(manifest), LABELS: labels.encode()})
