"""Distance and light: each change does to a face what it says, and a model is measured under it."""

from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from edge.errors import MediaError
from edge.records import Box
from edge.shipped import SHIPPED_MODEL
from edge.vision.classify import EmotionClassifier
from train.conditions import Conditions, find_faces, measure_conditions, on_card, picture_path
from train.plots import draw_conditions
from train.spoil import AXES, CHANGES, Face

ASTRONAUT = Path(__file__).resolve().parents[2] / "edge" / "assets" / "astronaut_face.png"
SIDE = 100


@pytest.fixture
def face():
    """A striped face in the middle of a picture."""
    gray = np.full((200, 200), 100, np.uint8)
    gray[50:150:4, 50:150] = 140
    return Face(gray, Box(50, 50, SIDE, SIDE), 3)


def spoil(kind, face, value):
    change, _ = CHANGES[kind]
    return change(face, value, np.random.default_rng(0))


def test_a_smaller_face_has_the_side_asked_for(face):
    """The picture shrinks with its box; nothing is made larger than it was."""
    gray, box = spoil("face size", face, 40)
    assert (gray.shape, box) == ((80, 80), Box(20, 20, 40, 40))
    gray, box = spoil("face size", face, 200)
    assert (gray.shape, box) == ((200, 200), face.box)


def test_light_is_a_factor_that_ends_at_white(face):
    """Half as bright, and twice as bright with its highlights gone."""
    assert spoil("brightness", face, 0.5)[0].max() == 70
    assert set(np.unique(spoil("brightness", face, 2.0)[0])) == {200, 255}


def test_noise_has_the_deviation_asked_for(face):
    """Levels of luma, the same at every run."""
    noisy = spoil("noise", face, 10.0)[0].astype(float) - face.gray
    assert noisy.std() == pytest.approx(10, rel=0.05)
    np.testing.assert_array_equal(spoil("noise", face, 10.0)[0], spoil("noise", face, 10.0)[0])


def test_blur_goes_with_the_size_of_the_face(face):
    """At 6 % of the face's side the stripes are gone, at none they stay."""
    assert spoil("blur", face, 0.06)[0][60:140, 60:140].std() < 1
    np.testing.assert_array_equal(spoil("blur", face, 0.0)[0], face.gray)


@pytest.fixture
def photographs(tmp_path):
    """Enough of one emotion to count, and a picture without a face."""
    picture = cv2.imread(str(ASTRONAUT), cv2.IMREAD_GRAYSCALE)
    picture = cv2.copyMakeBorder(picture, 60, 60, 60, 60, cv2.BORDER_REPLICATE)
    (tmp_path / "photos" / "happy").mkdir(parents=True)
    (tmp_path / "photos" / "sad").mkdir()
    for number in range(20):
        cv2.imwrite(str(tmp_path / "photos" / "happy" / f"{number}.png"), picture)
    cv2.imwrite(str(tmp_path / "photos" / "sad" / "wall.png"), np.full((200, 200), 90, np.uint8))
    return tmp_path / "photos"


def test_a_model_is_measured_under_each_condition(photographs, tmp_path):
    """The astronaut smiles, as long as there is light and she is near enough."""
    measured = measure_conditions(SHIPPED_MODEL, photographs)
    assert measured.faces == 20
    assert measured.halves == (1.0, 1.0)
    by = {(row.kind, row.value): row for row in measured.measured}
    assert len(by) == sum(len(values) for _, values in CHANGES.values())
    assert by["brightness", 1.0].accuracy == by["noise", 0.0].accuracy == 1.0
    assert by["brightness", 1.0].refused == 0.0
    assert by["brightness", 0.1].refused == by["face size", 24].refused == by["blur", 0.06].refused == 1.0
    draw_conditions(measured.measured, AXES).savefig(tmp_path / "conditions.png")
    assert cv2.imread(str(tmp_path / "conditions.png")) is not None
    again = msgspec.json.decode(msgspec.json.encode(measured), type=Conditions)
    assert again == measured


def test_a_face_is_named_both_ways(photographs, monkeypatch):
    """As the runtime names one in a picture; what is said one way alone is not asked for."""
    asked = []

    def both_ways(self, face):
        asked.append(face)
        return self.score(face)

    monkeypatch.setattr(EmotionClassifier, "score_both_ways", both_ways)
    measured = measure_conditions(SHIPPED_MODEL, photographs)
    assert len(asked) == measured.faces * (1 + len(measured.measured))


def test_photographs_without_a_face_are_told(tmp_path):
    """Nothing could be measured on them."""
    (tmp_path / "sad").mkdir()
    cv2.imwrite(str(tmp_path / "sad" / "wall.png"), np.full((200, 200), 90, np.uint8))
    with pytest.raises(MediaError, match="expected photographs with faces, found none"):
        find_faces(tmp_path)


def test_the_card_ends_with_the_figures(photographs):
    """Older ones are replaced, the rest of the card stays."""
    measured = measure_conditions(SHIPPED_MODEL, photographs)
    card = on_card("# net\n\nIt is small.\n\n## Distance and light\n\nolder\n", measured, "net.conditions.png")
    assert card.startswith("# net\n\nIt is small.\n\n## Distance and light\n\nThe faces of 20 photographs")
    assert "older" not in card
    assert "(net.conditions.png)" in card
    assert "| side of the face, px of the frame | 24 |" in card
    assert on_card(card, measured, "net.conditions.png") == card
    assert picture_path(Path("models/net.tflite")) == Path("models/net.conditions.png")
