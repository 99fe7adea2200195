"""A camera's picture that shows nothing is recognized after a while, and a good one never is."""

import cv2
import numpy as np
import pytest

from edge.scenes.catalogue import make_scene
from edge.vision.picture import CHECK_EVERY_S, CLEAR_S, MIN_CHECKS, PictureMonitor, judge_picture

AFTER_S = 10.0
RNG = np.random.default_rng(0)
SCENE = make_scene("one")
PICTURES = [cv2.cvtColor(SCENE.frame(index)[0], cv2.COLOR_BGR2GRAY) for index in range(3)]


def noisy(picture, deviation=2.0):
    """Return the picture with a sensor's noise, which is different each time."""
    return np.clip(picture + RNG.normal(0, deviation, picture.shape), 0, 255).astype(np.uint8)


def level(luma, *, slope=0.0, shape=(480, 640)):
    """Return a picture without an edge, of one luma that rises slightly from left to right."""
    return luma + slope * np.linspace(-1, 1, shape[1])[None] * np.ones((shape[0], 1))


def blurred(picture, px):
    return cv2.GaussianBlur(picture, (0, 0), px)


def watch(monitor, pictures, *, start_s=0.0, fps=5.0):
    """Feed a camera's pictures; return the time at which each fault began or ended, s after the start."""
    changes, before = [], monitor.fault
    for number, picture in enumerate(pictures):
        fault = monitor.update(picture, media_time_s=start_s + number / fps)
        if fault != before:
            changes.append((fault, number / fps))
        before = fault
    return changes


@pytest.mark.parametrize("name", ["one", "three", "empty", "fast", "demo"])
@pytest.mark.parametrize("size", [(640, 480), (320, 240), (1280, 720), (160, 120)])
@pytest.mark.parametrize("brightness", [1.0, 0.3])
def test_a_good_picture_has_no_fault(name, size, brightness):
    """Scenes of several sizes, also dim ones, show something, with and without noise."""
    scene = make_scene(name, width=size[0], height=size[1])
    picture = cv2.cvtColor(scene.frame(60)[0], cv2.COLOR_BGR2GRAY) * brightness
    assert judge_picture(picture.astype(np.uint8)) is None
    assert judge_picture(noisy(picture)) is None


@pytest.mark.parametrize(
    ("picture", "fault"),
    [
        (level(0), "dark"),
        (level(16), "dark"),
        (PICTURES[0] * 0.04, "dark"),
        (level(60, slope=4), "covered"),
        (level(130, slope=30), "covered"),
        (level(255), "covered"),
        (blurred(PICTURES[0], 10), "out of focus"),
        (blurred(PICTURES[0], 20), "out of focus"),
    ],
    ids=str,
)
@pytest.mark.parametrize("deviation", [0.0, 1.0, 2.0])
def test_each_fault_is_recognized(picture, fault, deviation):
    """A black, a covered and a badly defocused picture are told apart, also with noise."""
    assert judge_picture(noisy(picture, deviation)) == fault


@pytest.mark.parametrize("size", [(16, 16), (17, 33), (3000, 16), (16, 3000), (1, 1), (3, 2000)])
def test_a_picture_of_any_size_can_be_judged(size):
    """However thin a picture is, judging it does not fail."""
    judge_picture(RNG.integers(0, 256, size, dtype=np.uint8))


@pytest.mark.parametrize(
    ("picture", "fault"), [(level(0), "dark"), (level(70), "covered"), (blurred(PICTURES[0], 12), "out of focus")]
)
def test_a_fault_is_reported_once_it_has_lasted(picture, fault):
    """Within 15 s of the fault, and not before `after_s`; it ends `CLEAR_S` after the picture is good again."""
    monitor = PictureMonitor(after_s=AFTER_S)
    assert watch(monitor, [noisy(PICTURES[0]) for _ in range(20)]) == []
    ((found, at_s),) = watch(monitor, [noisy(picture) for _ in range(75)], start_s=4.0)
    assert found == fault
    assert AFTER_S <= at_s <= AFTER_S + 2 * CHECK_EVERY_S
    ((ended, at_s),) = watch(monitor, [noisy(PICTURES[0]) for _ in range(30)], start_s=19.0)
    assert ended is None
    assert CLEAR_S <= at_s <= CLEAR_S + 2 * CHECK_EVERY_S


def test_a_frozen_picture_is_reported_until_it_changes():
    """Bit-identical pictures for `after_s` are a fault, which ends with the first look at another picture."""
    monitor = PictureMonitor(after_s=AFTER_S)
    assert watch(monitor, [noisy(PICTURES[0]) for _ in range(20)]) == []
    still = noisy(PICTURES[0])
    ((found, at_s),) = watch(monitor, [still.copy() for _ in range(75)], start_s=4.0)
    assert found == "frozen"
    assert AFTER_S <= at_s <= AFTER_S + 3 * CHECK_EVERY_S
    ((ended, at_s),) = watch(monitor, [noisy(PICTURES[0]) for _ in range(30)], start_s=19.0)
    assert (ended, at_s <= CHECK_EVERY_S) == (None, True)


@pytest.mark.parametrize("quality", [30, 60, 90])
@pytest.mark.parametrize("deviation", [0.3, 1.0])
def test_a_camera_with_a_still_scene_is_not_frozen(quality, deviation):
    """JPEG removes most of a sensor's noise, but never all of it: no lit picture repeats bit for bit."""

    def capture():
        data = cv2.imencode(".jpg", noisy(PICTURES[0], deviation), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)

    monitor = PictureMonitor(after_s=AFTER_S)
    assert watch(monitor, [capture() for _ in range(16)], fps=1.0) == []


def test_a_black_picture_that_repeats_is_dark():
    """Black pictures are the only ones that a working camera repeats: they are called dark."""
    monitor = PictureMonitor(after_s=AFTER_S)
    pictures = [np.zeros((480, 640), np.uint8) for _ in range(15)]
    assert [fault for fault, _ in watch(monitor, pictures, fps=1.0)] == ["dark"]


def test_a_short_fault_is_not_reported():
    """A hand in front of the lens for a moment, or a camera that repeats a few pictures, is no fault."""
    monitor = PictureMonitor(after_s=AFTER_S)
    for start_s in (0.0, 20.0, 40.0):
        assert watch(monitor, [noisy(level(70)) for _ in range(40)], start_s=start_s) == []
        assert watch(monitor, [noisy(PICTURES[0]) for _ in range(20)], start_s=start_s + 8.0) == []


def test_a_pause_between_two_pictures_is_no_fault():
    """After a pause of the process one odd picture does not count for the whole pause."""
    monitor = PictureMonitor(after_s=AFTER_S)
    monitor.update(noisy(level(0)), media_time_s=0.0)
    for number in range(1, MIN_CHECKS - 1):
        assert monitor.update(noisy(level(0)), media_time_s=60.0 * number) is None


@pytest.mark.usefixtures("datasets")
def test_hardly_any_photograph_has_a_fault(datasets):
    """Of photographs of one face each, with blurred backgrounds and smooth skin, at most one in a hundred is soft."""
    paths = sorted((datasets / "photos").glob("*/*"))[::3]
    judged = [judge_picture(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)) for path in paths]
    assert len(judged) > 100
    assert sum(fault is not None for fault in judged) <= 0.01 * len(judged)
