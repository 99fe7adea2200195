"""Face sets (`.npz`): reading, refusing damaged ones, and joining them with other data sets."""

import numpy as np
import pytest

from edge.errors import ConfigError, MediaError
from edge.labels import EMOTIONS
from train.data.dataset import read_dataset, read_fold
from train.data.face_file import read_face_file
from train.data.ferplus import VOTE_COLUMNS
from train.data.summary import summary_lines


def write_faces(path, **changed):
    """Write a face set of 72x72 px: in each fold four faces of every emotion, each of a uniform gray."""
    codes = np.tile(np.arange(7), 12)
    grays = np.arange(len(codes), dtype=np.uint8) + 100
    arrays = {
        "faces": np.broadcast_to(grays[:, None, None], (len(codes), 72, 72)).copy(),
        "label": codes,
        "fold": np.repeat([0, 1, 2], 28),
    }
    arrays.update(changed)
    np.savez_compressed(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


def test_folds_are_the_splits_and_margins_stay(tmp_path):
    """Folds 0, 1 and 2 are training, validation and test; the faces keep their margin, and `pixels` is their middle."""
    data = read_dataset(write_faces(tmp_path / "own.npz"))
    assert [len(split) for split in (data.training, data.validation, data.test)] == [28, 28, 28]
    assert data.training.wide.shape == (28, 72, 72)
    assert data.training.pixels.shape == (28, 48, 48)
    assert data.validation.pixels[:, 0, 0].tolist() == list(range(128, 156))
    assert data.name == "own"


def test_set_without_folds_is_divided_like_other_sets(tmp_path):
    """Without the array `fold`, test and validation faces are drawn from all faces."""
    data = read_dataset(write_faces(tmp_path / "own.npz", fold=None))
    assert [len(split) for split in (data.training, data.validation, data.test)] == [61, 7, 16]


def test_set_with_two_folds_adds_nothing_to_the_test_split(tmp_path, rows, write_table):
    """A face set with folds 0 and 1 keeps all faces of fold 0 for training; the test split is the other set's."""
    own = write_faces(tmp_path / "own.npz", fold=np.repeat([0, 1], 42))
    data = read_dataset([write_table(rows), own])
    assert [len(split) for split in (data.training, data.validation, data.test)] == [14 + 42, 14 + 42, 14]


def test_set_with_two_folds_is_enough_for_training(tmp_path):
    """A face set with folds 0 and 1 alone has an empty test split, which is refused only when it is measured."""
    data = read_dataset(write_faces(tmp_path / "own.npz", fold=np.repeat([0, 1], 42)))
    assert [len(split) for split in (data.training, data.validation, data.test)] == [42, 42, 0]
    assert data.default_split == "validation"
    assert "all               42" in "\n".join(summary_lines(data))
    with pytest.raises(MediaError, match="own: expected a test split, found none: measure --split validation"):
        data.held_out("test")


def test_fold_has_the_faces_of_the_classes(tmp_path):
    """`read_fold` returns the faces of one fold, with targets in the order of the given classes."""
    path = write_faces(tmp_path / "own.npz")
    faces = read_fold(path, labels=("sad", "happy"), fold=1)
    assert faces.pixels.shape == (8, 48, 48)
    assert faces.counts().tolist() == [4, 4]
    assert faces.pixels[faces.codes == 1][0, 0, 0] == 100 + 28 + EMOTIONS.index("happy")
    with pytest.raises(MediaError, match=r"found none; the set has the folds 0, 1: choose another --fold"):
        read_fold(write_faces(tmp_path / "two.npz", fold=np.repeat([0, 1], 42)), labels=EMOTIONS, fold=2)


def test_narrower_faces_get_a_margin_of_their_edge(tmp_path, rows, write_table):
    """Joined with a face set, faces of FER2013 get the same margin, which repeats their outermost pixels."""
    alone = read_dataset(write_table(rows)).training
    joined = read_dataset([write_table(rows), write_faces(tmp_path / "own.npz")]).training
    assert joined.wide.shape == (14 + 28, 72, 72)
    assert np.array_equal(joined.pixels[:14], alone.pixels)
    assert np.array_equal(joined.wide[:14, 0, 12:60], alone.pixels[:, 0])


def test_shares_and_balance_weigh_the_faces(tmp_path, rows, write_table):
    """`shares` divides an epoch between the sets, `balance` divides a set's share between its classes."""
    codes = np.array([0] * 12 + [3] * 48 + [0, 1, 2, 3, 4, 5, 6])
    own = write_faces(
        tmp_path / "own.npz",
        faces=np.zeros((len(codes), 48, 48), dtype=np.uint8),
        label=codes,
        fold=np.repeat([0, 1], [60, 7]),
    )
    training = read_dataset([write_table(rows), own], shares=(0.75, 0.25), balance=(0.0, 0.5)).training
    weights = training.weights / training.weights.sum()
    assert weights[:14] == pytest.approx(0.75 / 14)
    assert weights[14:26].sum() == pytest.approx(0.25 * 1 / 3), "12 ** 0.5 of 12 ** 0.5 + 48 ** 0.5"
    assert weights[26:].sum() == pytest.approx(0.25 * 2 / 3)
    assert training.weights.mean() == pytest.approx(1.0)
    assert training.class_shares()[0] == pytest.approx(0.75 / 7 + 0.25 / 3, rel=1e-6)


def test_without_shares_and_balance_no_face_weighs_more(tmp_path, rows, write_table):
    """By default every face is shown once an epoch."""
    assert read_dataset([write_table(rows), write_faces(tmp_path / "own.npz")]).training.weights is None


@pytest.mark.parametrize("option", ["shares", "balance"])
def test_numbers_must_match_the_data_sets(tmp_path, rows, write_table, option):
    """One share or balance for two data sets is refused."""
    sets = [write_table(rows), write_faces(tmp_path / "own.npz")]
    with pytest.raises(ConfigError, match=f"--{option}: expected a number for each of the 2 data sets, found 1"):
        read_dataset(sets, **{option: (0.5,)})


def test_validation_by_votes_keeps_majorities(tmp_path, rows, write_table):
    """With `choose_by_votes`, validation has the faces with a majority of votes, by that class; test keeps labels."""
    lines = ["Usage," + ",".join(VOTE_COLUMNS[name] for name in EMOTIONS)]
    for number, (code, _, usage) in enumerate(rows):
        majority = 6 if usage == "PublicTest" and number % 2 else 5
        voted = 5 if usage == "PublicTest" else code  # all of validation looks surprised
        lines.append(f"{usage}," + ",".join(str(majority if one == voted else 0) for one in range(7)))
    (tmp_path / "fer2013new.csv").write_text("\n".join(lines))
    with pytest.raises(MediaError, match="found none of angry"):
        read_dataset(write_table(rows), choose_by_votes=True)
    data = read_dataset([write_table(rows), write_faces(tmp_path / "own.npz")], choose_by_votes=True)
    assert len(data.validation) == 7 + 28
    assert set(data.validation.codes[:7]) == {5}
    assert data.split_names == ("training", "validation by majority of votes", "test")
    assert len(data.test) == 14 + 28


DAMAGED = {
    "no faces": ({"faces": None}, "expected a face set"),
    "float faces": ({"faces": np.zeros((84, 72, 72))}, r"expected faces as \(N, S, S\) uint8"),
    "color faces": ({"faces": np.zeros((84, 72, 72, 3), dtype=np.uint8)}, r"expected faces as \(N, S, S\) uint8"),
    "small faces": ({"faces": np.zeros((84, 40, 40), dtype=np.uint8)}, "even side from 48"),
    "odd side": ({"faces": np.zeros((84, 49, 49), dtype=np.uint8)}, "even side from 48"),
    "fewer labels": ({"label": np.zeros(83, dtype=np.int64)}, r"expected label as \(84,\) integers"),
    "label out of range": ({"label": np.full(84, 7)}, "expected label from 0 to 6"),
    "negative fold": ({"fold": np.full(84, -1)}, "expected fold from 0 to 2"),
    "object labels": ({"label": np.array(["happy"] * 84, dtype=object)}, "expected a face set"),
}


@pytest.mark.parametrize(("changed", "message"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_set_is_refused(tmp_path, changed, message):
    """Arrays that are missing or have another shape, type or range are refused in one line."""
    with pytest.raises(MediaError, match=message):
        read_face_file(write_faces(tmp_path / "own.npz", **changed))


def test_file_that_is_no_archive_is_refused(tmp_path):
    """A file that is no .npz, and a missing one, are refused in one line."""
    (tmp_path / "own.npz").write_bytes(b"no archive")
    for name in ("own.npz", "missing.npz"):
        with pytest.raises(MediaError, match="expected a face set"):
            read_face_file(tmp_path / name)


def test_set_that_would_take_too_much_memory_is_refused(tmp_path, monkeypatch):
    """The arrays' sizes are checked before they are decompressed."""
    monkeypatch.setattr("train.data.face_file.MAX_FACES", 100)
    with pytest.raises(MediaError, match=r"expected a face set .*, found arrays of 0\.0 GB, more than 0\.0 GB"):
        read_face_file(write_faces(tmp_path / "own.npz"))
