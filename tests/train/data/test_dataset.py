"""`read_dataset`: joins several data sets, merges classes, and redraws splits."""

import cv2
import numpy as np
import pytest

from edge.errors import ConfigError
from edge.labels import CLASS_SETS, EMOTIONS
from train.data.cache import FOLDER_VARIABLE
from train.data.dataset import read_dataset
from train.data.ferplus import VOTE_COLUMNS


@pytest.fixture
def tree(tmp_path):
    """A folder tree with ten black images of every class."""
    for name in EMOTIONS:
        (tmp_path / "tree" / name).mkdir(parents=True)
        for number in range(10):
            assert cv2.imwrite(str(tmp_path / "tree" / name / f"{number}.png"), np.zeros((48, 48), dtype=np.uint8))
    return tmp_path / "tree"


def black(faces):
    """Count the faces that come from the tree of black images."""
    return int((~faces.pixels.any(axis=(1, 2))).sum())


def test_sets_are_joined_split_by_split(rows, write_table, tree):
    """Each split is joined with the same split of the other set, for the chosen classes of both."""
    table = write_table(rows)
    data = read_dataset([table, tree], labels=CLASS_SETS[5])
    assert [len(faces) for faces in (data.training, data.validation, data.test)] == [10 + 35, 10 + 5, 10 + 10]
    assert [black(faces) for faces in (data.training, data.validation, data.test)] == [35, 5, 10]
    assert data.name == "FER2013 + tree"
    assert data.split_names == ("training", "validation", "test")
    assert read_dataset([table]).split_names == read_dataset(table).split_names


def test_set_may_lack_a_class_that_another_has(rows, write_table, tree):
    """A class must have faces in the joined data, not in each data set."""
    for path in (tree / "sad").iterdir():
        path.unlink()
    assert read_dataset([write_table(rows), tree]).test.counts().tolist() == [4, 4, 4, 4, 2, 4, 4]


def test_votes_apply_only_to_the_set_that_has_them(rows, write_table, tmp_path, tree):
    """Faces of a data set without FER+ votes keep their labels as targets."""
    lines = ["Usage," + ",".join(VOTE_COLUMNS[name] for name in EMOTIONS)]
    lines += [f"{usage}," + ",".join("3" if one == code else "1" for one in range(7)) for code, _, usage in rows]
    (tmp_path / "fer2013new.csv").write_text("\n".join(lines))
    data = read_dataset([write_table(rows), tree], votes_share=1.0)
    assert data.training.targets[:14].max() == pytest.approx(3 / 9)
    assert np.isin(data.training.targets[14:], (0, 1)).all()


@pytest.mark.parametrize("paths", [[], ["tree", "tree/../tree"]])
def test_no_data_set_and_a_repeated_one_are_refused(tree, paths):
    """An empty list of data sets is refused, and so is the same set under two paths, which would leak into its test."""
    with pytest.raises(ConfigError, match="expected"):
        read_dataset([tree.parent / path for path in paths])


def test_merged_faces_count_for_their_new_class(rows, write_table):
    """Merged faces join their new class in all splits, and the data's name records the merge."""
    data = read_dataset(write_table(rows), labels=("happy", "angry"), merges={"disgust": "angry"})
    for faces in (data.training, data.validation, data.test):
        assert faces.counts().tolist() == [2, 4]
    assert data.name == "FER2013 (disgust as angry)"


def test_pooling_redraws_all_splits(rows, write_table):
    """With `pooled`, sizes are those of a set without splits, and official test faces may become training faces."""
    path = write_table(rows)
    official, pooled = read_dataset(path), read_dataset(path, pooled=True)
    assert [len(faces) for faces in (pooled.training, pooled.validation, pooled.test)] == [27, 7, 8]
    held_out = {face.tobytes() for face in official.test.pixels}
    assert any(face.tobytes() in held_out for face in pooled.training.pixels)
    assert pooled.split_names == ("training", "validation", "test")


def test_cache_is_optional(tree, tmp_path, monkeypatch):
    """`cache=False` stores no decoded faces."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))
    read_dataset(tree, cache=False)
    assert not (tmp_path / "cache").exists()
    read_dataset(tree)
    assert len(list((tmp_path / "cache").iterdir())) == 1
