"""A net that takes more memory than its file holds is refused in one line, before the machine runs out of it."""

import json
import zipfile

import keras
import numpy as np
import pytest

from edge.errors import ModelError
from train import keras_file
from train.checkpoint import load_checkpoint

MB = 1 << 20


@pytest.fixture
def rewrite(tmp_path):
    """Return a function that writes a small net as `.keras` with a changed description."""
    sound, path = tmp_path / "sound.keras", tmp_path / "net.keras"
    keras.Sequential([keras.Input((48, 48, 1)), keras.layers.Flatten(), keras.layers.Dense(7)]).save(sound)

    def write(change):
        with zipfile.ZipFile(sound) as archive, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as changed:
            for name in archive.namelist():
                content = archive.read(name)
                changed.writestr(name, change(content) if name == "config.json" else content)
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
