"""What a model file says of itself: the JSON beside every `.tflite`."""

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.errors import LabelError, ModelError
from edge.labels import check_labels

SCHEMA_VERSION = 1

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
    """What goes in: (1, size, size, 1), luma scaled to 0 ... 1, then quantized where the model is."""

    size: Annotated[int, Meta(ge=16, le=256)] = 48
    value_range: tuple[float, float] = (0.0, 1.0)


class TensorSpec(Record, frozen=True):
    """One end of the model. real value = scale * (stored - zero_point); scale 0 where it is not quantized."""

    dtype: Literal["int8", "uint8", "float32"]
    scale: Annotated[float, Meta(ge=0.0)]
    zero_point: int


class Accuracy(Record, frozen=True):
    """Share of right answers, of the float checkpoint and of this file, on one split."""

    dataset: str
    split: str
    classes: int
    faces: int
    float_accuracy: Share
    model_accuracy: Share
    agreement: Share
    date: str


class Manifest(Record, frozen=True, kw_only=True):
    """All facts of one model file."""

    schema_version: Annotated[int, Meta(ge=SCHEMA_VERSION, le=SCHEMA_VERSION)] = SCHEMA_VERSION
    name: str
    labels: tuple[str, ...]
    input: InputSpec
    framing: Framing
    input_tensor: TensorSpec
    output_tensor: TensorSpec
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    size_bytes: Annotated[int, Meta(gt=0)]
    parameters: int
    trained_on: str
    calibration: str
    accuracy: tuple[Accuracy, ...]
    created: str
    versions: dict[str, str]


def manifest_path(model: Path) -> Path:
    """Where the manifest of `model` stands: beside it, with the ending `.json`."""
    return model.with_suffix(".json")


def sha256_of(content: bytes) -> str:
    """Return the hash that ties a manifest to its model."""
    return hashlib.sha256(content).hexdigest()


def read_manifest(model: Path) -> Manifest:
    """Read the manifest that stands beside `model`.

    Raises:
        ModelError: it is missing, is no manifest of this schema, or names unknown emotions.
    """
    path = manifest_path(model)
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
        check_labels(manifest.labels)
    except FileNotFoundError as error:
        raise ModelError(
            f"{path}: expected the manifest of {model.name} here, found nothing: copy both files"
        ) from error
    except OSError as error:
        raise ModelError(f"{path}: the manifest cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, LabelError) as error:
        raise ModelError(
            f"{path}: this is no manifest of schema {SCHEMA_VERSION}: {error}: convert the model again"
        ) from error
    return manifest


def read_model(model: Path) -> tuple[bytes, Manifest]:
    """Read a model and its manifest, and check that they belong together.

    Raises:
        ModelError: one of the two is missing or unreadable, or the hash does not match.
    """
    try:
        content = model.read_bytes()
    except FileNotFoundError as error:
        raise ModelError(f"{model}: expected a .tflite model, found no such file: name one with --model") from error
    except OSError as error:
        raise ModelError(f"{model}: the model cannot be read: {error.strerror}") from error
    manifest = read_manifest(model)
    found = sha256_of(content)
    if found != manifest.sha256:
        raise ModelError(
            f"{model}: expected sha256 {manifest.sha256[:12]}… as in {manifest_path(model).name}, found {found[:12]}…:"
            " the file is damaged or was replaced: copy model and manifest together"
        )
    return content, manifest


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the manifest as indented JSON, the content of its file."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write the manifest to `path`."""
    path.write_bytes(manifest_bytes(manifest))
