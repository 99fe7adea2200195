"""Trees of images by emotion, read as data sets."""

import logging
import os
import re
import shutil
import signal

import cv2
import numpy as np
import pytest

from edge.errors import MediaError
from edge.labels import CLASS_SETS, EMOTIONS
from edge.sources.decoder_process import DecoderProcess
from train.data.classes import parse_merges
from train.data.dataset import read_dataset
from train.data.folders import list_tree, read_images


def write_images(folder, count, *, code, start=0):
    """Write images of a single gray, from which the emotion code can be computed."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(start, start + count):
        assert cv2.imwrite(str(folder / f"{number}.png"), np.full((60, 60), 30 * code + number, dtype=np.uint8))


@pytest.fixture
def tree(tmp_path):
    """A tree with ten training and two test images of every class, each of another gray."""
    root = tmp_path / "tree"
    for split, each in (("train", 10), ("test", 2)):
        for code, name in enumerate(EMOTIONS):
            write_images(root / split / name, each, code=code)
    return root


def splits_of(data):
    """Return the three splits."""
    return data.training, data.validation, data.test


def sizes_of(data):
    """Return the faces per class in each split; all classes must have as many."""
    counts = [split.counts().tolist() for split in splits_of(data)]
    assert all(len(set(count)) == 1 for count in counts)
    return [count[0] for count in counts]


def test_splits_labels_and_pixels(tree):
    """A tenth of the training images of each class becomes validation, and every face has its folder's label."""
    data = read_dataset(tree)
    assert sizes_of(data) == [9, 1, 2]
    assert data.training.pixels.shape == (63, 48, 48)
    for faces in splits_of(data):
        assert (faces.pixels[:, 0, 0] // 30 == faces.codes).all()
    assert data.name == "tree"


@pytest.mark.parametrize("name", ["validation", "val", "Valid"])
def test_validation_folder_is_the_validation_split(tree, name):
    """If the tree has a validation folder, no validation faces are drawn from training."""
    for code, emotion in enumerate(EMOTIONS):
        write_images(tree / name / emotion, 3, code=code, start=20)
    data = read_dataset(tree)
    assert sizes_of(data) == [10, 3, 2]
    assert (data.validation.pixels[:, 0, 0] % 30 >= 20).all()
    assert data.default_split == "validation"


def test_only_held_out_folder_is_the_test_split(tree):
    """`validation/` is the test split if there is no `test/`."""
    (tree / "test").rename(tree / "validation")
    data = read_dataset(tree)
    assert sizes_of(data) == [9, 1, 2]
    assert data.default_split == "test"
    assert read_dataset(tree, pooled=True).default_split == "validation", "redrawn splits are not the tree's own"


def test_tree_without_splits_is_split(tree):
    """From each class of a tree without splits a fifth is drawn for test, then a tenth for validation."""
    shutil.rmtree(tree / "test")
    data = read_dataset(tree / "train")
    assert data.test.counts().tolist() == [2] * 7
    assert (data.training.counts() + data.validation.counts()).tolist() == [8] * 7
    assert data.validation.counts().tolist() == [1] * 7
    grays = [set(faces.pixels[:, 0, 0].tolist()) for faces in splits_of(data)]
    assert len(grays[0] | grays[1] | grays[2]) == 70


def test_face_is_drawn_for_the_same_split_whatever_the_classes(tree):
    """A drawn split does not depend on the chosen classes, so that a model is never measured on its training faces."""
    whole, chosen = read_dataset(tree), read_dataset(tree, labels=("sad", "angry"), merges={"disgust": "angry"})
    for all_faces, some in zip(splits_of(whole), splits_of(chosen), strict=True):
        assert {face.tobytes() for face in some.pixels} <= {face.tobytes() for face in all_faces.pixels}
    trained = {face.tobytes() for face in whole.training.pixels}
    assert not trained & {face.tobytes() for face in whole.validation.pixels}
    assert [face.tobytes() for face in read_dataset(tree).validation.pixels] == [
        face.tobytes() for face in whole.validation.pixels
    ]


def test_real_tree(datasets):
    """A real tree in Kaggle's layout has 280 training and 84 test images."""
    folder = datasets / "fer2013-folders"
    if not folder.is_dir():
        pytest.skip(f"no folder tree at {folder}")
    data = read_dataset(folder)
    assert len(data.training) + len(data.validation) == 280
    assert data.test.counts().tolist() == [12] * 7


@pytest.mark.parametrize("classes", [7, 6, 5])
def test_real_tree_without_splits(datasets, classes):
    """The training folder of a real tree is split by itself: a fifth of its 40 images per class for test."""
    folder = datasets / "fer2013-folders" / "train"
    if not folder.is_dir():
        pytest.skip(f"no folder tree at {folder}")
    data = read_dataset(folder, labels=CLASS_SETS[classes])
    assert data.labels == CLASS_SETS[classes]
    assert data.test.counts().tolist() == [8] * classes
    assert len(data.training) + len(data.validation) == 32 * classes


@pytest.mark.parametrize("content", [b"", b"no image", None], ids=["empty", "text", "cut short"])
def test_broken_image_is_reported_and_skipped(tree, caplog, content):
    """An image that cannot be decoded is skipped with a warning, whether the faces are decoded or cached."""
    broken = tree / "train" / "fear" / "broken.jpg"
    if content is None:
        noise = np.random.default_rng(0).integers(0, 255, (48, 48)).astype(np.uint8)
        content = cv2.imencode(".jpg", noise)[1].tobytes()[:900]
    broken.write_bytes(content)
    for _ in ("decoded", "from the cache"):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            data = read_dataset(tree)
        assert "broken.jpg: expected an image, found " in caplog.text
        assert "skipped 1 broken of 85 faces" in caplog.text
        assert sizes_of(data) == [9, 1, 2]


def test_what_the_decoder_prints_is_one_counted_line(tree, caplog, capfd):
    """Stray bytes in many JPEGs are reported once for all of them, and libjpeg's own lines reach no terminal."""
    whole = cv2.imencode(".jpg", np.full((48, 48, 3), 90, np.uint8), [cv2.IMWRITE_JPEG_RST_INTERVAL, 1])[1].tobytes()
    for number in range(20):
        noisy = re.sub(rb"(\xff[\xd0-\xd7])", rb"\0\0\1", whole)
        (tree / "train" / "fear" / f"noisy{number}.jpg").write_bytes(noisy)
    data = read_dataset(tree, cache=False)
    assert len(data.training) + len(data.validation) == 90
    first, rest = caplog.messages
    assert "noisy0.jpg: the decoder reports: Corrupt JPEG data" in first
    assert re.search(r"\(and \d+ more messages\)$", rest)
    assert capfd.readouterr().err == ""


def test_an_image_that_makes_the_decoder_crash_is_a_broken_one(tree, monkeypatch):
    """The process that decodes ends, not the training, and the next image gets a new one."""
    images = list_tree(tree)
    decode = DecoderProcess.decode_picture

    def crash_once(process, file, *, color):
        if file.name == str(images[3][0]):
            os.kill(process._process.pid, signal.SIGSEGV)
        return decode(process, file, color=color)

    monkeypatch.setattr(DecoderProcess, "decode_picture", crash_once)
    faces = read_images(images)
    assert faces.broken == (f"{images[3][0]}: expected an image, found the decoder has crashed (SIGSEGV)",)
    assert faces.rows.tolist() == [0, 1, 2, *range(4, 84)]


def test_image_that_vanished_is_a_broken_one(tree):
    """An image deleted after it was listed is reported like one that cannot be decoded."""
    images = list_tree(tree)
    images[3][0].unlink()
    faces = read_images(images)
    assert faces.broken == (f"{images[3][0]}: expected a readable image, found: No such file or directory",)
    assert faces.rows.tolist() == [0, 1, 2, *range(4, 84)]
    assert faces.codes.tolist() == [code for _, code, _ in images[:3] + images[4:]]


def test_tree_of_broken_pictures_is_refused(tree):
    """More than a few broken images raise an error, since the whole copy is probably bad."""
    for number in range(11):
        (tree / "train" / "fear" / f"broken{number}.jpg").write_bytes(b"")
    with pytest.raises(MediaError, match=r"found 11 of 95 broken: repair the set; .*broken0\.jpg"):
        read_dataset(tree)


def test_folder_names_may_be_spelled_differently(tree):
    """Two folders of one emotion form one class, and folders that programs leave behind are ignored."""
    (tree / "train" / "happy").rename(tree / "train" / "HAPPINESS")
    (tree / "test").rename(tree / "Test")
    write_images(tree / "train" / "3_joy", 10, code=3, start=10)
    (tree / "train" / ".ipynb_checkpoints").mkdir()
    (tree / "train" / "__MACOSX").mkdir()
    data = read_dataset(tree)
    assert (data.training.counts() + data.validation.counts()).tolist() == [10, 10, 10, 20, 10, 10, 10]


@pytest.mark.parametrize("root", ["", "train"])
@pytest.mark.parametrize("name", ["contempt", "7_Contempt", "confused", "other"])
def test_another_emotion_is_left_out_with_a_count(tree, caplog, root, name):
    """A folder of an emotion that is none of ours is named, counted and left out, as in CK+ and AffectNet."""
    before = read_dataset(tree / root, cache=False)
    shutil.copytree(tree / "train" / "sad", tree / "train" / name)
    after = read_dataset(tree / root, cache=False)
    assert np.array_equal(before.training.pixels, after.training.pixels)
    (warning,) = caplog.messages
    assert f"{name}: left out 10 images" in warning
    assert "--merge " in warning


def test_another_emotion_can_be_merged(tree, caplog):
    """Merged, its images count as the class; the cache tells different merges apart."""
    shutil.copytree(tree / "train" / "sad", tree / "train" / "Contempt")

    def count(merges):
        data = read_dataset(tree, merges=parse_merges(merges, EMOTIONS))
        return (data.training.counts() + data.validation.counts()).tolist()

    plain, as_disgust, as_angry = count([]), count(["contempt=disgust"]), count(["contempt=angry"])
    assert [b - a for a, b in zip(plain, as_disgust, strict=True)] == [0, 10, 0, 0, 0, 0, 0]
    assert [b - a for a, b in zip(plain, as_angry, strict=True)] == [10, 0, 0, 0, 0, 0, 0]
    assert len(caplog.messages) == 1
    assert "contempt as angry" in read_dataset(tree, merges={"contempt": "angry"}).name


@pytest.mark.parametrize(("name", "meant"), [("hapy", "happy"), ("Netral", "neutral"), ("suprized", "surprise")])
def test_a_misspelt_emotion_is_refused(tree, name, meant):
    """A folder whose name is nearly an emotion's raises an error instead of losing its faces."""
    (tree / "train" / name).mkdir()
    with pytest.raises(MediaError, match=f"{name}: expected folders named angry, .*did you mean {meant}"):
        read_dataset(tree)


def test_only_other_folders_are_no_tree(tmp_path):
    (tmp_path / "holiday").mkdir()
    with pytest.raises(MediaError, match="holiday: expected folders named angry"):
        read_dataset(tmp_path)


def test_empty_class_is_refused(tree):
    """A class without images raises an error; the tree can be read without that class."""
    for path in (tree / "test" / "sad").iterdir():
        path.unlink()
    with pytest.raises(MediaError, match="tree: expected faces of every class in test, found none of sad"):
        read_dataset(tree)
    assert len(read_dataset(tree, labels=("happy", "angry")).test) == 4


@pytest.mark.parametrize("missing", ["train", "test"])
def test_missing_split_is_refused(tree, missing):
    """`train/` without a held-out folder, or the reverse, raises an error instead of being split."""
    shutil.rmtree(tree / missing)
    with pytest.raises(MediaError, match="tree: expected train/ and test/, found only t"):
        read_dataset(tree)


def test_folder_without_faces_is_refused(tmp_path):
    """An empty folder, and folders of emotions without images, raise an error."""
    with pytest.raises(MediaError, match="expected folders named angry, disgust"):
        read_dataset(tmp_path)
    for name in EMOTIONS:
        (tmp_path / name).mkdir()
    with pytest.raises(MediaError, match="expected faces, found none"):
        read_dataset(tmp_path)


def test_votes_need_a_table(tree):
    """A share of FER+ votes with only a tree of images raises an error."""
    with pytest.raises(MediaError, match=r"expected FER\+ votes"):
        read_dataset(tree, votes_share=0.5)
