"""Augmentation: each setting does what it says, within its range, and nothing else."""

import argparse

import cv2
import msgspec
import numpy as np
import pytest

from edge.manifest import Framing
from edge.scenes.head import FACE_IN_PICTURE, FACE_PICTURE
from edge.settings import DetectSettings
from edge.vision.crop import crop_face
from edge.vision.detect import HaarDetector
from train.augment import Augmentation, augment
from train.options import add_options

COUNT = 500
SIZE = 48

OFF = Augmentation(
    flip=0,
    rotation_deg=0,
    zoom=(1, 1),
    shift=0,
    gamma=(1, 1),
    contrast=(1, 1),
    brightness=0,
    soften=0,
    blur=0,
    erase=0,
    mixup=0,
)


STRENGTHS = [name for name in Augmentation.__struct_fields__ if name not in {"blur_sigma", "erase_side"}]
"""The settings that switch a change off or on."""


def only(**settings):
    """Nothing but these settings."""
    return msgspec.structs.replace(OFF, **settings)


def vary(faces, settings, seed=0):
    """The faces as augmented without mixup, (N, 48, 48) uint8."""
    settings = msgspec.structs.replace(settings, mixup=0)
    floats, _ = augment(faces, np.ones((len(faces), 1), np.float32), settings, np.random.default_rng(seed))
    return np.rint(floats * 255).astype(np.uint8)


def many(face, **settings):
    """`COUNT` variants of one face, (COUNT, 48, 48) uint8."""
    return vary(np.repeat(face[np.newaxis], COUNT, axis=0), only(**settings))


def square(side=16, light=255):
    """A bright square in the middle of a black picture."""
    face = np.zeros((SIZE, SIZE), np.uint8)
    edge = (SIZE - side) // 2
    face[edge : edge + side, edge : edge + side] = light
    return face


def centres(faces):
    """(N, 2) x, y of the light's middle, px from the picture's."""
    light = faces / faces.sum(axis=(1, 2), keepdims=True)
    steps = np.arange(SIZE) - (SIZE - 1) / 2
    return np.stack([(light.sum(axis=1) * steps).sum(axis=1), (light.sum(axis=2) * steps).sum(axis=1)], axis=1)


def detail(faces):
    """(N,) energy of the finest structures."""
    return np.array([cv2.Laplacian(face, cv2.CV_32F).var() for face in faces])


@pytest.fixture(scope="module")
def portrait():
    """A real face, (48, 48) uint8."""
    return crop_face(cv2.imread(str(FACE_PICTURE), cv2.IMREAD_GRAYSCALE), FACE_IN_PICTURE, framing=Framing(), size=SIZE)


def test_with_all_settings_off_a_face_stays_as_it_is(portrait):
    """Bit for bit: no step leaves a trace of its own."""
    assert np.array_equal(many(portrait), np.repeat(portrait[np.newaxis], COUNT, axis=0))


def test_defaults_vary_every_face_and_leave_the_given_ones_alone(portrait):
    """All changes are on by default; what comes back is float32 0 ... 1; no variant comes twice."""
    faces, targets = np.repeat(portrait[np.newaxis], COUNT, axis=0), np.ones((COUNT, 1), np.float32)
    varied, _ = augment(faces, targets, Augmentation(), np.random.default_rng(0))
    assert varied.shape == faces.shape
    assert varied.dtype == np.float32
    assert varied.min() >= 0.0
    assert 0.9 < varied.max() <= 1.0
    assert (faces == portrait).all()
    assert (targets == 1).all()
    assert len(np.unique(varied.reshape(COUNT, -1), axis=0)) == COUNT
    assert not [name for name in STRENGTHS if np.all(getattr(Augmentation(), name) == getattr(OFF, name))]


def test_variants_follow_from_the_generator(portrait):
    """The same generator state gives the same faces, another one others."""
    first, again, other = (vary(portrait[np.newaxis], Augmentation(), seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_one_setting_does_not_alter_what_the_others_do(portrait):
    """Without blocks the rest of every face is the same as with them: a setting can be judged by itself."""
    faces = np.repeat(portrait[np.newaxis], 50, axis=0)
    whole, hidden = (vary(faces, Augmentation(erase=share, erase_side=(0.3, 0.3))) for share in (0, 1))
    assert ((whole != hidden).sum(axis=(1, 2)) <= (0.3 * SIZE) ** 2).all()


def test_default_framing_covers_how_a_haar_box_strays():
    """The runtime's detector on one face, moved, turned and scaled: its box never leaves the range that is trained."""
    picture = cv2.imread(str(FACE_PICTURE), cv2.IMREAD_GRAYSCALE)
    detector = HaarDetector(DetectSettings())
    rng = np.random.default_rng(0)
    middle = (picture.shape[1] / 2, picture.shape[0] / 2)
    strayed = []
    for _ in range(25):
        scale, angle, move = rng.uniform(0.7, 1.1), rng.uniform(-12, 12), rng.uniform(-10, 10, 2)
        matrix = cv2.getRotationMatrix2D(middle, angle, scale)
        matrix[:, 2] += move
        shown = cv2.warpAffine(picture, matrix, picture.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
        box = detector.detect(shown)[0].box
        back = cv2.invertAffineTransform(matrix) @ [box.x + box.w / 2, box.y + box.h / 2, 1]
        strayed.append([*back, box.w / scale])
    x, y, width = (np.array(strayed) / np.median(strayed, axis=0)[2]).T
    defaults = Augmentation()
    assert np.ptp(width) > 0.05, "the detector does stray"
    assert max(np.abs(x - np.median(x)).max(), np.abs(y - np.median(y)).max()) < defaults.shift
    assert defaults.zoom[0] < width.min() <= width.max() < defaults.zoom[1]


def test_flip_mirrors_exactly(portrait):
    """Not a pixel beside it; at 0.5 about every other face."""
    assert (many(portrait, flip=1.0) == portrait[:, ::-1]).all()
    flipped = (many(portrait, flip=0.5) == portrait[:, ::-1]).all(axis=(1, 2))
    assert 0.4 < flipped.mean() < 0.6


def test_rotation_turns_to_both_sides_as_far_as_it_says():
    """A dot beside the middle moves along a circle, 30 degrees at most."""
    face = np.zeros((SIZE, SIZE), np.uint8)
    face[22:26, 40:44] = 255
    x, y = centres(many(face, rotation_deg=30.0)).T
    turn = np.degrees(np.arctan2(y, x))
    assert np.allclose(np.hypot(x, y), 18.0, atol=0.3)
    assert np.abs(turn).max() < 30.5
    assert turn.min() < -28
    assert turn.max() > 28


@pytest.mark.parametrize(("zoom", "widest", "narrowest"), [((2.0, 2.0), 8.0, 8.0), ((0.5, 1.25), 32.0, 12.8)])
def test_zoom_widens_and_narrows_the_frame(zoom, widest, narrowest):
    """In a frame twice as wide the face is half as wide; a range is used up to both of its ends."""
    width = np.sqrt(many(square(16), zoom=zoom).sum(axis=(1, 2)) / 255)
    assert width.max() == pytest.approx(widest, rel=0.03)
    assert width.min() == pytest.approx(narrowest, rel=0.03)


def test_shift_moves_both_ways_as_far_as_it_says():
    """A tenth of 48 px, left and right, up and down, each by itself."""
    moved = centres(many(square(), shift=0.1))
    assert np.abs(moved).max() < 4.85
    assert (moved.max(axis=0) > 4.6).all()
    assert (moved.min(axis=0) < -4.6).all()
    assert abs(np.corrcoef(moved.T)[0, 1]) < 0.2


def test_what_moves_in_is_the_edge_repeated(portrait):
    """As the runtime fills what lies outside the picture: black would be a mark of its own."""
    assert (many(np.full((SIZE, SIZE), 90, np.uint8), shift=0.5, rotation_deg=45, zoom=(1, 2)) == 90).all()
    assert many(np.maximum(portrait, 40), shift=0.5).min() >= 40


def test_gamma_bends_the_light_between_black_and_white():
    """At 2 the light is squared; in a range mid-grey goes both ways, and black and white stay."""
    ramp = np.linspace(0, 255, SIZE * SIZE).astype(np.uint8).reshape(SIZE, SIZE)
    assert np.array_equal(many(ramp, gamma=(2, 2))[0], np.rint((ramp / 255) ** 2 * 255))
    bent = many(ramp, gamma=(0.5, 2))
    assert (bent[:, 0, 0] == 0).all()
    assert (bent[:, -1, -1] == 255).all()
    middle = bent[:, SIZE // 2, 0]
    assert middle.min() == pytest.approx(64, abs=3)
    assert middle.max() == pytest.approx(180, abs=3)
    assert 0.4 < (middle < 127).mean() < 0.6, "half of the faces darken, half brighten"


def test_contrast_spreads_the_light_about_the_mean():
    """Twice the deviation at 2, half at 0.5, the same mean."""
    face = (100 + 40 * np.random.default_rng(0).random((SIZE, SIZE))).astype(np.uint8)
    for factor in (0.5, 2.0):
        varied = many(face, contrast=(factor, factor))[0]
        assert varied.std() == pytest.approx(face.std() * factor, rel=0.02)
        assert varied.mean() == pytest.approx(face.mean(), abs=0.5)
    spread = many(face, contrast=(0.5, 2.0)).std(axis=(1, 2)) / face.std()
    assert spread.min() < 0.55
    assert spread.max() > 1.95


def test_brightness_adds_and_takes_light_as_far_as_it_says():
    """0.2 of white to either side, the same for every pixel of a face."""
    light = many(np.full((SIZE, SIZE), 100, np.uint8), brightness=0.2).astype(int)
    assert (light == light[:, :1, :1]).all()
    added = light[:, 0, 0] - 100
    assert added.min() == pytest.approx(-51, abs=2)
    assert added.max() == pytest.approx(51, abs=2)


def test_light_ends_at_black_and_at_white():
    """It does not come round: white with more light stays white."""
    for value, least, most in ((250, 199, 255), (5, 0, 56)):
        light = many(np.full((SIZE, SIZE), value, np.uint8), brightness=0.2)
        assert light.min() >= least
        assert light.max() <= most


@pytest.mark.parametrize("setting", ["soften", "blur"])
def test_blur_and_softening_take_detail_and_leave_the_light(portrait, setting):
    """Fine structures lose energy in every chosen face, and half are chosen at 0.5; the mean stays."""
    varied = many(portrait, **{setting: 1.0})
    assert (detail(varied) < 0.95 * detail([portrait])).all()
    assert np.median(detail(varied)) < 0.5 * detail([portrait])
    assert np.abs(varied.mean(axis=(1, 2)) - portrait.mean()).max() < 1.5
    untouched = (many(portrait, **{setting: 0.5}) == portrait).all(axis=(1, 2))
    assert 0.4 < untouched.mean() < 0.6


@pytest.mark.parametrize("sigma", [0.7, 1.5])
def test_blur_is_as_wide_as_it_says(sigma):
    """A dot spreads to the given standard deviation."""
    dot = many(square(2), blur=1.0, blur_sigma=(sigma, sigma))[0].astype(float)
    along = dot.sum(axis=0) / dot.sum()
    variance = (along * (np.arange(SIZE) - 23.5) ** 2).sum() - 0.25  # of the dot itself
    assert np.sqrt(variance) == pytest.approx(sigma, rel=0.1)


def test_erasing_hides_one_block_of_one_grey():
    """Its sides are within the range, its place is anywhere, and nothing else changes."""
    face = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE)).astype(np.uint8)
    sides, places = [], []
    for varied in many(face, erase=1.0, erase_side=(0.25, 0.5)):
        rows, columns = np.nonzero(varied != face)
        block = varied[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert (block == block[0, 0]).all()
        sides.append(block.shape)
        places.append((rows.min(), columns.min()))
    assert np.max(sides) <= 24
    assert np.min(sides) >= 10  # 12, less where a pixel already had the block's grey
    assert np.ptp(sides, axis=0).min() >= 10
    assert np.max(places) > 30
    assert np.min(places) == 0
    whole = (many(face, erase=0.5) == face).all(axis=(1, 2))
    assert 0.4 < whole.mean() < 0.6


@pytest.mark.parametrize(
    "setting",
    [
        {"flip": 1.1},
        {"rotation_deg": -1.0},
        {"zoom": (0.0, 1.0)},
        {"zoom": (1.0,)},
        {"shift": 0.6},
        {"gamma": (0.5, 11.0)},
        {"contrast": (0.0, 1.0)},
        {"brightness": 2.0},
        {"soften": -0.1},
        {"blur": float("nan")},
        {"blur_sigma": (0.0, 1.0)},
        {"erase": 1.5},
        {"erase_side": (0.1, 1.1)},
        {"mixup": -0.1},
        {"fip": 1.0},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_a_setting_out_of_its_range_is_refused(setting):
    """Probabilities beyond 1, a zoom to nothing, a name that is none."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(setting, Augmentation)


def test_every_setting_is_an_option():
    """With a description each, and no two alike."""
    parser = argparse.ArgumentParser()
    add_options(parser, Augmentation, title="augmentation")
    assert {action.dest for action in parser._actions} == {"help", *Augmentation.__struct_fields__}
