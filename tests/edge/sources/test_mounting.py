"""Frames are turned, mirrored and cropped as the settings say, and passed on as they are if there is nothing to do."""

import itertools
import logging

import numpy as np
import pytest

from edge.device.state import ROTATIONS, RotationMemory
from edge.errors import ConfigError
from edge.records import Frame
from edge.settings.schema import SourceSettings
from edge.sources.mounting import Mounting
from edge.sources.orientation import Orientation

GRAY = np.arange(80 * 100, dtype=np.uint32).astype(np.uint8).reshape(80, 100)
COLOR = np.stack([GRAY, GRAY + 1, GRAY + 2], axis=-1)
GRAY.flags.writeable = COLOR.flags.writeable = False

ORIENTATIONS = [Orientation(*flags) for flags in itertools.product([False, True], repeat=3)]


def make_frame(*, color=True, source="camera"):
    return Frame(GRAY, 3, 1.5, 2.5, source, COLOR if color else None)


def expected(pixels, rotation, flip):
    """Return the pixels turned clockwise and then mirrored, by numpy alone."""
    turned = np.rot90(pixels, -rotation // 90)
    return {"none": turned, "horizontal": turned[:, ::-1], "vertical": turned[::-1]}[flip]


@pytest.mark.parametrize("flip", ["none", "horizontal", "vertical"])
@pytest.mark.parametrize("rotation", ROTATIONS)
def test_gray_and_color_are_turned_clockwise_and_then_mirrored(rotation, flip):
    """Every rotation with every flip moves each pixel of gray and color where it belongs, and changes nothing else."""
    frame = Mounting(SourceSettings(rotate=rotation, flip=flip)).orient(make_frame())
    assert np.array_equal(frame.gray, expected(GRAY, rotation, flip))
    assert np.array_equal(frame.color, expected(COLOR, rotation, flip))
    assert (frame.index, frame.captured_at, frame.media_time_s, frame.source) == (3, 1.5, 2.5, "camera")
    assert frame.rotation == rotation
    assert not frame.gray.flags.writeable
    assert not frame.color.flags.writeable


def test_the_top_left_corner_goes_to_the_top_right_at_90_degrees():
    """A rotation by 90 degrees is clockwise."""
    frame = Mounting(SourceSettings(rotate=90)).orient(make_frame(color=False))
    assert frame.gray.shape == (100, 80)
    assert frame.gray[0, -1] == GRAY[0, 0]
    assert frame.gray[-1, -1] == GRAY[0, -1]


@pytest.mark.parametrize("settings", [SourceSettings(), SourceSettings(rotate="auto"), SourceSettings(rotate=0)])
def test_a_frame_with_nothing_to_do_is_passed_on_as_it_is(settings):
    """Without rotation, flip and crop the frame is not even copied."""
    frame = make_frame()
    assert Mounting(settings).orient(frame) is frame


def test_the_crop_counts_pixels_of_the_turned_frame():
    """The crop is cut after the frame was turned and mirrored, from gray and color, without copying the pixels."""
    settings = SourceSettings(rotate=90, flip="horizontal", crop=(5, 10, 70, 64))
    frame = Mounting(settings).orient(make_frame())
    assert np.array_equal(frame.gray, expected(GRAY, 90, "horizontal")[10:74, 5:75])
    assert np.array_equal(frame.color, expected(COLOR, 90, "horizontal")[10:74, 5:75])
    assert not frame.gray.flags.writeable


def test_a_crop_of_the_whole_frame_is_allowed():
    """The largest crop reaches from edge to edge."""
    frame = Mounting(SourceSettings(crop=(0, 0, 100, 80))).orient(make_frame())
    assert np.array_equal(frame.gray, GRAY)


@pytest.mark.parametrize("crop", [(1, 0, 100, 80), (0, 1, 100, 80), (0, 0, 80, 100), (500, 500, 64, 64)])
def test_a_crop_outside_the_frame_is_an_error_that_names_the_size(crop):
    """The first frame shows that the crop does not fit: one line says what would."""
    with pytest.raises(ConfigError) as caught:
        Mounting(SourceSettings(crop=crop)).orient(make_frame())
    message = str(caught.value)
    assert message.startswith("source.crop: expected a region inside the 100x80 px of the turned frame, found [")
    assert "x + w may be up to 100, y + h up to 80" in message
    assert "\n" not in message


@pytest.mark.parametrize("done", ORIENTATIONS)
@pytest.mark.parametrize("wanted", ORIENTATIONS)
def test_any_orientation_is_reached_from_any_other(wanted, done):
    """What is left to do after one orientation leads to the other, for all 64 pairs."""
    assert np.array_equal(wanted.after(done).apply(done.apply(GRAY)), wanted.apply(GRAY))


@pytest.mark.parametrize("flip", ["none", "horizontal", "vertical"])
@pytest.mark.parametrize("before", ROTATIONS)
@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turn_turns_the_frame_as_it_is_seen(before, turn, flip):
    """After a turn the frames look like the earlier ones turned clockwise, even where the settings mirror them."""
    mounting = Mounting(SourceSettings(rotate=before, flip=flip))
    seen = mounting.orient(make_frame()).gray
    mounting.turn(turn)
    assert np.array_equal(mounting.orient(make_frame()).gray, np.rot90(seen, -turn // 90))


@pytest.mark.parametrize("flip", ["none", "horizontal", "vertical"])
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_single_frame_is_turned_as_it_is_seen(turn, flip):
    """A still image is turned by itself; the rotation of those after it stays."""
    mounting = Mounting(SourceSettings(flip=flip))
    seen = mounting.orient(make_frame())
    turned = mounting.turn_frame(seen, turn)
    assert np.array_equal(turned.gray, np.rot90(seen.gray, -turn // 90))
    assert np.array_equal(turned.color, np.rot90(seen.color, -turn // 90))
    assert turned.rotation == (turn if flip == "none" else -turn % 360)
    assert mounting.rotation == 0


def test_a_rotation_that_was_found_in_advance_is_used_from_the_first_frame(caplog):
    """A video is read in advance: the log says how it is turned, if it is."""
    caplog.set_level(logging.INFO)
    mounting = Mounting(SourceSettings(rotate="auto"))
    mounting.use_found(0, source="a.mp4")
    assert (mounting.rotation, mounting.is_found, caplog.messages) == (0, True, [])
    mounting.use_found(90, source="a.mp4")
    assert np.array_equal(mounting.orient(make_frame(source="a.mp4")).gray, expected(GRAY, 90, "none"))
    assert caplog.messages == ["a.mp4: turned by 90 degrees: faces are upright now"]


def test_a_turn_is_logged_once_and_remembered_for_this_camera(tmp_path, caplog):
    """A turn writes one line, and the next run begins with it; another camera begins upright."""
    caplog.set_level(logging.INFO)
    mounting = Mounting(SourceSettings(), RotationMemory(tmp_path))
    assert mounting.orient(make_frame()).rotation == 0
    assert (mounting.rotation, mounting.is_found) == (0, False)
    mounting.turn(180)
    assert mounting.orient(make_frame()).rotation == 180
    assert (mounting.rotation, mounting.is_found) == (180, True)
    assert caplog.messages == ["camera: turned by 180 degrees: faces are upright now"]

    later = Mounting(SourceSettings(), RotationMemory(tmp_path))
    assert np.array_equal(later.orient(make_frame()).gray, np.rot90(GRAY, 2))
    assert (later.rotation, later.is_found) == (180, True)
    assert Mounting(SourceSettings(), RotationMemory(tmp_path)).orient(make_frame(source="other")).rotation == 0


def test_a_rotation_of_the_settings_takes_precedence_over_the_remembered_one(tmp_path):
    """What the user sets holds, whatever was found before."""
    RotationMemory(tmp_path).store("camera", 180)
    mounting = Mounting(SourceSettings(rotate=90), RotationMemory(tmp_path))
    assert mounting.orient(make_frame()).rotation == 90
    assert (mounting.is_automatic, mounting.is_found) == (False, False)


def test_another_camera_does_not_keep_the_rotation_of_the_last_one(tmp_path):
    """When another camera takes the place of the first, its own rotation holds."""
    RotationMemory(tmp_path).store("camera", 180)
    mounting = Mounting(SourceSettings(), RotationMemory(tmp_path))
    rotations = [mounting.orient(make_frame(source=name)).rotation for name in ("camera", "other", "camera")]
    assert rotations == [180, 0, 180]
