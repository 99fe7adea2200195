"""FER+ votes beside a table: whose they are, and what they make of targets."""

import logging

import numpy as np
import pytest

from edge.errors import MediaError
from edge.labels import CLASS_SETS, EMOTIONS
from train.dataset import read_dataset
from train.faces import FACE_PX
from train.labelled import LabelledFaces
from train.layouts import open_source
from train.votes import VOTE_COLUMNS, read_votes

HALF = 0.5


@pytest.fixture
def write_votes(rows, tmp_path):
    """Write votes beside the table: four for each row's own label, but for the rows that are given."""

    def write(**changed):
        votes = np.eye(7, dtype=int)[[code for code, _, _ in rows]] * 4
        for number, row in changed.items():
            votes[int(number.removeprefix("row"))] = [row.get(name, 0) for name in EMOTIONS]
        lines = ["Usage,Image name," + ",".join(VOTE_COLUMNS[name] for name in EMOTIONS)]
        lines += [",".join([row[2], "x.png", *map(str, one)]) for row, one in zip(rows, votes, strict=True)]
        (tmp_path / "fer2013new.csv").write_text("\n".join(lines))

    return write


def test_votes_mix_into_training_targets_only(rows, write_table, write_votes):
    """A training target is the label and the share of votes, half and half; validation keeps the label."""
    write_votes(row0={"neutral": 3, "sad": 1}, row1={}, row14={"sad": 4})
    data = read_dataset(write_table(rows), votes_share=HALF)
    assert data.training.targets[0].tolist() == [0.5, 0, 0, 0, 0.125, 0, 0.375]
    assert data.training.targets[1].tolist() == [0, 1, 0, 0, 0, 0, 0], "nobody voted: the label stays"
    assert data.validation.targets[0].tolist() == [1, 0, 0, 0, 0, 0, 0]
    assert np.allclose(data.training.targets.sum(axis=1), 1)


def test_votes_follow_the_classes(rows, write_table, write_votes):
    """Votes for a dropped class are left out and the others shared anew; merged votes count for the class they join."""
    write_votes(row0={"angry": 1, "disgust": 1, "fear": 2})
    path = write_table(rows)
    dropped = read_dataset(path, labels=CLASS_SETS[5], votes_share=1.0)
    assert dropped.training.targets[0].tolist() == [1, 0, 0, 0, 0]
    merged = read_dataset(path, labels=CLASS_SETS[5], merges={"disgust": "angry", "fear": "surprise"}, votes_share=1.0)
    assert merged.training.targets[0].tolist() == [0.5, 0, 0, 0.5, 0]
    assert merged.training.counts().tolist() == [4, 2, 2, 4, 2]


def test_a_broken_row_keeps_the_votes_in_step(rows, write_table, write_votes):
    """The votes of a row that is skipped are skipped with it."""
    write_votes(row1={"sad": 4}, row2={"neutral": 4})
    rows[1] = (1, "1 2", "Training")
    data = read_dataset(write_table(rows), votes_share=1.0)
    assert data.training.codes[:3].tolist() == [0, EMOTIONS.index("neutral"), 3]


def test_a_table_of_training_alone_goes_with_the_first_votes(rows, tmp_path, write_votes):
    """Kaggle's train.csv has no other rows, and the votes of the others are passed over."""
    write_votes(row0={"sad": 4})
    training = [f"{code},{pixels}" for code, pixels, usage in rows if usage == "Training"]
    (tmp_path / "train.csv").write_text("\n".join(["emotion,pixels", *training]))
    source = open_source(tmp_path, votes=True, cache=False)
    assert source.votes.argmax(axis=1).tolist() == [4, *source.faces.codes[1:].tolist()]


def test_votes_of_another_table_are_refused(rows, write_table, write_votes):
    """Votes with another number of rows cannot belong to the table; nor can those that contradict most labels."""
    write_votes()
    with pytest.raises(MediaError, match="expected 41 rows as in the table beside it, found 42"):
        read_dataset(write_table(rows[:-1]), votes_share=HALF)
    moved = [((code + 1) % 7, pixels, usage) for code, pixels, usage in rows]
    with pytest.raises(MediaError, match="they agree with 0% of its labels"):
        read_dataset(write_table(moved), votes_share=HALF)


def test_votes_that_are_not_there_are_an_error(rows, write_table):
    """Asking for votes that no set has is no silent nought."""
    with pytest.raises(MediaError, match=r"expected FER\+ votes \(fer2013new\.csv\) beside a table"):
        read_dataset(write_table(rows), votes_share=HALF)


def codes_of(labels):
    """A table's faces with these codes; the pixels do not matter here."""
    count = len(labels)
    faces = np.zeros((count, FACE_PX, FACE_PX), dtype=np.uint8)
    return LabelledFaces(faces, labels, np.zeros(count, dtype=np.int64), np.arange(count), ())


def test_the_real_votes(datasets, caplog):
    """The real votes go with the real labels of Training, and with no other order of them."""
    folder = datasets / "fer2013"
    if not (folder / "fer2013new.csv").is_file():
        pytest.skip(f"FER+ is not at {folder}")
    with caplog.at_level(logging.ERROR):
        table = open_source(folder, votes=True, cache=True)
    labels = table.faces.codes[table.faces.splits == 0]
    votes = read_votes(folder / "fer2013new.csv", codes_of(labels))
    assert np.array_equal(votes, table.votes[: len(labels)])
    assert votes[0].tolist() == [3, 2, 0, 0, 1, 0, 4]
    with pytest.raises(MediaError, match="they agree with 18% of its labels"):
        read_votes(folder / "fer2013new.csv", codes_of(np.roll(labels, 1)))
