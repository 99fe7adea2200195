"""Clips with their references: what is read, and how turned and looped copies keep picture and reference together."""

import json
import shutil

import cv2
import numpy as np
import pytest

from benchmarks.clips.footage import (
    Reference,
    ReferenceFace,
    copy_clip,
    find_clips,
    load_frames,
    loop_order,
    read_reference,
    turn_photographs,
)
from edge.errors import MediaError
from edge.records import Box
from train.evaluation.corruptions import turn_image


@pytest.fixture
def clip(clips):
    return find_clips(clips)[0]


@pytest.fixture
def changed_clips(clips, tmp_path):
    """Return a function that copies the clip and updates its reference."""

    def change(**values):
        folder = shutil.copytree(clips, tmp_path / "changed")
        path = folder / "drawn.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))
        return folder

    return change


def one_face(box, roll=0.0):
    """A reference of one frame with one face; the box is in tenths of a pixel."""
    return Reference(10.0, 1, ((ReferenceFace(Box(*box), roll),),), ((),))


def test_references_are_read_to_a_tenth_of_a_pixel(clip):
    """A box keeps one decimal place, as a whole number of tenths."""
    content = json.loads(clip.path.with_suffix(".json").read_text())
    assert clip.frame_count == 60
    assert [face.box.xywh for face in clip.reference.faces[7]] == [
        tuple(round(10 * side) for side in row[:4]) for row in content["boxes"][7]
    ]


def test_doubtful_boxes_may_be_left_out(changed_clips):
    """Without `maybe` no box is doubtful."""
    reference = read_reference(changed_clips(maybe=None) / "drawn.json")
    assert reference.doubtful == ((),) * 60


@pytest.mark.parametrize(
    ("values", "message"),
    [({"frames": 59}, "found 60 and 60"), ({"fps": 0}, "at 0 a second"), ({"boxes": [[[1, 2]]]}, r"boxes\[0\]\[0\]")],
)
def test_invalid_references_are_named(changed_clips, values, message):
    """The message names the file and what does not fit."""
    with pytest.raises(MediaError, match=rf"drawn\.json: expected .*{message}"):
        find_clips(changed_clips(**values))


def test_clips_without_a_reference_are_named(changed_clips):
    """A clip that cannot be scored is an error."""
    folder = changed_clips()
    (folder / "drawn.json").unlink()
    with pytest.raises(MediaError, match=r"drawn\.json: expected the reference of a clip, found: No such file"):
        find_clips(folder)


def test_clips_of_another_length_than_their_reference_are_refused(changed_clips):
    """A reference that does not belong to the clip would give wrong figures."""
    boxes = [[]] * 59
    clip = find_clips(changed_clips(frames=59, boxes=boxes, maybe=boxes))[0]
    with pytest.raises(MediaError, match="expected the 59 frames of its reference, found 60"):
        load_frames(clip)


def test_loops_have_no_jump():
    """A loop runs forwards and backwards, and shows the first and last frame once a pass."""
    assert list(loop_order(4, 9)) == [0, 1, 2, 3, 2, 1, 0, 1, 2]
    assert list(loop_order(1, 3)) == [0, 0, 0]


def test_looped_copies_keep_every_pixel(clip, tmp_path):
    """Each frame of the copy is that of the clip which its reference is of."""
    copy = copy_clip(clip, tmp_path, count=130)
    frames, looped = load_frames(clip).frames, load_frames(copy).frames
    order = list(loop_order(60, 130))
    assert len(looped) == 130
    assert all(np.array_equal(looped[number], frames[index]) for number, index in enumerate(order))
    assert [faces[0].box for faces in copy.reference.faces] == [clip.reference.faces[i][0].box for i in order]


def test_turned_copies_turn_picture_and_reference_alike(clip, tmp_path):
    """What is in the middle of the face's box stays there when the clip is turned."""
    copy = copy_clip(clip, tmp_path, degrees=35)
    before, after = clip.reference.faces[30][0], copy.reference.faces[30][0]
    assert (after.box.w, after.box.h, after.roll) == (before.box.w, before.box.h, 35.0)
    patches = []
    for film, face in ((load_frames(clip).frames[30], before), (load_frames(copy).frames[30], after)):
        x, y = (round(side / 10) for side in face.box.center)
        patches.append(film[y - 2 : y + 3, x - 2 : x + 3].astype(float))
    assert patches[1].mean() == pytest.approx(patches[0].mean(), abs=8)


def test_positive_angles_turn_clockwise():
    """A dot on the right goes down, in the picture and in its reference; rolls grow."""
    image = np.zeros((101, 101, 3), np.uint8)
    cv2.circle(image, (80, 50), 3, (255, 255, 255), -1)
    row, column = np.unravel_index(turn_image(image, 45)[..., 0].argmax(), (101, 101))
    assert row == pytest.approx(71, abs=3)
    assert column == pytest.approx(71, abs=3)
    turned = one_face((785, 485, 40, 40), roll=150.0).turned(45, 101, 101)
    (face,) = turned.faces[0]
    assert face.box.center == pytest.approx((719, 719), abs=2)
    assert face.roll == pytest.approx(-165.0)


@pytest.mark.parametrize("degrees", [90, 180, 270, -90])
def test_quarter_turns_are_exact(degrees):
    """A quarter turn loses no pixel and swaps the sides; the reference follows."""
    image = np.zeros((60, 80, 3), np.uint8)
    image[10:14, 20:26] = 255
    turned = turn_image(image, degrees)
    assert turned.shape[:2] == ((60, 80) if degrees == 180 else (80, 60))
    rows, columns = np.nonzero(turned[..., 0])
    middle = 10 * (columns.min() + columns.max() + 1) / 2, 10 * (rows.min() + rows.max() + 1) / 2
    (face,) = one_face((200, 100, 60, 40)).turned(degrees, 80, 60).faces[0]
    assert face.box.center == pytest.approx(middle, abs=1)


def test_faces_that_a_turn_takes_out_of_the_frame_become_doubtful():
    """A face of which less than half is left need not be found, and a reading on it is not false."""
    turned = one_face((0, 0, 200, 200)).turned(45, 200, 100)
    assert turned.faces == ((),)
    assert len(turned.doubtful[0]) == 1


def test_turned_photographs_keep_folder_number_and_size(tmp_path):
    """Each photograph of a folder tree has a turned copy of its size in a folder of the same name."""
    source, target = tmp_path / "photographs", tmp_path / "turned"
    (source / "happy").mkdir(parents=True)
    target.mkdir()
    for number in range(2):
        cv2.imwrite(str(source / "happy" / f"{number}.png"), np.full((40, 30, 3), 90 * number, np.uint8))
    turn_photographs(source, 30, target)
    assert [cv2.imread(str(path)).shape for path in sorted((target / "happy").iterdir())] == [(40, 30, 3)] * 2
