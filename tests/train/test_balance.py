"""What is said of a data set before training begins: faces by class, and duplicates."""

import numpy as np

from edge.labels import EMOTIONS
from train.balance import balance_lines
from train.duplicates import duplicate_lines
from train.faces import FaceData, FaceSet


def joined(*sets):
    """Several sets of faces as one."""
    return FaceSet(np.concatenate([one.pixels for one in sets]), np.concatenate([one.targets for one in sets]))


def first(faces, count):
    """The first faces of a set."""
    return faces.where(np.arange(len(faces)) < count)


def test_the_table_has_faces_and_shares_by_class(face_data):
    """A row for each class, its faces in each split, and how uneven the training split is."""
    many = joined(face_data.training, face_data.training.where(face_data.training.codes == 3))
    lines = balance_lines(FaceData("uneven", EMOTIONS, many, face_data.validation, face_data.test))
    assert lines[0] == "uneven, 7 classes"
    assert [line.split()[0] for line in lines[2:9]] == list(EMOTIONS)
    assert lines[5].split() == ["happy", "24", "25.0%", "3", "14.3%", "3", "14.3%"]
    assert lines[9].split() == ["all", "96", "21", "21"]
    assert lines[10:] == [
        "to train on, happy has 2.0 times as many faces as angry",
        "of training, 24 there more than once, 0 of these as different classes",
    ]


def test_a_set_without_duplicates_says_nothing(face_data):
    """Silence means that every face stands there once."""
    assert duplicate_lines(face_data) == []


def test_duplicates_are_counted_between_splits_and_within_training(face_data):
    """Faces of a held-out split that are trained on, and repeats within training with equal and differing labels."""
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
        "of validation, 4 also in training, pixel for pixel",
        "of test, 3 also in training, pixel for pixel",
        "of test, 3 also in validation, pixel for pixel",
        "of training, 4 there more than once, 2 of these as different classes",
    ]
