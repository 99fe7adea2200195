"""FER2013's tables: splits, labels, compression, and the errors about malformed tables."""

import io
import logging
import lzma
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edge.errors import MediaError
from edge.labels import CLASS_SETS, EMOTIONS
from train.data.dataset import read_dataset
from train.data.faces import FaceData, unseen
from train.data.fer2013 import USAGES


@pytest.fixture(scope="module")
def real(fer2013: Path) -> FaceData:
    """The real FER2013, read once for this module."""
    return read_dataset(fer2013)


def test_real_table_has_its_published_splits(real):
    """FER2013's splits have their published sizes, and Training its published class counts."""
    assert (len(real.training), len(real.validation), len(real.test)) == (28709, 3589, 3589)
    assert real.training.counts().tolist() == [3995, 436, 4097, 7215, 4830, 3171, 4965]
    assert real.labels == EMOTIONS
    assert real.split_names == USAGES


def test_known_rows_of_the_real_table(real):
    """The first face has the pixels and the label of the file's first row."""
    assert real.training.pixels[0].ravel()[:8].tolist() == [70, 80, 82, 72, 58, 58, 60, 63]
    assert real.training.codes[:4].tolist() == [0, 0, 2, 4]
    assert real.training.targets[0].tolist() == [1, 0, 0, 0, 0, 0, 0]


def test_leak_of_the_real_table_is_found(real):
    """280 faces of PublicTest and 288 of PrivateTest are also in Training."""
    assert int((~unseen(real.validation, real.training)).sum()) == 280
    assert int((~unseen(real.test, real.training)).sum()) == 288


@pytest.mark.parametrize(("classes", "faces"), [(6, (28273, 7067)), (5, (24176, 6043))])
def test_real_table_in_fewer_classes(fer2013, classes, faces):
    """With six and five classes, Training and the two held-out splits have the known numbers of faces."""
    data = read_dataset(fer2013, labels=CLASS_SETS[classes])
    assert (len(data.training), len(data.validation) + len(data.test)) == faces


def test_real_table_pooled(fer2013):
    """Pooling FER2013's 30,219 faces of five classes draws a fifth of each class for test."""
    data = read_dataset(fer2013, labels=CLASS_SETS[5], pooled=True)
    assert (len(data.training) + len(data.validation), len(data.test)) == (24175, 6044)
    every = data.training.counts() + data.validation.counts() + data.test.counts()
    assert np.abs(data.test.counts() - every / 5).max() < 1
    assert data.name == "FER2013 (pooled)"


def check_rows(data, rows):
    """Check that every row is in the split that its Usage names, in order, with its own pixels and code."""
    for usage, faces in zip(USAGES, (data.training, data.validation, data.test), strict=True):
        expected = [row for row in rows if row[2] == usage]
        assert faces.codes.tolist() == [code for code, _, _ in expected]
        assert [" ".join(map(str, face.ravel())) for face in faces.pixels] == [pixels for _, pixels, _ in expected]
        assert faces.pixels.dtype == np.uint8
        assert faces.targets.dtype == np.float32


def test_splits_and_labels(rows, write_table):
    """`fer2013.csv` in its published form gives every row its split, pixels and label."""
    check_rows(read_dataset(write_table(rows)), rows)


def kaggle(rows):
    """Format the rows as Kaggle's challenge does."""
    return "emotion, Usage, pixels\n" + "".join(f"{code},{usage},{pixels}\n" for code, pixels, usage in rows)


def test_table_of_kaggles_challenge(rows, tmp_path):
    """Kaggle's `icml_face_data.csv`, with another column order and spaces in the names, reads like `fer2013.csv`."""
    (tmp_path / "icml_face_data.csv").write_text(kaggle(rows))
    data = read_dataset(tmp_path)
    check_rows(data, rows)
    assert data.name == "FER2013"


def test_table_without_splits_is_split(tmp_path, rows):
    """From Kaggle's train.csv, Training alone, a fifth is drawn for test, then a tenth for validation."""
    lines = [f'{code},"{pixels}"' for code, pixels, _ in rows * 5]
    (tmp_path / "train.csv").write_text("\n".join(["emotion,pixels", *lines]))
    data = read_dataset(tmp_path)
    assert data.test.counts().tolist() == [6] * 7
    assert data.validation.counts().tolist() == [3, 3, 2, 2, 2, 2, 2]
    assert len(data.training) + len(data.validation) + len(data.test) == len(rows) * 5
    assert data.name == "FER2013 Training"


def pack(table, path):
    """Write the table's content to `path`, compressed according to its suffix."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("folder/", "")
            archive.write(table, "folder/any name.csv")
    else:
        path.write_bytes(lzma.compress(table.read_bytes()))
    return path


@pytest.mark.parametrize("ending", ["xz", "zip"])
def test_compressed_table_reads_like_the_plain_one(rows, write_table, tmp_path, ending):
    """A folder with a `.xz` or `.zip` table gives the same faces as the plain file."""
    (tmp_path / "packed").mkdir()
    pack(write_table(rows), tmp_path / "packed" / f"fer2013.csv.{ending}")
    check_rows(read_dataset(tmp_path / "packed"), rows)


def test_complete_table_of_an_archive_is_found(rows, tmp_path):
    """Of the tables in Kaggle's archive, the one with labels and all splits is read."""
    path = tmp_path / "challenge.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("test.csv", "pixels\n1 2 3\n")
        archive.writestr("train.csv", "emotion,pixels\n")
        archive.writestr("challenge/icml_face_data.csv", kaggle(rows))
        archive.writestr("challenge/", "")
    check_rows(read_dataset(path), rows)


def test_archive_without_a_table_is_refused(tmp_path):
    """The error about an archive without a table lists the file names that would be accepted."""
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.jpg", "")
        archive.writestr("b.jpg", "")
    with pytest.raises(MediaError, match=r"holds none of fer2013\.csv, icml_face_data\.csv, train\.csv"):
        read_dataset(path)


@pytest.mark.parametrize("classes", [6, 5])
def test_faces_of_other_classes_are_dropped(rows, write_table, classes):
    """With fewer classes, faces of the others are dropped, and codes index the shorter list."""
    data = read_dataset(write_table(rows), labels=CLASS_SETS[classes])
    assert data.labels == CLASS_SETS[classes]
    assert data.training.counts().tolist() == [2] * classes
    happy = data.labels.index("happy")
    wanted = [row[1] for row in rows if row[2] == "Training" and row[0] == EMOTIONS.index("happy")]
    found = data.training.pixels[data.training.codes == happy]
    assert [" ".join(map(str, face.ravel())) for face in found] == wanted


def changed(rows, number, *, code=None, pixels=None, usage=None):
    """Return a copy of the rows with row `number` changed."""
    old = rows[number]
    new = (old[0] if code is None else code, old[1] if pixels is None else pixels, usage or old[2])
    return [*rows[:number], new, *rows[number + 1 :]]


BAD_PIXELS = {
    "cut short": ("1 2 3", "found 3 values"),
    "too long": (" ".join(["1"] * 2305), "found 2305 values"),
    "none": ("", "row 7: expected 2304 pixels"),
    "too bright": (" ".join(["256"] * 2304), "row 7: expected 2304 pixels"),
    "far too bright": (" ".join(["4294967297"] * 2304), "row 7: expected 2304 pixels"),
    "negative": (" ".join(["-1"] * 2304), "row 7: expected 2304 pixels"),
    "no numbers": (" ".join(["x"] * 2304), "row 7: expected 2304 pixels"),
    "no whole numbers": (" ".join(["1.5"] * 2304), "row 7: expected 2304 pixels"),
}


@pytest.mark.parametrize(("pixels", "message"), BAD_PIXELS.values(), ids=BAD_PIXELS.keys())
def test_row_with_bad_pixels_is_reported_and_skipped(rows, write_table, caplog, pixels, message):
    """A row with invalid pixels is skipped with a warning that gives its line number in an editor."""
    path = write_table(changed(rows, 5, pixels=pixels))
    with caplog.at_level(logging.WARNING):
        data = read_dataset(path)
    assert "row 7: expected 2304 pixels of 0 to 255" in caplog.text
    assert message in caplog.text
    assert caplog.records[-1].message.endswith("skipped 1 broken of 42 faces")
    check_rows(data, [*rows[:5], *rows[6:]])


def test_table_of_bad_rows_is_refused(rows, write_table):
    """A table with too many broken rows, such as faces of another size, is an error instead of warnings."""
    smaller = [(code, "1 " * 32 * 32, usage) for code, _, usage in rows]
    with pytest.raises(MediaError, match=r"42 of 42 broken: repair the set; .* row 2: .* found 1024 values"):
        read_dataset(write_table(smaller))
    with pytest.raises(MediaError, match="11 of 42 broken"):
        read_dataset(write_table(smaller[:11] + rows[11:]))
    with pytest.raises(MediaError, match="3 of 3 broken"):
        read_dataset(write_table(smaller[:3]))


def test_table_without_rows_is_refused(write_table):
    """A table that has only a header raises an error."""
    with pytest.raises(MediaError, match="expected faces, found none"):
        read_dataset(write_table([]))


@pytest.mark.parametrize("code", [7, -1, 1.5, "happy", ""])
def test_bad_code_is_reported_with_its_row(rows, write_table, code):
    """An emotion code other than 0 to 6 raises an error that gives the row."""
    with pytest.raises(MediaError, match="row 7: expected an emotion code from 0 to 6"):
        read_dataset(write_table(changed(rows, 5, code=code)))


def test_gap_in_a_broken_row_leaves_the_other_codes_readable(rows, write_table):
    """Codes are read correctly even if a row without a code makes pandas read the column as floats."""
    data = read_dataset(write_table(changed(rows, 5, code="", pixels="1")))
    check_rows(data, [*rows[:5], *rows[6:]])


def test_unknown_split_is_reported_with_its_row(rows, write_table):
    """An unknown Usage raises an error that gives the row, instead of dropping the face."""
    with pytest.raises(MediaError, match="row 7: expected Usage Training, PublicTest, PrivateTest, found Tset"):
        read_dataset(write_table(changed(rows, 5, usage="Tset")))


def test_wrong_columns_are_reported(rows, write_table):
    """The error about missing columns lists the columns expected and found."""
    with pytest.raises(MediaError, match="expected the columns emotion, pixels, found label, pixels, Usage"):
        read_dataset(write_table(rows, header="label,pixels,Usage"))


@pytest.mark.parametrize(
    ("header", "is_said"),
    [
        ("emotion,pixels,usage", True),
        ("emotion,pixels,USAGE", True),
        ("emotion,pixels,Usage ", True),
        ("Emotion,Pixels,Usage", True),
        ("EMOTION , PIXELS , USAGE ", True),
        ("emotion, pixels, Usage", False),
        ("\ufeffemotion,pixels,Usage", False),
    ],
)
def test_another_spelling_of_a_column_keeps_the_splits(write_table, rows, caplog, header, is_said):
    """Case and blanks do not matter, and a warning says so: drawing splits anew would train on test faces."""
    expected = read_dataset(write_table(rows), cache=False)
    data = read_dataset(write_table(rows, header=header, name="other.csv"), cache=False)
    assert data.split_names == expected.split_names == USAGES
    assert np.array_equal(data.test.pixels, expected.test.pixels)
    assert ("is taken for" in caplog.text) == is_said


@pytest.mark.parametrize("name", ["split", "Set", "data_split", "Usages", "useage", "usage_type", "Partition"])
def test_a_column_that_may_hold_the_splits_is_refused(write_table, rows, name):
    """The message says what to do: rename the column, or remove it."""
    with pytest.raises(MediaError, match=f"expected the splits in the column Usage, found '{name}'.* rename it, or"):
        read_dataset(write_table(rows, header=f"emotion,pixels,{name}"), cache=False)


def test_two_columns_of_splits_are_refused(write_table, rows):
    rows = [(*row, row[2]) for row in rows]
    with pytest.raises(MediaError, match="expected one column Usage, found several"):
        read_dataset(write_table(rows, header="emotion,pixels,Usage,usage"), cache=False)


def test_the_case_of_a_split_does_not_matter(write_table, rows):
    expected = read_dataset(write_table(rows), cache=False)
    changed = [(code, pixels, f" {usage.lower()} ") for code, pixels, usage in rows]
    data = read_dataset(write_table(changed, name="b.csv"), cache=False)
    assert np.array_equal(data.test.pixels, expected.test.pixels)


@pytest.mark.parametrize("usage", USAGES)
def test_missing_split_is_reported(rows, write_table, usage):
    """A fer2013.csv without one of the official splits raises an error that names the split."""
    with pytest.raises(MediaError, match=f"expected rows with Usage {usage}, found none"):
        read_dataset(write_table([row for row in rows if row[2] != usage]))


def test_class_without_faces_is_reported(rows, write_table):
    """A class without training faces raises an error; the table can be read without that class."""
    path = write_table([row for row in rows if row[0] != EMOTIONS.index("disgust") or row[2] != "Training"])
    with pytest.raises(MediaError, match="expected faces of every class in Training, found none of disgust"):
        read_dataset(path)
    assert len(read_dataset(path, labels=CLASS_SETS[6]).training) == 12


def zipped_and_overwritten(content):
    """Return an archive whose directory is intact and whose compressed data is overwritten."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("fer2013.csv", content)
    packed = memory.getvalue()
    return packed[:1000] + b"\xff" * 4000 + packed[5000:]


DAMAGE = {
    "zip overwritten": ("fer2013.csv.zip", zipped_and_overwritten),
    "xz cut short": ("fer2013.csv.xz", lambda content: lzma.compress(content)[:2000]),
    "xz overwritten": ("fer2013.csv.xz", lambda content: lzma.compress(content)[:1000] + bytes(4000)),
    "no zip": ("fer2013.csv.zip", lambda content: content),
    "empty": ("fer2013.csv", lambda _content: b""),
}


@pytest.mark.parametrize(("name", "damage"), DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_table_is_a_one_line_error(rows, write_table, tmp_path, name, damage):
    """A truncated, corrupted or empty table raises MediaError with one line, not the decompressor's exception."""
    path = tmp_path / name
    path.write_bytes(damage(write_table(rows).read_bytes()))
    with pytest.raises(MediaError, match="expected a table of faces") as caught:
        read_dataset(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("extra", [1, 2])
def test_rows_with_more_values_than_columns_are_refused(rows, write_table, extra):
    """Pandas would take their first values for names, and the next ones for emotion and pixels."""
    with pytest.raises(MediaError, match="expected a value for each column, found more values than columns"):
        read_dataset(write_table([(*row, *["x"] * extra) for row in rows]))


def test_missing_table_is_reported(tmp_path):
    """The error about a missing table contains the given path."""
    with pytest.raises(MediaError, match=r"nowhere\.csv: expected a data set here"):
        read_dataset(tmp_path / "nowhere.csv")


def test_an_archive_that_unpacks_to_much_is_refused(tmp_path, monkeypatch):
    """A small archive may hold a table that fills memory and disk; its size is checked before anything is unpacked."""
    monkeypatch.setattr("train.data.table_file.MAX_TABLE_BYTES", 1 << 20)
    path = tmp_path / "fer2013.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("fer2013.csv", "emotion,pixels,Usage\n" + "0 " * (1 << 20))
    with pytest.raises(MediaError, match=r"expected a table of at most 0\.0 GB, found 0\.0 GB or more"):
        read_dataset(path)
