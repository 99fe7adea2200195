"""A net that takes more memory than its file holds is refused in one line, before the machine runs out of it."""

import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from waiting import LIMIT_S

from edge.errors import ModelError
from train import hdf5_check, keras_file
from train.checkpoint import load_checkpoint

MB = 1 << 20


@pytest.fixture
def rewrite(tmp_path):
    """Return a function that writes a small net as `.keras` with a changed description, and some other contents."""
    sound, path = tmp_path / "sound.keras", tmp_path / "net.keras"
    keras.Sequential([keras.Input((48, 48, 1)), keras.layers.Flatten(), keras.layers.Dense(7)]).save(sound)

    def write(change, others=None):
        with zipfile.ZipFile(sound) as archive, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as changed:
            for name in archive.namelist():
                content = archive.read(name)
                changed.writestr(name, change(content) if name == "config.json" else (others or {}).get(name, content))
        return path

    return write


def with_units(count):
    """Return a change of the description: the last layer gets so many units."""

    def change(content):
        config = json.loads(content)
        config["config"]["layers"][-1]["config"]["units"] = count
        return json.dumps(config)

    return change


def test_a_description_that_unpacks_to_much_is_refused(rewrite):
    path = rewrite(lambda content: content + b" " * (20 * MB))
    assert path.stat().st_size < MB
    with pytest.raises(ModelError, match=r"found a description of 20 MB, more than 16 MB: name a smaller net"):
        load_checkpoint(path)


def test_a_file_that_unpacks_to_much_is_refused(rewrite, monkeypatch):
    """The sizes of all files in the archive count together."""
    monkeypatch.setattr(keras_file, "MAX_BYTES", MB)
    path = rewrite(lambda content: content + b" " * (2 * MB))
    with pytest.raises(ModelError, match=r"found 0\.0 GB, more than 0\.0 GB: name a smaller net"):
        load_checkpoint(path)


def test_a_net_that_is_much_larger_than_its_file_is_refused(rewrite):
    """A layer of 1.8 GB in a file of some kilobytes is refused, and a sound net can be loaded afterwards."""
    with pytest.raises(ModelError, match="found a net that takes much more memory than its file holds: name another"):
        load_checkpoint(rewrite(with_units(200_000)))
    net = load_checkpoint(rewrite(bytes))
    assert net.predict_on_batch(np.zeros((1, 48, 48, 1), np.float32)).shape == (1, 7)


def hanging_hdf5():
    """Return an HDF5 file in which a text has a length that lets the library read the same place for ever."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.attrs["model_config"] = "{}"
    damaged = bytearray(content.getvalue())
    size = damaged.index(b"GCOL") + 24  # of the first object in the global heap
    damaged[size : size + 8] = bytes(8)
    return bytes(damaged)


LOAD = """
import sys
from pathlib import Path
from edge.errors import ModelError
from train.checkpoint import load_checkpoint

for name in sys.argv[1:]:
    try:
        load_checkpoint(Path(name))
    except ModelError as error:
        print(error)
"""


@pytest.mark.slow
def test_a_file_on_which_hdf5_hangs_is_refused(tmp_path, rewrite):
    """It would hang for ever, and neither Ctrl-C nor a time limit of this process would end it."""
    path = tmp_path / "net.h5"
    path.write_bytes(hanging_hdf5())
    archive = rewrite(lambda content: content, {"model.weights.h5": hanging_hdf5()})
    run = subprocess.run(  # noqa: S603  # ours
        [sys.executable, "-c", LOAD, path, archive],
        capture_output=True,
        text=True,
        timeout=4 * LIMIT_S,
        env={**os.environ, "PYTHONPATH": str(Path(keras_file.__file__).parents[1])},
        check=False,
    )
    expected = "expected a .keras or .h5 checkpoint, found content on which the HDF5 library hangs: copy it again"
    assert run.stdout.splitlines() == [f"{path}: {expected}", f"{archive}: {expected}"], run.stderr


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_a_file_on_which_hdf5_crashes_is_refused(rewrite, monkeypatch, tmp_path, number):
    """Only the process that checks the file ends."""
    program = tmp_path / "crash.py"
    program.write_text(f"import os, sys\nos.kill(os.getpid(), {int(number)})\n")
    monkeypatch.setattr(hdf5_check, "__file__", str(program))
    with pytest.raises(ModelError, match=rf"on which the HDF5 library crashes \({number.name}\): copy it again$"):
        load_checkpoint(rewrite(lambda content: content))
