"""Screens look as intended on a display of any size, compared with reference pictures that a person has checked.

After an intended change, `python tests/edge/sinks/display/test_layout.py` draws the reference pictures again. Look at
each of them before you keep it.
"""

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.records import Box
from edge.sinks.colors import COLORS
from edge.sinks.display.canvas import Canvas
from edge.sinks.display.examples import EXAMPLES, draw_contact_sheet
from edge.sinks.display.layout import draw_screen
from edge.sinks.display.screens import FaceOnScreen, FacesScreen, MessageScreen, SharesScreen

REFERENCES = Path(__file__).parent / "screens"
SIZES = [(128, 64, False), (160, 128, True), (320, 240, True)]
MANY_SIZES = [(64, 32), (96, 16), (128, 32), (128, 128), (80, 160), (240, 240), (240, 320), (1920, 1080)]


def reference_path(width, height):
    return REFERENCES / f"{width}x{height}.png"


def draw(screen, width=128, height=64, *, colored=False):
    return draw_screen(screen, width=width, height=height, colored=colored)


def face(emotion="happy", confidence=0.8):
    return FaceOnScreen(emotion, confidence)


@pytest.mark.parametrize(("width", "height", "colored"), SIZES)
def test_every_screen_looks_like_its_reference(width, height, colored):
    """Two in a thousand pixels may differ, as they do between versions of OpenCV."""
    expected = cv2.imread(str(reference_path(width, height)))
    drawn = draw_contact_sheet(width, height, colored=colored)
    assert drawn.shape == expected.shape
    differing = np.abs(drawn.astype(int) - expected).max(axis=2) > 64
    assert differing.mean() < 0.002


@pytest.mark.parametrize(("width", "height"), MANY_SIZES)
@pytest.mark.parametrize("name", EXAMPLES)
def test_each_screen_can_be_drawn_at_any_size(name, width, height):
    """The picture has the size of the display and is not empty."""
    picture = draw(EXAMPLES[name], width, height, colored=True)
    assert picture.shape == (height, width, 3)
    assert picture.any()


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_one_bit_display_gets_black_and_white_only(name):
    """Anti-aliased edges would look ragged on such a display."""
    assert set(np.unique(draw(EXAMPLES[name]))) == {0, 255}


@pytest.mark.parametrize("emotion", COLORS)
def test_a_face_has_the_colour_of_its_emotion(emotion):
    """The colours are those of the page and the annotated video."""
    picture = draw(FacesScreen((face(emotion),)), 320, 240, colored=True)
    assert np.all(picture == COLORS[emotion][::-1], axis=2).sum() > 5000


def test_the_bar_grows_with_the_confidence():
    """In the row of the bar, more pixels are lit for a higher confidence."""
    lit = [draw(FacesScreen((face(confidence=share),)))[32, 66:].any(axis=1).sum() for share in (0.0, 0.5, 1.0)]
    assert lit[0] < lit[1] < lit[2]


def test_faces_that_do_not_fit_are_replaced_by_their_number():
    """On a display with eight cells, nine and ten faces differ in the number in the last cell only."""
    nine, ten = (draw(FacesScreen((face(),) * count)) for count in (9, 10))
    differing = np.argwhere((nine != ten).any(axis=2))
    assert len(differing)
    assert differing.min(axis=0).tolist() >= [32, 96]


def test_a_throttled_board_has_an_icon_in_the_corner():
    """The icon does not move or cover the face."""
    throttled, normal = draw(FacesScreen((face(),), throttled=True)), draw(FacesScreen((face(),)))
    differing = np.argwhere((throttled != normal).any(axis=2))
    assert len(differing)
    assert differing[:, 0].max() < 12
    assert differing[:, 1].min() > 112


def test_a_short_address_is_complete_on_the_smallest_display():
    """Each further letter makes the line wider, and none is cut off at the edge."""
    widths = [
        np.ptp(np.argwhere(draw(MessageScreen("page", "live page", footer="8" * count))[52:].any(axis=(0, 2))))
        for count in (5, 10, 15)
    ]
    assert widths[0] < widths[1] < widths[2] < 127


def test_a_long_address_takes_a_second_line():
    """On an upright display a long address is wrapped instead of cut off."""
    one, two = (draw(MessageScreen("page", "live page", footer="8" * count), 80, 160) for count in (8, 18))
    rows = [int((picture[120:].any(axis=(1, 2))).sum()) for picture in (one, two)]
    assert rows[1] >= rows[0] + 4 > 4


def test_a_word_longer_than_a_line_is_wrapped():
    """Sixty letters without a space continue on the next lines."""
    lines = draw(MessageScreen("camera", "title", "x" * 60), 128, 128)
    assert lines[70:].any()


def test_text_stays_inside_its_box():
    """Text that is too long is cut off instead of covering its neighbour."""
    canvas = Canvas(128, 64, colored=False)
    canvas.text("a title of many words", Box(40, 20, 48, 20))
    lit = np.argwhere(canvas.pixels.any(axis=2))
    assert lit[:, 1].min() >= 39
    assert lit[:, 1].max() <= 89


def test_a_minute_without_a_face_differs_from_one_with_faces():
    """Without shares the screen of the last minute has a text in place of the bars."""
    assert not np.array_equal(draw(SharesScreen(())), draw(SharesScreen((("happy", 1.0),))))


if __name__ == "__main__":
    from PIL import Image

    for width, height, colored in SIZES:
        sheet = Image.fromarray(cv2.cvtColor(draw_contact_sheet(width, height, colored=colored), cv2.COLOR_BGR2RGB))
        sheet.quantize(64, dither=Image.Dither.NONE).save(reference_path(width, height), optimize=True)
