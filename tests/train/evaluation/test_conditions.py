"""Robustness to distance, light, noise and blur: the corruptions, and the measurement of a model under them."""

from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from edge.errors import MediaError
from edge.model.bundled import BUNDLED_MODEL
from edge.records import Box
from edge.vision.classify import EmotionClassifier
from train.evaluation.conditions import RobustnessResults, find_faces, measure_conditions, plot_path, update_card
from train.evaluation.corruptions import AXIS_LABELS, CORRUPTIONS, PhotoFace, add_noise, turn_image
from train.evaluation.metrics import MIN_FACES
from train.evaluation.plots import draw_conditions

ASTRONAUT = Path(__file__).resolve().parents[3] / "edge" / "assets" / "astronaut_face.png"
SIDE = 100


@pytest.fixture
def face():
    """A striped face in the middle of a photograph."""
    gray = np.full((200, 200), 100, np.uint8)
    gray[50:150:4, 50:150] = 140
    return PhotoFace(gray, Box(50, 50, SIDE, SIDE), 0.0, 3)


def corrupt(kind, face, value):
    """Apply a corruption; return the photograph and the face's box."""
    corruption, _ = CORRUPTIONS[kind]
    return corruption(face, value, np.random.default_rng(0))


def test_shrunk_face_has_the_given_side(face):
    """The photograph shrinks together with the face's box, and is never enlarged."""
    gray, box = corrupt("face size", face, 40)
    assert (gray.shape, box) == ((80, 80), Box(20, 20, 40, 40))
    gray, box = corrupt("face size", face, 200)
    assert (gray.shape, box) == ((200, 200), face.box)


def test_brightness_is_a_factor_and_saturates_at_white(face):
    """Luma is multiplied by the factor and clipped at white."""
    assert corrupt("brightness", face, 0.5)[0].max() == 70
    assert set(np.unique(corrupt("brightness", face, 2.0)[0])) == {200, 255}


def test_noise_has_the_given_deviation(face):
    """Noise has the given standard deviation in levels of luma, and is the same for the same seed."""
    noisy = corrupt("noise", face, 10.0)[0].astype(float) - face.gray
    assert noisy.std() == pytest.approx(10, rel=0.05)
    np.testing.assert_array_equal(corrupt("noise", face, 10.0)[0], corrupt("noise", face, 10.0)[0])


def test_blur_is_relative_to_the_size_of_the_face(face):
    """A blur of 6 % of the face's side removes fine stripes; one of 0 changes nothing."""
    assert corrupt("blur", face, 0.06)[0][60:140, 60:140].std() < 1
    np.testing.assert_array_equal(corrupt("blur", face, 0.0)[0], face.gray)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Results of the shipped model on `MIN_FACES` photographs of one happy face."""
    return measure_conditions(BUNDLED_MODEL, write_photographs(tmp_path_factory.mktemp("conditions")))


def write_photographs(folder):
    """Write `MIN_FACES` photographs of one happy face, and a sad one without a face; return their folder."""
    image = cv2.imread(str(ASTRONAUT), cv2.IMREAD_GRAYSCALE)
    image = cv2.copyMakeBorder(image, 60, 60, 60, 60, cv2.BORDER_REPLICATE)
    for emotion in ("happy", "sad"):
        (folder / emotion).mkdir()
    for number in range(MIN_FACES):
        cv2.imwrite(str(folder / "happy" / f"{number}.png"), image)
    cv2.imwrite(str(folder / "sad" / "wall.png"), np.full((200, 200), 90, np.uint8))
    return folder


def test_model_is_measured_under_each_condition(results, tmp_path):
    """Every condition has a result, faces that are too dark, small or blurred are refused, and the plot is drawn."""
    assert results.faces == MIN_FACES
    assert results.halves == (1.0, 1.0)
    by = {(row.kind, row.value): row for row in results.conditions}
    assert len(by) == sum(len(values) for _, values in CORRUPTIONS.values())
    assert by["brightness", 1.0].accuracy == by["noise", 0.0].accuracy == 1.0
    assert by["brightness", 1.0].refused == 0.0
    assert by["brightness", 0.1].refused == by["face size", 24].refused == by["blur", 0.06].refused == 1.0
    draw_conditions(results.conditions, AXIS_LABELS).savefig(tmp_path / "conditions.png")
    assert cv2.imread(str(tmp_path / "conditions.png")) is not None
    again = msgspec.json.decode(msgspec.json.encode(results), type=RobustnessResults)
    assert again == results


def test_faces_are_classified_both_ways(tmp_path, monkeypatch):
    """Each face is classified with `score_with_mirror`, as the runtime classifies still images."""
    scored = []

    def both_ways(self, face):
        scored.append(face)
        return self.score(face)

    monkeypatch.setattr(EmotionClassifier, "score_with_mirror", both_ways)
    monkeypatch.setattr("train.evaluation.conditions.CORRUPTIONS", {"noise": (add_noise, (0.0, 5.0))})
    results = measure_conditions(BUNDLED_MODEL, write_photographs(tmp_path))
    assert len(scored) == results.faces * (1 + 2)


def test_turned_face_is_cropped_upright(tmp_path, monkeypatch):
    """A head that leans by 30 degrees is found with its roll, and its crop is upright like the runtime's."""
    image = cv2.imread(str(ASTRONAUT), cv2.IMREAD_GRAYSCALE)
    image = cv2.copyMakeBorder(image, 60, 60, 60, 60, cv2.BORDER_REPLICATE)
    (tmp_path / "happy").mkdir()
    for number, roll_deg in enumerate((0.0, 30.0)):
        cv2.imwrite(str(tmp_path / "happy" / f"{number}.png"), turn_image(image, roll_deg))
    scored = []
    score = EmotionClassifier.score_with_mirror
    monkeypatch.setattr(
        EmotionClassifier, "score_with_mirror", lambda net, face: scored.append(face) or score(net, face)
    )
    monkeypatch.setattr("train.evaluation.conditions.CORRUPTIONS", {})
    monkeypatch.setattr("train.evaluation.conditions.MIN_FACES", 1)
    measure_conditions(BUNDLED_MODEL, tmp_path)
    upright, turned = (face.astype(float) for face in scored)
    leaning = turn_image(scored[0], 30.0).astype(float)
    assert np.abs(upright - turned).mean() < np.abs(leaning - turned).mean() / 2


def test_photographs_without_a_face_are_an_error(tmp_path):
    """A folder in which no photograph has a face raises an error."""
    (tmp_path / "sad").mkdir()
    cv2.imwrite(str(tmp_path / "sad" / "wall.png"), np.full((200, 200), 90, np.uint8))
    with pytest.raises(MediaError, match="expected photographs with faces, found none"):
        find_faces(tmp_path)


def test_card_ends_with_the_results(results):
    """The card's last section has the results; it replaces an older one and leaves the rest of the card."""
    card = update_card("# net\n\nIt is small.\n\n## Distance and light\n\nolder\n", results, "net.conditions.png")
    assert card.startswith("# net\n\nIt is small.\n\n## Distance and light\n\nThe faces of 20 photographs")
    assert "older" not in card
    assert "(net.conditions.png)" in card
    assert "| side of the face, px of the frame | 24 |" in card
    assert update_card(card, results, "net.conditions.png") == card
    assert plot_path(Path("models/net.tflite")) == Path("models/net.conditions.png")
