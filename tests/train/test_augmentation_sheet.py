"""The sheet of augmented faces: its content, and errors of the command."""

import cv2
import numpy as np
import pytest

from train.augment import Augmentation, augment
from train.augmentation_sheet import CAPTION_PX, ENLARGED, GAP_PX, LABEL_PX, TILE_PX, choose_faces, draw_sheet, main
from train.data.faces import FaceSet

LABELS = ("angry", "happy")


@pytest.fixture
def pair():
    """Two faces of noise, one of each class."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, 48, 48)).astype(np.uint8)
    return FaceSet(pixels, np.eye(2, dtype=np.float32))


def tile(sheet, row, column):
    """Return the face in a cell of the sheet, (48, 48) uint8."""
    top, left = CAPTION_PX + row * (TILE_PX + CAPTION_PX), LABEL_PX + column * (TILE_PX + GAP_PX)
    return sheet[top : top + TILE_PX : ENLARGED, left : left + TILE_PX : ENLARGED]


def caption(sheet, row, column):
    """Return the line of text under a cell."""
    top, left = CAPTION_PX + row * (TILE_PX + CAPTION_PX) + TILE_PX, LABEL_PX + column * (TILE_PX + GAP_PX)
    return sheet[top : top + CAPTION_PX, left : left + TILE_PX]


def test_row_shows_a_face_and_its_variants(pair):
    """The first column has the unchanged faces, every other one the output of `augment` with its own seed."""
    settings = Augmentation(mixup=0)
    sheet = draw_sheet(pair, LABELS, settings, variants=3, seed=5)
    for column in range(1, 4):
        augmented, _ = augment(pair.pixels, pair.targets, settings, np.random.default_rng((5, column)))
        for row in range(2):
            assert np.array_equal(tile(sheet, row, 0), pair.pixels[row])
            assert np.array_equal(tile(sheet, row, column), np.rint(augmented[row] * 255))
    assert not np.array_equal(tile(sheet, 0, 1), tile(sheet, 0, 2))


def test_text_under_a_face_gives_what_mixup_blended_in(pair):
    """There is text under blended faces only, not under unblended variants and the unchanged face."""
    mixed, plain = (draw_sheet(pair, LABELS, Augmentation(mixup=alpha), variants=8, seed=0) for alpha in (10, 0))
    written = [caption(mixed, 0, column).min() < 255 for column in range(1, 9)]
    assert any(written)
    assert not all(written), "a face blended with itself is unchanged"
    assert caption(mixed, 0, 0).min() == 255
    assert all(caption(plain, row, column).min() == 255 for row in range(2) for column in range(9))


def test_faces_are_chosen_from_each_class_in_turn(face_data):
    """Different faces are chosen from each class in turn, at most all of them, and others for another seed."""
    chosen = choose_faces(face_data, 16, seed=0)
    assert chosen.codes.tolist() == [*range(7), *range(7), 0, 1]
    assert len(np.unique(chosen.pixels.reshape(16, -1), axis=0)) == 16
    assert not np.array_equal(chosen.pixels, choose_faces(face_data, 16, seed=1).pixels)
    assert len(choose_faces(face_data, 1000, seed=0)) == len(face_data.training)


def test_command_draws_with_the_given_settings(rows, write_table, tmp_path, capsys):
    """With only a certain flip, every variant is the mirror image; the sheet's folder is created."""
    off = "--rotation-deg 0 --zoom 1 1 --shift 0 --gamma 1 1 --contrast 1 1 --brightness 0 --soften 0 --blur 0"
    out = tmp_path / "new" / "sheet.png"
    options = f"--flip 1 --erase 0 --mixup 0 {off} --faces 3 --variants 2 --out {out} --data {write_table(rows)}"
    assert main(options.split()) == 0
    assert capsys.readouterr().out.strip() == str(out)
    sheet = cv2.imread(str(out), cv2.IMREAD_UNCHANGED)
    for row in range(3):
        for column in (1, 2):
            assert np.array_equal(tile(sheet, row, column), tile(sheet, row, 0)[:, ::-1])


@pytest.mark.parametrize(
    ("option", "found"),
    [
        ("--faces 0", "--faces: expected int >= 1, found 0"),
        ("--flip 2", "--flip: expected float <= 1.0, found 2.0"),
        ("--zoom 0 1", "--zoom: expected float >= 0.1"),
    ],
)
def test_invalid_setting_is_reported_before_the_data_set_is_read(tmp_path, capsys, option, found):
    """An invalid setting is a one-line error that comes before that about the missing data set."""
    assert main(["--data", str(tmp_path / "none.csv"), *option.split()]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert found in error


def test_unwritable_sheet_is_a_one_line_error(rows, write_table, capsys):
    """A file in the place of the sheet's folder is a one-line error."""
    table = write_table(rows)
    assert main(["--data", str(table), "--out", str(table / "sheet.png")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "expected a writable file" in error
    assert "--out" in error
