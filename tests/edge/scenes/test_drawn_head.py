"""The drawn person is found as a face, and the model recognizes the expressions."""

import cv2
import numpy as np
import pytest

from edge.records import Box
from edge.scenes.animation import Pose, stationary
from edge.scenes.drawn_head import HAPPY, NEUTRAL, SURPRISED, draw_head, expression_keyframes
from edge.scenes.render import MovingFace, Scene


@pytest.mark.parametrize(("expression", "label"), [(NEUTRAL, "neutral"), (SURPRISED, "surprise"), (HAPPY, "happy")])
@pytest.mark.parametrize("size", [60, 98, 160])
def test_each_expression_is_found_and_recognized(classifier, expression, label, size):
    """The cascade finds the drawn face at its true box, and the model names its expression, at any size."""
    face = MovingFace(stationary(Pose(160, 120, size)), expression=lambda _time_s: expression)
    image, (truth,) = Scene("test", 320, 240, 10, 1, (face,)).frame(0)
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_alt2.xml")
    found = [Box(*map(int, box)) for box in cascade.detectMultiScale(gray, 1.1, 3, minSize=(40, 40))]
    assert [truth.iou(box) > 0.7 for box in found] == [True]
    scores = classifier.score_with_mirror(classifier.crop(gray, found[0]))
    assert classifier.labels[int(scores.probabilities.argmax())] == label


def test_drawing_is_reproducible_and_shared():
    """The same expression gives the same drawing, drawn once; another one differs in the face and not in the hair."""
    happy, neutral = draw_head(HAPPY), draw_head(NEUTRAL)
    assert draw_head(HAPPY) is happy
    assert happy.shape == neutral.shape == (177, 156, 4)
    assert np.array_equal(happy[..., 3], neutral[..., 3])
    assert np.array_equal(happy[:40], neutral[:40])
    assert not np.array_equal(happy[90:150], neutral[90:150])


def test_expressions_change_in_a_few_steps():
    """Between two keyframes the expression changes in few steps, since each needs its own drawing."""
    motion = expression_keyframes((1, NEUTRAL), (2, HAPPY), (3, SURPRISED))
    assert (motion(0), motion(1), motion(2), motion(9)) == (NEUTRAL, NEUTRAL, HAPPY, SURPRISED)
    between = {motion(1 + n / 1000) for n in range(1000)}
    assert 5 < len(between) < 12
    assert 0 < motion(1.5).smile < HAPPY.smile
