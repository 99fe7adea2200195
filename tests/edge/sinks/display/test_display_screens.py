"""What stands on a display, whatever its size, compared with pictures that were looked at.

After a change on purpose: `python tests/edge/sinks/display/test_display_screens.py` draws the pictures anew. Look at
each of them before it is kept.
"""

from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.labels import EMOTIONS, UNCERTAIN
from edge.records import Box
from edge.sinks.colors import COLORS
from edge.sinks.display.canvas import Canvas
from edge.sinks.display.faces import draw_face
from edge.sinks.display.screens import Faces, Notice, Shares, ShownFace, draw_screen
from edge.sinks.display.tour import SCREENS, draw_sheet

REFERENCES = Path(__file__).parent / "screens"
SIZES = [(128, 64, False), (160, 128, True), (320, 240, True)]
MANY_SIZES = [(64, 32), (96, 16), (128, 32), (128, 128), (80, 160), (240, 240), (240, 320), (1920, 1080)]


def sheet_path(width, height):
    return REFERENCES / f"{width}x{height}.png"


def draw(screen, width=128, height=64, *, colored=False):
    return draw_screen(screen, width=width, height=height, colored=colored)


def face(emotion="happy", confidence=0.8):
    return ShownFace(emotion, confidence)


@pytest.mark.parametrize(("width", "height", "colored"), SIZES)
def test_every_screen_is_as_it_was_looked_at(width, height, colored):
    """A few pixels may differ, as from one version of OpenCV to the next."""
    expected = cv2.imread(str(sheet_path(width, height)))
    drawn = draw_sheet(width, height, colored=colored)
    assert drawn.shape == expected.shape
    differing = np.abs(drawn.astype(int) - expected).max(axis=2) > 64
    assert differing.mean() < 0.002


@pytest.mark.parametrize(("width", "height"), MANY_SIZES)
@pytest.mark.parametrize("name", SCREENS)
def test_each_screen_can_be_drawn_on_a_display_of_any_size(name, width, height):
    """Something is to be seen, and the picture has the display's size."""
    picture = draw(SCREENS[name], width, height, colored=True)
    assert picture.shape == (height, width, 3)
    assert picture.any()


@pytest.mark.parametrize("name", SCREENS)
def test_on_a_one_bit_display_all_is_black_or_white(name):
    """A grey edge would be torn."""
    assert set(np.unique(draw(SCREENS[name]))) == {0, 255}


@pytest.mark.parametrize(("radius", "colored"), [(14, False), (28, False), (60, True)])
def test_no_two_faces_look_alike(radius, colored):
    """By their features alone: without colour a tenth of the head at least is another, or nearly."""
    heads = {}
    for emotion in (*EMOTIONS, UNCERTAIN):
        canvas = Canvas(2 * radius + 2, 2 * radius + 2, colored=colored)
        draw_face(canvas, emotion, x=radius, y=radius, radius=radius)
        heads[emotion] = canvas.pixels.max(axis=2) > 127
    for one, other in combinations(heads, 2):
        assert np.mean(heads[one] != heads[other]) > 0.03, (one, other)


@pytest.mark.parametrize("emotion", COLORS)
def test_a_face_has_the_colour_of_its_emotion(emotion):
    """The same as on the page and in the annotated video."""
    picture = draw(Faces((face(emotion),)), 320, 240, colored=True)
    assert np.all(picture == COLORS[emotion][::-1], axis=2).sum() > 5000


def test_the_bar_grows_with_the_confidence():
    """Row by row: where it is, and nothing else, more is white."""
    lit = [draw(Faces((face(confidence=share),)))[32, 66:].any(axis=1).sum() for share in (0.0, 0.5, 1.0)]
    assert lit[0] < lit[1] < lit[2]


def test_more_faces_than_have_room_are_told_as_a_number():
    """Seven faces and a number: another one more makes another number."""
    nine, ten = (draw(Faces((face(),) * count)) for count in (9, 10))
    differing = np.argwhere((nine != ten).any(axis=2))
    assert len(differing)
    assert differing.min(axis=0).tolist() >= [32, 96]


def test_that_the_board_is_held_back_is_said_beside_the_face():
    """By a sign in the corner; the face stays where it is."""
    slow, well = draw(Faces((face(),), slow=True)), draw(Faces((face(),)))
    differing = np.argwhere((slow != well).any(axis=2))
    assert len(differing)
    assert differing[:, 0].max() < 12
    assert differing[:, 1].min() > 112


def test_a_short_address_is_whole_on_the_smallest_display():
    """Each further letter makes it wider; none falls off the edge."""
    widths = [
        np.ptp(np.argwhere(draw(Notice("page", "live page", foot="8" * count))[52:].any(axis=(0, 2))))
        for count in (5, 10, 15)
    ]
    assert widths[0] < widths[1] < widths[2] < 127


def test_a_long_address_takes_a_second_line():
    """On an upright display; nothing of it is cut off."""
    one, two = (draw(Notice("page", "live page", foot="8" * count), 80, 160) for count in (8, 18))
    rows = [int((picture[120:].any(axis=(1, 2))).sum()) for picture in (one, two)]
    assert rows[1] >= rows[0] + 4 > 4


def test_a_text_with_a_word_longer_than_the_line_is_broken():
    lines = draw(Notice("camera", "title", "x" * 60), 128, 128)
    assert lines[70:].any()


def test_a_text_never_leaves_its_place():
    """What is too long is cut off, not written over its neighbour."""
    canvas = Canvas(128, 64, colored=False)
    canvas.text("a title of many words", Box(40, 20, 48, 20))
    lit = np.argwhere(canvas.pixels.any(axis=2))
    assert lit[:, 1].min() >= 39
    assert lit[:, 1].max() <= 89


def test_where_nobody_was_seen_the_minute_says_so():
    assert not np.array_equal(draw(Shares(())), draw(Shares((("happy", 1.0),))))


if __name__ == "__main__":
    from PIL import Image

    for width, height, colored in SIZES:
        sheet = Image.fromarray(cv2.cvtColor(draw_sheet(width, height, colored=colored), cv2.COLOR_BGR2RGB))
        sheet.quantize(64, dither=Image.Dither.NONE).save(sheet_path(width, height), optimize=True)
