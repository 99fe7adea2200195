"""A tree of pictures as a data set."""

import logging
import shutil

import cv2
import numpy as np
import pytest

from edge.errors import MediaError
from edge.labels import CLASS_SETS, EMOTIONS
from train.dataset import read_dataset
from train.folders import list_tree, read_pictures


def write_pictures(folder, count, *, code, start=0):
    """Write pictures of one grey each, which tells the code."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(start, start + count):
        assert cv2.imwrite(str(folder / f"{number}.png"), np.full((60, 60), 30 * code + number, dtype=np.uint8))


@pytest.fixture
def tree(tmp_path):
    """Ten training and two test pictures of every class; each picture is one grey of its own."""
    root = tmp_path / "tree"
    for split, each in (("train", 10), ("test", 2)):
        for code, name in enumerate(EMOTIONS):
            write_pictures(root / split / name, each, code=code)
    return root


def splits_of(data):
    """The three splits."""
    return data.training, data.validation, data.test


def sizes_of(data):
    """How many faces of each class each split has; all classes alike."""
    counts = [split.counts().tolist() for split in splits_of(data)]
    assert all(len(set(count)) == 1 for count in counts)
    return [count[0] for count in counts]


def test_splits_labels_and_pixels(tree):
    """One picture in ten of each class is set aside for validation, and every face keeps its folder's label."""
    data = read_dataset(tree)
    assert sizes_of(data) == [9, 1, 2]
    assert data.training.pixels.shape == (63, 48, 48)
    for faces in splits_of(data):
        assert (faces.pixels[:, 0, 0] // 30 == faces.codes).all()
    assert data.name == "tree"


@pytest.mark.parametrize("name", ["validation", "val", "Valid"])
def test_a_validation_folder_is_the_validation_split(tree, name):
    """Then nothing is drawn from training."""
    for code, emotion in enumerate(EMOTIONS):
        write_pictures(tree / name / emotion, 3, code=code, start=20)
    data = read_dataset(tree)
    assert sizes_of(data) == [10, 3, 2]
    assert (data.validation.pixels[:, 0, 0] % 30 >= 20).all()


def test_the_only_folder_beside_training_is_the_test_split(tree):
    """Some sets call it validation; what nothing is chosen by is what they measure on."""
    (tree / "test").rename(tree / "validation")
    assert sizes_of(read_dataset(tree)) == [9, 1, 2]


def test_a_tree_without_splits_is_split(tree):
    """A fifth for test, then a tenth of the rest for validation, each class alike."""
    shutil.rmtree(tree / "test")
    data = read_dataset(tree / "train")
    assert data.test.counts().tolist() == [2] * 7
    assert (data.training.counts() + data.validation.counts()).tolist() == [8] * 7
    assert data.validation.counts().tolist() == [1] * 7
    greys = [set(faces.pixels[:, 0, 0].tolist()) for faces in splits_of(data)]
    assert len(greys[0] | greys[1] | greys[2]) == 70


def test_a_face_is_drawn_for_the_same_split_whatever_the_classes(tree):
    """Else five-class figures of a seven-class model would be taken on faces that it was trained on."""
    whole, chosen = read_dataset(tree), read_dataset(tree, labels=("sad", "angry"), merges={"disgust": "angry"})
    for all_faces, some in zip(splits_of(whole), splits_of(chosen), strict=True):
        assert {face.tobytes() for face in some.pixels} <= {face.tobytes() for face in all_faces.pixels}
    trained = {face.tobytes() for face in whole.training.pixels}
    assert not trained & {face.tobytes() for face in whole.validation.pixels}
    assert [face.tobytes() for face in read_dataset(tree).validation.pixels] == [
        face.tobytes() for face in whole.validation.pixels
    ]


def test_the_real_tree(datasets):
    """Kaggle's layout as it is: 280 pictures to train on, 84 to test on."""
    folder = datasets / "fer2013-folders"
    if not folder.is_dir():
        pytest.skip(f"no folder tree at {folder}")
    data = read_dataset(folder)
    assert len(data.training) + len(data.validation) == 280
    assert data.test.counts().tolist() == [12] * 7


@pytest.mark.parametrize("classes", [7, 6, 5])
def test_the_real_tree_without_splits(datasets, classes):
    """Its training folder alone, in every class set: 40 pictures a class, a fifth of them for test."""
    folder = datasets / "fer2013-folders" / "train"
    if not folder.is_dir():
        pytest.skip(f"no folder tree at {folder}")
    data = read_dataset(folder, labels=CLASS_SETS[classes])
    assert data.labels == CLASS_SETS[classes]
    assert data.test.counts().tolist() == [8] * classes
    assert len(data.training) + len(data.validation) == 32 * classes


@pytest.mark.parametrize("content", [b"", b"no picture", None], ids=["empty", "text", "cut short"])
def test_a_broken_picture_is_named_and_skipped(tree, caplog, content):
    """The others are read; the warning names the file, and the last one counts."""
    broken = tree / "train" / "fear" / "broken.jpg"
    if content is None:
        noise = np.random.default_rng(0).integers(0, 255, (48, 48)).astype(np.uint8)
        content = cv2.imencode(".jpg", noise)[1].tobytes()[:900]
    broken.write_bytes(content)
    for _ in ("decoded", "from the cache"):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            data = read_dataset(tree)
        assert "broken.jpg: not a picture that can be decoded: skipped" in caplog.text
        assert "1 of 85 faces are broken and left out" in caplog.text
        assert sizes_of(data) == [9, 1, 2]


def test_a_picture_that_went_is_a_broken_one(tree):
    """Gone or not permitted since it was listed: named like any other that cannot be read."""
    pictures = list_tree(tree)
    pictures[3][0].unlink()
    faces = read_pictures(pictures)
    assert faces.broken == (f"{pictures[3][0]}: not a picture that can be decoded",)
    assert faces.rows.tolist() == [0, 1, 2, *range(4, 84)]
    assert faces.codes.tolist() == [code for _, code, _ in pictures[:3] + pictures[4:]]


def test_a_tree_of_broken_pictures_is_refused(tree):
    """More than a few mean that the copy is bad."""
    for number in range(11):
        (tree / "train" / "fear" / f"broken{number}.jpg").write_bytes(b"")
    with pytest.raises(MediaError, match=r"found 11 of 95 broken: mend the set; .*broken0\.jpg"):
        read_dataset(tree)


def test_folders_may_be_spelt_otherwise(tree):
    """Two folders of the same emotion are one class; what programs leave behind does not count."""
    (tree / "train" / "happy").rename(tree / "train" / "HAPPINESS")
    (tree / "test").rename(tree / "Test")
    write_pictures(tree / "train" / "3_joy", 10, code=3, start=10)
    (tree / "train" / ".ipynb_checkpoints").mkdir()
    (tree / "train" / "__MACOSX").mkdir()
    data = read_dataset(tree)
    assert (data.training.counts() + data.validation.counts()).tolist() == [10, 10, 10, 20, 10, 10, 10]


@pytest.mark.parametrize("root", ["", "train"])
def test_a_folder_that_is_no_emotion_is_refused(tree, root):
    """A misspelt folder would silently lose a class."""
    (tree / "train" / "contempt").mkdir()
    with pytest.raises(MediaError, match=r"contempt: expected folders named angry, disgust"):
        read_dataset(tree / root)


def test_an_empty_class_is_refused(tree):
    """A class without a readable picture is named; without that class the tree will do."""
    for path in (tree / "test" / "sad").iterdir():
        path.unlink()
    with pytest.raises(MediaError, match="tree: expected faces of every class in test, found none of sad"):
        read_dataset(tree)
    assert len(read_dataset(tree, labels=("happy", "angry")).test) == 4


@pytest.mark.parametrize("missing", ["train", "test"])
def test_a_missing_split_is_refused(tree, missing):
    """Half a tree is more likely a mistake than a set to be split."""
    shutil.rmtree(tree / missing)
    with pytest.raises(MediaError, match="tree: expected train/ and test/, found only t"):
        read_dataset(tree)


def test_a_folder_without_faces_is_refused(tmp_path):
    """Neither a table, nor splits, nor emotions."""
    with pytest.raises(MediaError, match="expected folders named angry, disgust"):
        read_dataset(tmp_path)
    for name in EMOTIONS:
        (tmp_path / name).mkdir()
    with pytest.raises(MediaError, match="expected faces, found none"):
        read_dataset(tmp_path)


def test_votes_need_the_table(tree):
    """A tree of pictures has no votes; asking for them is an error, not a silent zero."""
    with pytest.raises(MediaError, match=r"expected FER\+ votes"):
        read_dataset(tree, votes_share=0.5)
