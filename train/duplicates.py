"""Counts the faces that stand more than once in a data set."""

from collections import defaultdict

from train.faces import FaceData, FaceSet, unseen


def duplicate_lines(data: FaceData) -> list[str]:
    """Return a line for each kind of exact duplicate that `data` has; none where every face is there once.

    Nothing is taken out: published figures are on the official splits, and labels that differ are part of the set.
    """
    lines = []
    training, *held_out = data.split_names
    for name, faces in zip(held_out, (data.validation, data.test), strict=True):
        seen = int((~unseen(faces, data.training)).sum())
        if seen:
            lines.append(f"of {name}, {seen} also in {training}, pixel for pixel")
    seen = int((~unseen(data.test, data.validation)).sum())
    if seen:
        lines.append(f"of {held_out[1]}, {seen} also in {held_out[0]}, pixel for pixel")
    repeated, differing = _repeats(data.training)
    if repeated:
        lines.append(f"of {training}, {repeated} there more than once, {differing} of these as different classes")
    return lines


def _repeats(faces: FaceSet) -> tuple[int, int]:
    """Return how many faces are not the only ones with their pixels, and how many of those have rivals' labels."""
    codes: defaultdict[bytes, list[int]] = defaultdict(list)
    for face, code in zip(faces.pixels, faces.codes.tolist(), strict=True):
        codes[face.tobytes()].append(code)
    groups = [group for group in codes.values() if len(group) > 1]
    return sum(map(len, groups)), sum(len(group) for group in groups if len(set(group)) > 1)
