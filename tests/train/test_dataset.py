"""Several sets as one, merged classes, and splits drawn anew."""

import cv2
import numpy as np
import pytest

from edge.errors import ConfigError
from edge.labels import CLASS_SETS, EMOTIONS
from train.cache import FOLDER_VARIABLE
from train.dataset import read_dataset
from train.votes import VOTE_COLUMNS


@pytest.fixture
def tree(tmp_path):
    """Ten black pictures of every class."""
    for name in EMOTIONS:
        (tmp_path / "tree" / name).mkdir(parents=True)
        for number in range(10):
            assert cv2.imwrite(str(tmp_path / "tree" / name / f"{number}.png"), np.zeros((48, 48), dtype=np.uint8))
    return tmp_path / "tree"


def black(faces):
    """How many of the faces come from the tree."""
    return int((~faces.pixels.any(axis=(1, 2))).sum())


def test_sets_are_joined_split_by_split(rows, write_table, tree):
    """Each set's test faces become test faces, and so on; the class set holds for all."""
    table = write_table(rows)
    data = read_dataset([table, tree], labels=CLASS_SETS[5])
    assert [len(faces) for faces in (data.training, data.validation, data.test)] == [10 + 35, 10 + 5, 10 + 10]
    assert [black(faces) for faces in (data.training, data.validation, data.test)] == [35, 5, 10]
    assert data.name == "FER2013 + tree"
    assert data.split_names == ("training", "validation", "test")
    assert read_dataset([table]).split_names == read_dataset(table).split_names


def test_a_set_may_lack_what_another_has(rows, write_table, tree):
    """An empty class is empty in all sets together."""
    for path in (tree / "sad").iterdir():
        path.unlink()
    assert read_dataset([write_table(rows), tree]).test.counts().tolist() == [4, 4, 4, 4, 2, 4, 4]


def test_votes_count_where_a_set_has_them(rows, write_table, tmp_path, tree):
    """The other set's faces keep their labels."""
    lines = ["Usage," + ",".join(VOTE_COLUMNS[name] for name in EMOTIONS)]
    lines += [f"{usage}," + ",".join("3" if one == code else "1" for one in range(7)) for code, _, usage in rows]
    (tmp_path / "fer2013new.csv").write_text("\n".join(lines))
    data = read_dataset([write_table(rows), tree], votes_share=1.0)
    assert data.training.targets[:14].max() == pytest.approx(3 / 9)
    assert np.isin(data.training.targets[14:], (0, 1)).all()


@pytest.mark.parametrize("paths", [[], ["tree", "tree/../tree"]])
def test_each_set_is_given_once(tree, paths):
    """A set that is joined with itself would be its own test; no set is no data."""
    with pytest.raises(ConfigError, match="expected"):
        read_dataset([tree.parent / path for path in paths])


def test_merged_faces_count_for_their_new_class(rows, write_table):
    """In all splits; the name says so, since the figures are others."""
    data = read_dataset(write_table(rows), labels=("happy", "angry"), merges={"disgust": "angry"})
    for faces in (data.training, data.validation, data.test):
        assert faces.counts().tolist() == [2, 4]
    assert data.name == "FER2013 (disgust as angry)"


def test_pooling_draws_all_splits_anew(rows, write_table):
    """Faces of the official test split may be trained on; the sizes are those of a set without splits."""
    path = write_table(rows)
    official, pooled = read_dataset(path), read_dataset(path, pooled=True)
    assert [len(faces) for faces in (pooled.training, pooled.validation, pooled.test)] == [27, 7, 8]
    held_out = {face.tobytes() for face in official.test.pixels}
    assert any(face.tobytes() in held_out for face in pooled.training.pixels)
    assert pooled.split_names == ("training", "validation", "test")


def test_the_cache_can_be_left_out(tree, tmp_path, monkeypatch):
    """Then nothing is kept, and nothing that was kept is used."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))
    read_dataset(tree, cache=False)
    assert not (tmp_path / "cache").exists()
    read_dataset(tree)
    assert len(list((tmp_path / "cache").iterdir())) == 1
