"""What a model file says of itself: the JSON inside every `.tflite` and beside it."""

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from edge.attachments import attach, detach
from edge.errors import LabelError, ModelError
from edge.labels import CLASS_SETS, check_labels

SCHEMA_VERSION = 2

MANIFEST = "manifest.json"
LABELS = "labels.txt"
"""Names of the files that a model carries inside itself: all facts, and the labels alone for others' tools."""

Precision = Literal["int8", "int8-float-io", "dynamic", "float16", "float32"]
"""How weights and activations are stored.

int8: everything, both ends included. int8-float-io: everything but the ends. dynamic: int8 weights, float activations.
"""

Share = Annotated[float, Meta(ge=0.0, le=1.0)]


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the manifest's parts: read-only, and a misspelt key is an error."""


class Framing(Record, frozen=True):
    """How a detector's box is turned into the square that the model was trained to see.

    scale: the box's sides are multiplied by this, about its middle.
    shift_y: then it is moved down by this share of its height.
    """

    scale: Annotated[float, Meta(gt=0.0, le=3.0)] = 1.0
    shift_y: Annotated[float, Meta(ge=-1.0, le=1.0)] = 0.0


class InputSpec(Record, frozen=True):
    """What goes in: (1, size, size, 1) luma; value_range is what black and white become, before any quantization."""

    size: Annotated[int, Meta(ge=16, le=256)] = 48
    value_range: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        black, white = self.value_range
        if not black < white:
            raise ValueError(f"expected a value_range that rises from black to white, found {black:g} to {white:g}")


class TensorSpec(Record, frozen=True):
    """One end of the model. real value = scale * (stored - zero_point); scale 0 where it is not quantized."""

    dtype: Literal["int8", "uint8", "float32"]
    scale: Annotated[float, Meta(ge=0.0)]
    zero_point: int


class SplitFigures(Record, frozen=True, kw_only=True):
    """What was measured on one split: of the float checkpoint and of this file.

    balanced_accuracy: mean recall over the classes. calibration_error: mean distance of confidence from accuracy (ECE,
    15 bins). recall: label to share of its faces named right. All three are the file's.
    agreement: share of faces with the same answer. largest_difference: of any probability, on the whole split.
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


class Latency(Record, frozen=True, kw_only=True):
    """Time of one answer on one thread: the median of many, on a named machine."""

    precision: Precision
    interpreter: str
    median_us: Annotated[float, Meta(gt=0.0)]
    size_bytes: int
    machine: str
    date: str


class Checks(Record, frozen=True, kw_only=True):
    """What the conversion found. operations: of the graph; delegated: those that XNNPACK runs.

    interpreters: package and version to what came of asking it, for each of the two packages.
    """

    operations: int
    delegated: int
    interpreters: dict[str, str]


class Manifest(Record, frozen=True, kw_only=True):
    """All facts of one model file. The runtime needs those without a default; docs/manifest.md describes each.

    sha256, size_bytes: of the flatbuffer, without the files that are attached to it.
    class_set: 7, 6 or 5 where the labels are one of those sets (`edge.labels.CLASS_SETS`), None where they are others.
    temperature: the logits were divided by this before conversion; it is part of the file already.
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
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    size_bytes: Annotated[int, Meta(gt=0)]
    parameters: int | None = None
    multiply_adds: int | None = None
    temperature: Annotated[float, Meta(gt=0.0)] = 1.0
    trained_on: str = ""
    training_run: dict[str, Any] | None = None
    calibration: str = ""
    figures: tuple[SplitFigures, ...] = ()
    checks: Checks | None = None
    latency: tuple[Latency, ...] = ()
    created: str = ""
    versions: dict[str, str] = {}

    def __post_init__(self) -> None:
        check_labels(self.labels)
        if self.class_set is not None and CLASS_SETS.get(self.class_set) != self.labels:
            raise LabelError(f"expected the labels of class set {self.class_set}, found {', '.join(self.labels)}")


def manifest_path(model: Path) -> Path:
    """Where the manifest of `model` may stand: beside it, with the ending `.json`. It is also inside."""
    return model.with_suffix(".json")


def sha256_of(flatbuffer: bytes) -> str:
    """Return the hash that ties a manifest to its model."""
    return hashlib.sha256(flatbuffer).hexdigest()


def read_model(model: Path) -> tuple[bytes, Manifest]:
    """Read a model's flatbuffer and its manifest, the one beside the file or else the one inside it.

    Raises:
        ModelError: the model is missing or unreadable, no manifest is there, or the two do not belong together.
    """
    try:
        content = model.read_bytes()
    except FileNotFoundError as error:
        raise ModelError(f"{model}: expected a .tflite model, found no such file: name one with --model") from error
    except OSError as error:
        raise ModelError(f"{model}: the model cannot be read: {error.strerror}") from error
    try:
        flatbuffer, inside = detach(content, MANIFEST)
    except ValueError as error:
        raise ModelError(f"{model}: {error}: copy the file again") from error
    path = manifest_path(model)
    if path.exists():
        manifest, where = read_manifest(path), path.name
    elif inside is not None:
        where = f"{model.name}, {MANIFEST}"
        manifest = _decode(inside, where)
    else:
        raise ModelError(
            f"{model}: expected its manifest inside or in {path.name} beside it, found neither: copy both files"
        )
    found = sha256_of(flatbuffer)
    if found != manifest.sha256:
        raise ModelError(
            f"{model}: expected sha256 {manifest.sha256[:12]}… as in {where}, found {found[:12]}…:"
            " the file is damaged or was replaced: copy model and manifest together"
        )
    return flatbuffer, manifest


def read_manifest(path: Path) -> Manifest:
    """Read a manifest that stands in a file of its own.

    Raises:
        ModelError: it is missing, is no manifest of this schema, or names unknown emotions.
    """
    try:
        return _decode(path.read_bytes(), path)
    except OSError as error:
        raise ModelError(f"{path}: the manifest cannot be read: {error.strerror}") from error


def _decode(content: bytes, where: Path | str) -> Manifest:
    try:
        return msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(
            f"{where}: this is no manifest of schema {SCHEMA_VERSION}: {error}: convert the model again"
        ) from error


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the manifest as indented JSON, the content of its file."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def model_bytes(flatbuffer: bytes, manifest: Manifest) -> bytes:
    """Return the content of a model file that carries its manifest."""
    labels = "".join(f"{label}\n" for label in manifest.labels)
    return attach(flatbuffer, {MANIFEST: manifest_bytes(manifest), LABELS: labels.encode()})
