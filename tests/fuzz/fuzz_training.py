"""Targets: the files that `train`, `train.evaluate`, `train.faces` and `convert` read."""

import gc
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import fuzz_seeds as seeds
import numpy as np
from fuzz_base import JSON_WORDS, Target, TryOne, refused_as, try_as_file

from edge.errors import ConfigError, MediaError, ModelError

_MAX_ATTRIBUTE = 60_000
"""Largest attribute that HDF5 stores in an object's header, bytes, less some room for the others."""


def _table(folder: Path) -> Iterator[TryOne]:
    from train.data.fer2013 import read_table  # noqa: PLC0415

    def try_one(content: bytes) -> None:
        kind = {b"PK": ".zip", b"\xfd7": ".xz"}.get(content[:2], "")
        path = folder / f"fer2013.csv{kind}"
        path.write_bytes(content)
        with refused_as(MediaError):
            read_table(path)

    yield try_one


def _label_table(folder: Path) -> Iterator[TryOne]:
    from train.data.photographs import list_photographs  # noqa: PLC0415

    yield try_as_file(folder / "labels.csv", lambda path: list_photographs(folder, path, None), MediaError)


def _face_set(folder: Path) -> Iterator[TryOne]:
    from train.data.face_file import read_face_file  # noqa: PLC0415

    path = folder / "faces.npz"

    def try_one(content: bytes) -> None:
        if content[:2] == b"PK":
            path.write_bytes(content)
        else:  # one array, in an archive whose checksums fit
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("faces.npy", content)
                archive.writestr("label.npy", content)
        with refused_as(MediaError):
            read_face_file(path)

    yield try_one


def _run_state(folder: Path) -> Iterator[TryOne]:
    from train.run_folder import RUN, read_state  # noqa: PLC0415

    yield try_as_file(folder / RUN, lambda _: read_state(folder), ConfigError)


def _keras(folder: Path) -> Iterator[TryOne]:
    import h5py  # noqa: PLC0415
    import keras  # noqa: PLC0415

    from train.checkpoint import open_checkpoint  # noqa: PLC0415

    archived, hdf5, _ = seeds.keras_files()
    with zipfile.ZipFile(io.BytesIO(archived)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    keras_path, h5_path = folder / "net.keras", folder / "net.h5"

    def try_file(path: Path) -> None:
        with refused_as(ModelError, ConfigError):
            open_checkpoint(path)
        keras.backend.clear_session()

    def try_description(content: bytes) -> None:
        """Try the description of a net in an archive whose checksums fit, and in an HDF5 file."""
        with zipfile.ZipFile(keras_path, "w") as archive:
            for name, own in files.items():
                archive.writestr(name, content if name == "config.json" else own)
        try_file(keras_path)
        text = content[:_MAX_ATTRIBUTE]
        h5_path.write_bytes(hdf5)
        with h5py.File(h5_path, "r+") as file:
            del file.attrs["model_config"]
            file.attrs["model_config"] = np.array(text, f"S{max(1, len(text))}")
        try_file(h5_path)

    def try_one(content: bytes) -> None:
        path = {b"PK": keras_path, b"\x89H": h5_path}.get(content[:2])
        if path is None:
            try_description(content)
        else:
            path.write_bytes(content)
            try_file(path)

    yield try_one
    gc.collect()


TARGETS = (
    Target("table", seeds.tables, _table,
           (b"emotion", b"pixels", b"Usage", b'"', b",", b"\n", b"PrivateTest"), 80),
    Target("label table", seeds.label_tables, _label_table,
           (b"name", b"label", b"person", b'"', b",", b"\n"), 200),
    Target("face set", seeds.face_sets, _face_set,
           (b"'descr'", b"'shape'", b"(", b"|u1", b"<U9", b"999999999"), 200),
    Target("run state", seeds.run_states, _run_state, JSON_WORDS, 200),
    Target("keras", seeds.keras_files, _keras,
           (*JSON_WORDS, b"class_name", b"Dense", b"units", b"module", b"config"), 20),
)  # fmt: skip
"""The targets of this module, the one that takes seconds to prepare last."""
