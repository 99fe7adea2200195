"""The data summary that training logs: faces by class and split, imbalance, duplicates; and the data's digest."""

import numpy as np

from edge.labels import EMOTIONS
from train.data.faces import FaceData, FaceSet
from train.data.summary import duplicate_lines, summary_lines


def joined(*sets):
    """Concatenate face sets."""
    return FaceSet(np.concatenate([one.pixels for one in sets]), np.concatenate([one.targets for one in sets]))


def first(faces, count):
    """Return the first `count` faces of a set."""
    return faces.where(np.arange(len(faces)) < count)


def test_table_has_faces_and_shares_by_class(face_data):
    """The table has a row for each class with its faces and shares in each split; the class imbalance follows."""
    many = joined(face_data.training, face_data.training.where(face_data.training.codes == 3))
    lines = summary_lines(FaceData("uneven", EMOTIONS, many, face_data.validation, face_data.test))
    assert lines[0] == "uneven, 7 classes"
    assert [line.split()[0] for line in lines[2:9]] == list(EMOTIONS)
    assert lines[5].split() == ["happy", "24", "25.0%", "3", "14.3%", "3", "14.3%"]
    assert lines[9].split() == ["all", "96", "21", "21"]
    assert lines[10:] == [
        "for training, happy has 2.0 times as many faces as angry",
        "training: 24 faces occur more than once, 0 of them with different classes",
    ]


def test_set_without_duplicates_has_no_duplicate_lines(face_data):
    """No line about duplicates means that every face occurs once."""
    assert duplicate_lines(face_data) == []


def test_duplicates_are_counted_between_splits_and_within_training(face_data):
    """Copies between splits are counted for each pair of splits, and copies within training by equal or other label."""
    other = first(face_data.training, 2)
    rival = FaceSet(other.pixels[1:], np.roll(other.targets[1:], 1, axis=1))
    data = FaceData(
        "leaky",
        EMOTIONS,
        joined(face_data.training, first(other, 1), rival, first(face_data.validation, 4)),
        face_data.validation,
        joined(face_data.test, first(face_data.validation, 3)),
    )
    assert duplicate_lines(data) == [
        "validation: 4 faces are also in training, pixel for pixel",
        "test: 3 faces are also in training, pixel for pixel",
        "test: 3 faces are also in validation, pixel for pixel",
        "training: 4 faces occur more than once, 2 of them with different classes",
    ]
