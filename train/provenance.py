"""What a training result needs to be made again, beside its settings."""

import hashlib
import logging
import platform
import shlex
import sys
from importlib.metadata import version

import msgspec

from edge import __version__
from edge.errors import ConfigError
from train.faces import FaceData

log = logging.getLogger(__name__)

PACKAGES = ("keras", "numpy", "opencv-python-headless")


class DataSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The faces of a run.

    counts: split to class to number of faces. sha256: of the training faces and their targets, in order.
    """

    name: str
    counts: dict[str, dict[str, int]]
    sha256: str


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run comes from. versions: of what takes part in its numbers, Python included."""

    command: str
    platform: str
    backend: str
    versions: dict[str, str]
    data: DataSummary


def provenance(data: FaceData) -> Provenance:
    """Return what this process trains with."""
    import keras  # noqa: PLC0415  # takes seconds: a run's state is read without it

    backend = keras.backend.backend()
    return Provenance(
        command=shlex.join([sys.executable, *sys.argv]),
        platform=platform.platform(),
        backend=backend,
        versions={
            "edge-emotion": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
            backend: str(getattr(sys.modules.get(backend), "__version__", "unknown")),
        },
        data=summarize(data),
    )


def summarize(data: FaceData) -> DataSummary:
    """Return what tells these faces from others."""
    splits = zip(data.split_names, (data.training, data.validation, data.test), strict=True)
    digest = hashlib.sha256(data.training.pixels.tobytes())
    digest.update(data.training.targets.tobytes())
    return DataSummary(
        name=data.name,
        counts={name: dict(zip(data.labels, faces.counts().tolist(), strict=True)) for name, faces in splits},
        sha256=digest.hexdigest(),
    )


def check_same(before: Provenance, now: Provenance) -> None:
    """Refuse to go on with other faces than a run began with; warn of other versions, whose numbers may differ.

    Raises:
        ConfigError: the faces are others.
    """
    if now.data.sha256 != before.data.sha256:
        counts = [sum(next(iter(data.counts.values())).values()) for data in (before.data, now.data)]
        raise ConfigError(
            f"--data: expected what the run began with ({before.data.name}, {counts[0]} training faces), found other "
            f"faces ({now.data.name}, {counts[1]}): name the same data, or start another run with --like"
        )
    changed = [
        f"{name} {before.versions.get(name)} is now {version}"
        for name, version in now.versions.items()
        if before.versions.get(name) != version
    ]
    if changed:
        log.warning("the run began with other versions, so its result may differ slightly: %s", ", ".join(changed))
