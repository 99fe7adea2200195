"""The files in a run's folder: history table, curves, provenance; and their safety when the disk is full."""

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
from train.run_folder import (
    BEST,
    CURVES,
    LAST,
    RUN,
    TABLE,
    collect_provenance,
    draw_history_curves,
    read_state,
    summarize,
    write_history_table,
    write_run_file,
)

HISTORY = [
    {"loss": 1.5, "accuracy": 0.3, "val_loss": 1.6, "val_accuracy": 0.25},
    {"loss": 1.1, "accuracy": 0.5, "val_loss": 1.4, "val_accuracy": 0.4},
]


def test_table_has_a_row_for_each_epoch(tmp_path):
    """`history.csv` has a row of metrics for each epoch, counted from 1."""
    write_history_table(tmp_path, HISTORY)
    with (tmp_path / TABLE).open() as table:
        rows = list(csv.DictReader(table))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["val_accuracy"]) == 0.4


def test_curves_are_an_image(tmp_path):
    """`curves.png` can be decoded and is not blank."""
    draw_history_curves(tmp_path, HISTORY)
    image = cv2.imread(str(tmp_path / CURVES))
    assert image.std() > 1


def test_curves_that_cannot_be_written_do_not_fail_the_run(tmp_path, caplog):
    """If `curves.png` cannot be written, a warning is logged and no error raised."""
    (tmp_path / CURVES).mkdir()
    (tmp_path / CURVES / "in the way").touch()
    draw_history_curves(tmp_path, HISTORY)
    assert "curves.png: expected space and permission to write" in caplog.text


def test_provenance_has_command_versions_and_data(face_data, monkeypatch):
    """Provenance has the command line, the versions of Python, packages and backend, and the faces by class."""
    monkeypatch.setattr("sys.argv", ["train", "--data", "my faces"])
    found = collect_provenance(face_data)
    assert shlex.split(found.command)[1:] == ["train", "--data", "my faces"]
    assert {"edge-emotion", "python", "keras", "numpy", found.backend} <= set(found.versions)
    assert "unknown" not in found.versions.values()
    assert found.data.counts["training"] == dict.fromkeys(face_data.labels, 12)


def test_one_pixel_changes_the_digest(face_data):
    """The digest of the data changes with a single pixel."""
    before = summarize(face_data)
    face_data.training.pixels[3, 4, 5] ^= 1
    try:
        assert summarize(face_data).sha256 != before.sha256
    finally:
        face_data.training.pixels[3, 4, 5] ^= 1
    assert summarize(face_data) == before


@contextmanager
def no_file_above(size):
    """Limit the size of this process' files to `size` bytes, to simulate a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("tiny_build", "eager")
def test_a_full_disk_ends_the_run_and_loses_no_finished_epoch(face_data, tmp_path, new_state, monkeypatch):
    """A disk that is full while the second epoch is saved raises an error and leaves the first epoch's files intact.

    The run can then be resumed to the result of an uninterrupted run.
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
    assert "run/last.keras: expected space and permission to write, found 'File too large'" in str(error.value)
    assert "then continue with --resume" in str(error.value)
    assert {path.name for path in run.iterdir()} == {BEST, LAST, RUN, TABLE}
    state = read_state(run)
    assert state.epochs_done == 1
    assert load_checkpoint(run / BEST).count_params() > 0
    assert fit(face_data, run, state).history == expected.history


def test_failed_write_leaves_the_old_file(tmp_path):
    """If the disk is full half-way through a write, the old content stays and the partial file is deleted."""
    path = tmp_path / "run.json"
    path.write_bytes(b"old")
    with pytest.raises(SinkError, match=r"run\.json: expected space"), no_file_above(1000):
        write_run_file(path, lambda temporary: temporary.write_bytes(b"x" * 5000))
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["run.json"]
