"""A tree of pictures as a data set."""

import logging

import cv2
import numpy as np
import pytest

from edge.errors import MediaError
from edge.labels import EMOTIONS
from train.dataset import read_dataset
from train.folders import read_folders


@pytest.fixture
def tree(tmp_path):
    """Ten training and two test pictures of every class; each picture is one grey of its own."""
    root = tmp_path / "tree"
    for split, each in (("train", 10), ("test", 2)):
        for code, name in enumerate(EMOTIONS):
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(each):
                picture = np.full((60, 60), 30 * code + number, dtype=np.uint8)
                assert cv2.imwrite(str(folder / f"{number}.png"), picture)
    return root


def test_splits_labels_and_pixels(tree):
    """One picture in ten of each class is set aside for validation, and every face keeps its folder's label."""
    data = read_folders(tree)
    assert data.training.counts().tolist() == [9] * 7
    assert data.validation.counts().tolist() == [1] * 7
    assert data.test.counts().tolist() == [2] * 7
    assert data.training.pixels.shape == (63, 48, 48)
    for faces in (data.training, data.validation, data.test):
        assert (faces.pixels[:, 0, 0] // 30 == faces.codes).all()


def test_the_validation_split_follows_from_the_seed(tree):
    """The same seed draws the same faces, another one others, and no face is in both splits."""
    first, again, other = (read_folders(tree, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.validation.pixels, again.validation.pixels)
    assert not np.array_equal(first.validation.pixels, other.validation.pixels)
    trained = {int(face[0, 0]) for face in first.training.pixels}
    assert not trained & {int(face[0, 0]) for face in first.validation.pixels}


def test_the_real_tree(datasets):
    """Kaggle's layout as it is: 280 pictures to train on, 84 to test on."""
    folder = datasets / "fer2013-folders"
    if not folder.is_dir():
        pytest.skip(f"no folder tree at {folder}")
    data = read_dataset(folder)
    assert len(data.training) + len(data.validation) == 280
    assert data.test.counts().tolist() == [12] * 7


@pytest.mark.parametrize("content", [b"", b"no picture", None], ids=["empty", "text", "cut short"])
def test_a_broken_picture_is_named_and_skipped(tree, caplog, content):
    """The others are read; the warning names the file."""
    broken = tree / "train" / "fear" / "broken.jpg"
    if content is None:
        noise = np.random.default_rng(0).integers(0, 255, (48, 48)).astype(np.uint8)
        content = cv2.imencode(".jpg", noise)[1].tobytes()[:900]
    broken.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        data = read_folders(tree)
    assert "broken.jpg: not a picture that can be decoded: skipped" in caplog.text
    assert len(data.training) + len(data.validation) == 70


def test_a_folder_that_is_no_emotion_is_refused(tree):
    """A misspelt folder would silently lose a class."""
    (tree / "train" / "anger").mkdir()
    with pytest.raises(MediaError, match=r"anger: expected folders named angry, disgust"):
        read_folders(tree)


def test_an_empty_class_is_refused(tree):
    """A class without a readable picture is named."""
    for path in (tree / "test" / "sad").iterdir():
        path.unlink()
    with pytest.raises(MediaError, match=r"test.sad: expected at least one readable picture"):
        read_folders(tree)


def test_a_missing_split_is_refused(tmp_path):
    """A folder without train/ is no such tree."""
    with pytest.raises(MediaError, match="train: expected a folder with one folder for each emotion"):
        read_dataset(tmp_path)


def test_votes_need_the_table(tree):
    """A tree of pictures has no votes; asking for them is an error, not a silent zero."""
    with pytest.raises(MediaError, match=r"votes go with fer2013\.csv"):
        read_dataset(tree, votes_share=0.5)
