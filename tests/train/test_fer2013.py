"""The table's splits, labels and votes, and what is said where it is not as expected."""

import lzma
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edge.errors import MediaError
from edge.labels import CLASS_SETS, EMOTIONS
from train.dataset import read_dataset
from train.faces import FaceData, unseen
from train.fer2013 import USAGES, VOTE_COLUMNS, read_fer2013

HALF = 0.5


@pytest.fixture(scope="module")
def real(datasets: Path) -> FaceData:
    """FER2013 itself; reading it takes some seconds, once."""
    folder = datasets / "fer2013"
    if not (folder / "fer2013.csv.xz").is_file():
        pytest.skip(f"FER2013 is not at {folder}")
    return read_dataset(folder)


def test_the_real_table_has_its_published_splits(real):
    """The official splits have their published sizes, and Training its published class counts."""
    assert (len(real.training), len(real.validation), len(real.test)) == (28709, 3589, 3589)
    assert real.training.counts().tolist() == [3995, 436, 4097, 7215, 4830, 3171, 4965]
    assert real.labels == EMOTIONS
    assert real.split_names == USAGES


def test_known_rows_of_the_real_table(real):
    """Pixels and label of the first row stand where the file has them."""
    assert real.training.pixels[0].ravel()[:8].tolist() == [70, 80, 82, 72, 58, 58, 60, 63]
    assert real.training.codes[:4].tolist() == [0, 0, 2, 4]
    assert real.training.targets[0].tolist() == [1, 0, 0, 0, 0, 0, 0]


def test_the_leak_of_the_real_table_is_found(real):
    """280 faces of PublicTest and 288 of PrivateTest also stand in Training."""
    assert int((~unseen(real.validation, real.training)).sum()) == 280
    assert int((~unseen(real.test, real.training)).sum()) == 288


def test_splits_and_labels(rows, write_table):
    """Every row lands in the split its Usage names, with its own pixels and code."""
    data = read_fer2013(write_table(rows))
    for usage, faces in zip(USAGES, (data.training, data.validation, data.test), strict=True):
        expected = [row for row in rows if row[2] == usage]
        assert faces.codes.tolist() == [code for code, _, _ in expected]
        assert " ".join(map(str, faces.pixels[3].ravel())) == expected[3][1]
        assert faces.pixels.dtype == np.uint8
        assert faces.targets.dtype == np.float32


@pytest.mark.parametrize("ending", ["xz", "zip"])
def test_a_compressed_table_reads_like_the_plain_one(rows, write_table, tmp_path, ending):
    """.xz and .zip give the same faces as the plain file, also when the folder is named."""
    plain = write_table(rows)
    folder = tmp_path / "packed"
    folder.mkdir()
    if ending == "xz":
        (folder / "fer2013.csv.xz").write_bytes(lzma.compress(plain.read_bytes()))
    else:
        with zipfile.ZipFile(folder / "fer2013.csv.zip", "w") as archive:
            archive.write(plain, "fer2013.csv")
    expected, found = read_dataset(plain), read_dataset(folder)
    assert np.array_equal(found.training.pixels, expected.training.pixels)
    assert np.array_equal(found.test.targets, expected.test.targets)


@pytest.mark.parametrize("classes", [6, 5])
def test_faces_of_other_classes_are_dropped(rows, write_table, classes):
    """With fewer classes their faces go, and the codes follow the shorter list."""
    data = read_fer2013(write_table(rows), labels=CLASS_SETS[classes])
    assert data.labels == CLASS_SETS[classes]
    assert data.training.counts().tolist() == [2] * classes
    happy = data.labels.index("happy")
    wanted = [row[1] for row in rows if row[2] == "Training" and row[0] == EMOTIONS.index("happy")]
    found = data.training.pixels[data.training.codes == happy]
    assert [" ".join(map(str, face.ravel())) for face in found] == wanted


def test_votes_mix_into_training_targets_only(rows, write_table, tmp_path):
    """A training target is the label and the share of votes, half and half; validation keeps the label."""
    votes = np.zeros((len(rows), 7), dtype=int)
    votes[:, EMOTIONS.index("neutral")] = 3
    votes[:, EMOTIONS.index("sad")] = 1
    votes[1] = 0
    lines = [",".join(VOTE_COLUMNS[name] for name in EMOTIONS), *(",".join(map(str, row)) for row in votes)]
    (tmp_path / "fer2013new.csv").write_text("\n".join(lines))
    data = read_fer2013(write_table(rows), votes_share=HALF)
    assert data.training.targets[0].tolist() == [0.5, 0, 0, 0, 0.125, 0, 0.375]
    assert data.training.targets[1].tolist() == [0, 1, 0, 0, 0, 0, 0], "nobody voted: the label stays"
    assert set(np.unique(data.validation.targets)) == {0.0, 1.0}
    assert np.allclose(data.training.targets.sum(axis=1), 1)


def test_votes_of_another_table_are_refused(rows, write_table, tmp_path):
    """Votes with another number of rows cannot belong to the table."""
    (tmp_path / "fer2013new.csv").write_text(",".join(VOTE_COLUMNS.values()) + "\n1,0,0,0,0,0,0\n")
    with pytest.raises(MediaError, match=f"expected {len(rows)} rows .* found 1"):
        read_fer2013(write_table(rows), votes_share=HALF)


def changed(rows, number, *, code=None, pixels=None):
    """Return the rows with one of them changed."""
    old = rows[number]
    return [*rows[:number], (old[0] if code is None else code, pixels or old[1], old[2]), *rows[number + 1 :]]


BAD_PIXELS = {
    "cut short": ("1 2 3", "row 7: expected 2304 pixels of 0 to 255, found 3 values"),
    "too bright": (" ".join(["300"] * 2304), "row 7: expected 2304 pixels"),
    "negative": (" ".join(["-1"] * 2304), "row 7: expected 2304 pixels"),
    "no numbers": (" ".join(["x"] * 2304), "row 7: expected 2304 pixels"),
}


@pytest.mark.parametrize(("pixels", "message"), BAD_PIXELS.values(), ids=BAD_PIXELS.keys())
def test_bad_pixels_are_named_by_their_row(rows, write_table, pixels, message):
    """The message names the line of the file, as an editor counts it."""
    with pytest.raises(MediaError, match=message):
        read_fer2013(write_table(changed(rows, 5, pixels=pixels)))


@pytest.mark.parametrize("code", [7, -1, "happy", ""])
def test_a_bad_code_is_named_by_its_row(rows, write_table, code):
    """A code outside 0 to 6 is refused rather than taken for a class."""
    with pytest.raises(MediaError, match="row 7: expected an emotion code from 0 to 6"):
        read_fer2013(write_table(changed(rows, 5, code=code)))


def test_wrong_columns_are_named(rows, write_table):
    """The message lists the columns expected and found."""
    with pytest.raises(MediaError, match="expected the columns emotion, pixels, Usage, found label, pixels, Usage"):
        read_fer2013(write_table(rows, header="label,pixels,Usage"))


@pytest.mark.parametrize("usage", USAGES)
def test_a_missing_split_is_named(rows, write_table, usage):
    """A table without one of the splits is no complete fer2013.csv."""
    with pytest.raises(MediaError, match=f"expected rows with Usage {usage}, found none"):
        read_fer2013(write_table([row for row in rows if row[2] != usage]))


DAMAGE = {
    "xz cut short": ("fer2013.csv.xz", lambda content: lzma.compress(content)[:2000]),
    "xz overwritten": ("fer2013.csv.xz", lambda content: lzma.compress(content)[:1000] + bytes(4000)),
    "no zip": ("fer2013.csv.zip", lambda content: content),
    "empty": ("fer2013.csv", lambda _content: b""),
}


@pytest.mark.parametrize(("name", "damage"), DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_table_is_one_clear_line(rows, write_table, tmp_path, name, damage):
    """A file that is cut short, is no archive or is empty raises MediaError, not the decompressor's own error."""
    path = tmp_path / name
    path.write_bytes(damage(write_table(rows).read_bytes()))
    with pytest.raises(MediaError, match="expected a table of faces") as caught:
        read_fer2013(path)
    assert "\n" not in str(caught.value)


def test_a_missing_table_is_named(tmp_path):
    """The path that was given stands in the message."""
    with pytest.raises(MediaError, match=r"nowhere\.csv: expected a data set here"):
        read_dataset(tmp_path / "nowhere.csv")
