"""FER+ votes: they are matched to the rows of a table, and mixed into training targets."""

import logging

import numpy as np
import pytest

from edge.errors import MediaError
from edge.labels import CLASS_SETS, EMOTIONS
from train.data.dataset import read_dataset
from train.data.faces import FACE_PX
from train.data.ferplus import VOTE_COLUMNS, read_votes
from train.data.formats import read_raw_dataset
from train.data.raw import RawFaces

HALF = 0.5


@pytest.fixture
def write_votes(rows, tmp_path):
    """Write `fer2013new.csv`: four votes for each row's label, except for the rows given as arguments."""

    def write(**changed):
        votes = np.eye(7, dtype=int)[[code for code, _, _ in rows]] * 4
        for number, row in changed.items():
            votes[int(number.removeprefix("row"))] = [row.get(name, 0) for name in EMOTIONS]
        lines = ["Usage,Image name," + ",".join(VOTE_COLUMNS[name] for name in EMOTIONS)]
        lines += [",".join([row[2], "x.png", *map(str, one)]) for row, one in zip(rows, votes, strict=True)]
        (tmp_path / "fer2013new.csv").write_text("\n".join(lines))

    return write


def test_votes_mix_into_training_targets_only(rows, write_table, write_votes):
    """With a share of a half, training targets average label and votes; validation targets stay labels."""
    write_votes(row0={"neutral": 3, "sad": 1}, row1={}, row14={"sad": 4})
    data = read_dataset(write_table(rows), votes_share=HALF)
    assert data.training.targets[0].tolist() == [0.5, 0, 0, 0, 0.125, 0, 0.375]
    assert data.training.targets[1].tolist() == [0, 1, 0, 0, 0, 0, 0], "without votes the label stays"
    assert data.validation.targets[0].tolist() == [1, 0, 0, 0, 0, 0, 0]
    assert np.allclose(data.training.targets.sum(axis=1), 1)


def test_votes_follow_the_classes(rows, write_table, write_votes):
    """Votes for a dropped class are removed, the rest is renormalized, and votes for a merged class join its target."""
    write_votes(row0={"angry": 1, "disgust": 1, "fear": 2})
    path = write_table(rows)
    dropped = read_dataset(path, labels=CLASS_SETS[5], votes_share=1.0)
    assert dropped.training.targets[0].tolist() == [1, 0, 0, 0, 0]
    merged = read_dataset(path, labels=CLASS_SETS[5], merges={"disgust": "angry", "fear": "surprise"}, votes_share=1.0)
    assert merged.training.targets[0].tolist() == [0.5, 0, 0, 0.5, 0]
    assert merged.training.counts().tolist() == [4, 2, 2, 4, 2]


def test_broken_row_keeps_the_votes_aligned(rows, write_table, write_votes):
    """The votes of a skipped row are skipped with it."""
    write_votes(row1={"sad": 4}, row2={"neutral": 4})
    rows[1] = (1, "1 2", "Training")
    data = read_dataset(write_table(rows), votes_share=1.0)
    assert data.training.codes[:3].tolist() == [0, EMOTIONS.index("neutral"), 3]


def test_table_of_training_alone_matches_the_training_votes(rows, tmp_path, write_votes):
    """For Kaggle's train.csv the votes of the other splits are ignored."""
    write_votes(row0={"sad": 4})
    training = [f"{code},{pixels}" for code, pixels, usage in rows if usage == "Training"]
    (tmp_path / "train.csv").write_text("\n".join(["emotion,pixels", *training]))
    source = read_raw_dataset(tmp_path, votes=True, cache=False)
    assert source.votes.argmax(axis=1).tolist() == [4, *source.faces.codes[1:].tolist()]


def test_votes_of_another_table_are_refused(rows, write_table, write_votes):
    """Votes with another number of rows, or that contradict most labels, raise an error."""
    write_votes()
    with pytest.raises(MediaError, match="expected 41 rows as in the table next to it, found 42"):
        read_dataset(write_table(rows[:-1]), votes_share=HALF)
    moved = [((code + 1) % 7, pixels, usage) for code, pixels, usage in rows]
    with pytest.raises(MediaError, match="they agree with 0% of its labels"):
        read_dataset(write_table(moved), votes_share=HALF)


def test_missing_votes_are_an_error(rows, write_table):
    """A share of votes without a file of votes raises an error instead of being ignored."""
    with pytest.raises(MediaError, match=r"expected FER\+ votes \(fer2013new\.csv\) next to a table"):
        read_dataset(write_table(rows), votes_share=HALF)


def codes_of(labels):
    """Return black faces with these emotion codes."""
    count = len(labels)
    faces = np.zeros((count, FACE_PX, FACE_PX), dtype=np.uint8)
    return RawFaces(faces, labels, np.zeros(count, dtype=np.int64), np.arange(count), ())


def test_real_votes(fer2013, caplog):
    """The published votes match the labels of FER2013's Training, and are refused if the rows are shifted by one."""
    if not (fer2013 / "fer2013new.csv").is_file():
        pytest.skip(f"FER+ is not at {fer2013}")
    with caplog.at_level(logging.ERROR):
        table = read_raw_dataset(fer2013, votes=True, cache=True)
    labels = table.faces.codes[table.faces.splits == 0]
    votes = read_votes(fer2013 / "fer2013new.csv", codes_of(labels))
    assert np.array_equal(votes, table.votes[: len(labels)])
    assert votes[0].tolist() == [3, 2, 0, 0, 1, 0, 4]
    with pytest.raises(MediaError, match="they agree with 18% of its labels"):
        read_votes(fer2013 / "fer2013new.csv", codes_of(np.roll(labels, 1)))
