"""What a run leaves for people: its table, its curves, where it comes from; and what a full disk does to it."""

import csv
import resource
import shlex
from contextlib import contextmanager, nullcontext

import cv2
import pytest

from edge.errors import SinkError
from train.callbacks import Checkpoints
from train.checkpoint import load_checkpoint
from train.fit import fit
from train.history import CURVES, TABLE, draw_curves, write_table
from train.provenance import provenance, summarize
from train.replace import replace_file
from train.state import BEST, LAST, RUN, read_state

HISTORY = [
    {"loss": 1.5, "accuracy": 0.3, "val_loss": 1.6, "val_accuracy": 0.25},
    {"loss": 1.1, "accuracy": 0.5, "val_loss": 1.4, "val_accuracy": 0.4},
]


def test_the_table_has_a_row_for_each_epoch(tmp_path):
    """Counted from 1, with the figures as they were."""
    write_table(tmp_path, HISTORY)
    with (tmp_path / TABLE).open() as table:
        rows = list(csv.DictReader(table))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["val_accuracy"]) == 0.4


def test_the_curves_are_a_picture(tmp_path):
    """It can be read, and is not one colour."""
    draw_curves(tmp_path, HISTORY)
    picture = cv2.imread(str(tmp_path / CURVES))
    assert picture.std() > 1


def test_curves_that_cannot_be_written_do_not_fail_the_run(tmp_path, caplog):
    """A folder in the picture's place: said in one line, and training's result stands."""
    (tmp_path / CURVES).mkdir()
    (tmp_path / CURVES / "in the way").touch()
    draw_curves(tmp_path, HISTORY)
    assert "curves.png: expected room and permission to write" in caplog.text


def test_provenance_says_what_a_result_needs_to_be_made_again(face_data, monkeypatch):
    """The command, the backend with its version, the faces with their digest."""
    monkeypatch.setattr("sys.argv", ["train", "--data", "my faces"])
    found = provenance(face_data)
    assert shlex.split(found.command)[1:] == ["train", "--data", "my faces"]
    assert {"edge-emotion", "python", "keras", "numpy", found.backend} <= set(found.versions)
    assert "unknown" not in found.versions.values()
    assert found.data.counts["training"] == dict.fromkeys(face_data.labels, 12)


def test_one_pixel_makes_other_data(face_data):
    """A changed set is told from the one that a run began with."""
    before = summarize(face_data)
    face_data.training.pixels[3, 4, 5] ^= 1
    try:
        assert summarize(face_data).sha256 != before.sha256
    finally:
        face_data.training.pixels[3, 4, 5] ^= 1
    assert summarize(face_data) == before


@contextmanager
def no_file_above(size):
    """Let no file of this process grow beyond `size` bytes: what a full disk does to it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("tiny_build")
def test_a_full_disk_ends_the_run_and_loses_no_finished_epoch(face_data, tmp_path, new_state, monkeypatch):
    """No room while the second epoch is kept: one line with the file, the first epoch's files whole, no litter.

    The run then goes on to the result that it would have had.
    """
    run, saved = tmp_path / "run", Checkpoints.on_epoch_end

    def save(self, epoch, logs=None):
        with no_file_above(10_000) if epoch == 1 else nullcontext():
            saved(self, epoch, logs)

    expected = fit(face_data, tmp_path / "whole", new_state())
    monkeypatch.setattr(Checkpoints, "on_epoch_end", save)
    with pytest.raises(SinkError) as error:
        fit(face_data, run, new_state())
    monkeypatch.setattr(Checkpoints, "on_epoch_end", saved)
    assert "run/last.keras: expected room and permission to write, found 'File too large'" in str(error.value)
    assert "go on with --resume" in str(error.value)
    assert {path.name for path in run.iterdir()} == {BEST, LAST, RUN, TABLE}
    state = read_state(run)
    assert state.epochs_done == 1
    assert load_checkpoint(run / BEST).count_params() > 0
    assert fit(face_data, run, state).history == expected.history


def test_what_cannot_be_written_leaves_the_old_file(tmp_path):
    """Half a file is written when the room ends: the old content stays, and the half goes."""
    path = tmp_path / "run.json"
    path.write_bytes(b"old")
    with pytest.raises(SinkError, match=r"run\.json: expected room"), no_file_above(1000):
        replace_file(path, lambda partial: partial.write_bytes(b"x" * 5000))
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["run.json"]
