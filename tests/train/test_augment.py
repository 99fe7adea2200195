"""Augmentation and mixup: each setting has its documented effect, within its range, and no other."""

import argparse

import cv2
import msgspec
import numpy as np
import pytest

from edge.model.manifest import Framing
from edge.scenes.head import FACE_BOX, HEAD_IMAGE
from edge.settings.schema import DetectSettings
from edge.vision.crop import crop_face
from edge.vision.haar import HaarDetector
from train.augment import Augmentation, augment, mix_up
from train.batches import Batches
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
"""Settings that turn an augmentation on or off."""


def only(**settings):
    """Return settings in which only the given augmentations are on."""
    return msgspec.structs.replace(OFF, **settings)


def vary(faces, settings, seed=0):
    """Augment faces without mixup; (N, 48, 48) uint8."""
    settings = msgspec.structs.replace(settings, mixup=0)
    floats, _ = augment(faces, np.ones((len(faces), 1), np.float32), settings, np.random.default_rng(seed))
    return np.rint(floats * 255).astype(np.uint8)


def many(face, **settings):
    """Return `COUNT` variants of one face, (COUNT, 48, 48) uint8."""
    return vary(np.repeat(face[np.newaxis], COUNT, axis=0), only(**settings))


def square(side=16, light=255):
    """Return a bright square in the middle of a black image."""
    face = np.zeros((SIZE, SIZE), np.uint8)
    edge = (SIZE - side) // 2
    face[edge : edge + side, edge : edge + side] = light
    return face


def centres(faces):
    """Return the centroid of the light of each face, x and y in px from the image's center, (N, 2)."""
    light = faces / faces.sum(axis=(1, 2), keepdims=True)
    steps = np.arange(SIZE) - (SIZE - 1) / 2
    return np.stack([(light.sum(axis=1) * steps).sum(axis=1), (light.sum(axis=2) * steps).sum(axis=1)], axis=1)


def detail(faces):
    """Return the energy of the finest structures of each face, (N,)."""
    return np.array([cv2.Laplacian(face, cv2.CV_32F).var() for face in faces])


@pytest.fixture(scope="module")
def portrait():
    """A real face, (48, 48) uint8."""
    return crop_face(cv2.imread(str(HEAD_IMAGE), cv2.IMREAD_GRAYSCALE), FACE_BOX, framing=Framing(), size=SIZE)


def test_with_all_augmentations_off_a_face_is_unchanged(portrait):
    """With everything off, augmentation returns the same pixels."""
    assert np.array_equal(many(portrait), np.repeat(portrait[np.newaxis], COUNT, axis=0))


def test_defaults_vary_every_face_and_leave_the_input_unchanged(portrait):
    """By default every augmentation is on; variants are float32 0 ... 1 and all different; inputs are not modified."""
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


def test_variants_are_determined_by_the_generator(portrait):
    """Equal generator states give equal variants, others give other variants."""
    first, again, other = (vary(portrait[np.newaxis], Augmentation(), seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_one_setting_does_not_change_the_effect_of_others(portrait):
    """With and without erased blocks, the rest of each variant is the same."""
    faces = np.repeat(portrait[np.newaxis], 50, axis=0)
    whole, hidden = (vary(faces, Augmentation(erase=share, erase_side=(0.3, 0.3))) for share in (0, 1))
    assert ((whole != hidden).sum(axis=(1, 2)) <= (0.3 * SIZE) ** 2).all()


def test_default_framing_covers_the_variation_of_haar_boxes():
    """On a moved, rotated and scaled face the detector's box varies less than the default zoom and shift."""
    image = cv2.imread(str(HEAD_IMAGE), cv2.IMREAD_GRAYSCALE)
    detector = HaarDetector(DetectSettings())
    rng = np.random.default_rng(0)
    middle = (image.shape[1] / 2, image.shape[0] / 2)
    boxes = []
    for _ in range(25):
        scale, angle, move = rng.uniform(0.7, 1.1), rng.uniform(-12, 12), rng.uniform(-10, 10, 2)
        matrix = cv2.getRotationMatrix2D(middle, angle, scale)
        matrix[:, 2] += move
        shown = cv2.warpAffine(image, matrix, image.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
        box = detector.scan(shown)[0].box
        back = cv2.invertAffineTransform(matrix) @ [box.x + box.w / 2, box.y + box.h / 2, 1]
        boxes.append([*back, box.w / scale])
    x, y, width = (np.array(boxes) / np.median(boxes, axis=0)[2]).T
    defaults = Augmentation()
    assert np.ptp(width) > 0.05, "the detector's box does vary"
    assert max(np.abs(x - np.median(x)).max(), np.abs(y - np.median(y)).max()) < defaults.shift
    assert defaults.zoom[0] < width.min() <= width.max() < defaults.zoom[1]


def test_flip_mirrors_exactly(portrait):
    """A flip is the exact mirror image, and happens with its probability."""
    assert (many(portrait, flip=1.0) == portrait[:, ::-1]).all()
    flipped = (many(portrait, flip=0.5) == portrait[:, ::-1]).all(axis=(1, 2))
    assert 0.4 < flipped.mean() < 0.6


def test_rotation_goes_to_both_sides_up_to_its_limit():
    """An off-center dot moves along a circle by up to 30 degrees to either side."""
    face = np.zeros((SIZE, SIZE), np.uint8)
    face[22:26, 40:44] = 255
    x, y = centres(many(face, rotation_deg=30.0)).T
    turn = np.degrees(np.arctan2(y, x))
    assert np.allclose(np.hypot(x, y), 18.0, atol=0.3)
    assert np.abs(turn).max() < 30.5
    assert turn.min() < -28
    assert turn.max() > 28


@pytest.mark.parametrize(("zoom", "widest", "narrowest"), [((2.0, 2.0), 8.0, 8.0), ((0.5, 1.25), 32.0, 12.8)])
def test_zoom_widens_and_narrows_the_crop(zoom, widest, narrowest):
    """In a crop twice as wide the face is half as wide, and a range is used up to both ends."""
    width = np.sqrt(many(square(16), zoom=zoom).sum(axis=(1, 2)) / 255)
    assert width.max() == pytest.approx(widest, rel=0.03)
    assert width.min() == pytest.approx(narrowest, rel=0.03)


def test_shift_moves_in_both_directions_up_to_its_limit():
    """A shift of 0.1 moves up to a tenth of the side, in x and y independently."""
    moved = centres(many(square(), shift=0.1))
    assert np.abs(moved).max() < 4.85
    assert (moved.max(axis=0) > 4.6).all()
    assert (moved.min(axis=0) < -4.6).all()
    assert abs(np.corrcoef(moved.T)[0, 1]) < 0.2


def test_area_outside_the_image_repeats_its_edge(portrait):
    """Areas that a transform exposes repeat the edge, as in the runtime's crops, instead of being black."""
    assert (many(np.full((SIZE, SIZE), 90, np.uint8), shift=0.5, rotation_deg=45, zoom=(1, 2)) == 90).all()
    assert many(np.maximum(portrait, 40), shift=0.5).min() >= 40


def test_margin_comes_in_where_a_face_is_moved():
    """Shift, zoom and rotation bring in the margin around a face instead of repeating its edge."""
    settings = only(rotation_deg=20, zoom=(0.8, 1.3), shift=0.15)
    flat = np.full((200, 48, 48), 100, dtype=np.uint8)
    bright = np.pad(flat, ((0, 0), (12, 12), (12, 12)), constant_values=255)
    repeated = np.pad(flat, ((0, 0), (12, 12), (12, 12)), mode="edge")
    shares = {}
    for name, faces in (("bright", bright), ("repeated", repeated)):
        moved, _ = augment(faces, np.eye(2, dtype=np.float32)[[0] * 200], settings, np.random.default_rng(4), margin=12)
        shares[name] = float((moved > 0.5).mean())
    assert shares["bright"] > 0.05
    assert shares["repeated"] == 0.0


def test_margin_of_repeated_edges_changes_nothing(portrait):
    """A face with a margin that repeats its edge is augmented like the face alone."""
    settings = only(rotation_deg=10, zoom=(0.95, 1.1), shift=0.05)
    wide = np.pad(portrait[None], ((0, 0), (12, 12), (12, 12)), mode="edge").repeat(50, axis=0)
    targets = np.eye(2, dtype=np.float32)[[0] * 50]
    alone, _ = augment(portrait[None].repeat(50, axis=0), targets, settings, np.random.default_rng(4))
    padded, _ = augment(wide, targets, settings, np.random.default_rng(4), margin=12)
    assert np.abs(alone - padded).max() <= 2 / 255


def test_gamma_changes_mid_tones_but_not_black_and_white():
    """Gamma 2 squares luma; a range darkens and brightens mid-gray equally often, and keeps black and white."""
    ramp = np.linspace(0, 255, SIZE * SIZE).astype(np.uint8).reshape(SIZE, SIZE)
    assert np.array_equal(many(ramp, gamma=(2, 2))[0], np.rint((ramp / 255) ** 2 * 255))
    bent = many(ramp, gamma=(0.5, 2))
    assert (bent[:, 0, 0] == 0).all()
    assert (bent[:, -1, -1] == 255).all()
    middle = bent[:, SIZE // 2, 0]
    assert middle.min() == pytest.approx(64, abs=3)
    assert middle.max() == pytest.approx(180, abs=3)
    assert 0.4 < (middle < 127).mean() < 0.6, "half of the faces darken, half brighten"


def test_contrast_scales_luma_around_its_mean():
    """A contrast of 2 doubles the standard deviation, 0.5 halves it, and the mean stays."""
    face = (100 + 40 * np.random.default_rng(0).random((SIZE, SIZE))).astype(np.uint8)
    for factor in (0.5, 2.0):
        varied = many(face, contrast=(factor, factor))[0]
        assert varied.std() == pytest.approx(face.std() * factor, rel=0.02)
        assert varied.mean() == pytest.approx(face.mean(), abs=0.5)
    spread = many(face, contrast=(0.5, 2.0)).std(axis=(1, 2)) / face.std()
    assert spread.min() < 0.55
    assert spread.max() > 1.95


def test_brightness_adds_up_to_its_limit():
    """A brightness of 0.2 adds up to 0.2 of white to either side, equally to all pixels of a face."""
    light = many(np.full((SIZE, SIZE), 100, np.uint8), brightness=0.2).astype(int)
    assert (light == light[:, :1, :1]).all()
    added = light[:, 0, 0] - 100
    assert added.min() == pytest.approx(-51, abs=2)
    assert added.max() == pytest.approx(51, abs=2)


def test_luma_saturates_at_black_and_white():
    """Brightness clips at black and white instead of wrapping around."""
    for value, least, most in ((250, 199, 255), (5, 0, 56)):
        light = many(np.full((SIZE, SIZE), value, np.uint8), brightness=0.2)
        assert light.min() >= least
        assert light.max() <= most


@pytest.mark.parametrize("setting", ["soften", "blur"])
def test_blur_and_softening_remove_detail_but_keep_the_mean(portrait, setting):
    """Chosen faces lose fine detail and keep their mean, and a probability of 0.5 chooses half of the faces."""
    varied = many(portrait, **{setting: 1.0})
    assert (detail(varied) < 0.95 * detail([portrait])).all()
    assert np.median(detail(varied)) < 0.5 * detail([portrait])
    assert np.abs(varied.mean(axis=(1, 2)) - portrait.mean()).max() < 1.5
    untouched = (many(portrait, **{setting: 0.5}) == portrait).all(axis=(1, 2))
    assert 0.4 < untouched.mean() < 0.6


@pytest.mark.parametrize("sigma", [0.7, 1.5])
def test_blur_has_its_standard_deviation(sigma):
    """A blurred dot has the given standard deviation."""
    dot = many(square(2), blur=1.0, blur_sigma=(sigma, sigma))[0].astype(float)
    along = dot.sum(axis=0) / dot.sum()
    variance = (along * (np.arange(SIZE) - 23.5) ** 2).sum() - 0.25  # of the dot itself
    assert np.sqrt(variance) == pytest.approx(sigma, rel=0.1)


def test_erasing_hides_one_block_of_uniform_gray():
    """An erased block is uniform, has sides within the range and any position, and nothing else changes."""
    face = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE)).astype(np.uint8)
    sides, places = [], []
    for varied in many(face, erase=1.0, erase_side=(0.25, 0.5)):
        rows, columns = np.nonzero(varied != face)
        block = varied[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert (block == block[0, 0]).all()
        sides.append(block.shape)
        places.append((rows.min(), columns.min()))
    assert np.max(sides) <= 24
    assert np.min(sides) >= 10  # 12, minus pixels that already had the block's gray
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
def test_setting_outside_its_range_is_refused(setting):
    """Values out of range and unknown names are invalid."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(setting, Augmentation)


def test_every_setting_is_an_option():
    """Every augmentation setting has a description, and is a command-line option."""
    parser = argparse.ArgumentParser()
    add_options(parser, Augmentation, title="augmentation")
    assert {action.dest for action in parser._actions} == {"help", *Augmentation.__struct_fields__}


BATCH = 64


def blended(alpha):
    """Blend a batch of one-hot faces and targets, so that both show the shares of each face."""
    own = np.eye(BATCH, dtype=np.float32)
    return mix_up(own.reshape(BATCH, 8, 8, 1), own, alpha=alpha, rng=np.random.default_rng(0))


@pytest.mark.parametrize("alpha", [0.1, 1.0])
def test_mixup_blends_pixels_and_targets_by_the_same_share(alpha):
    """Blended faces and targets have equal shares of each face, which sum to 1."""
    faces, targets = blended(alpha)
    assert faces.dtype == targets.dtype == np.float32
    assert faces.shape == (BATCH, 8, 8, 1)
    assert np.array_equal(faces.reshape(BATCH, -1), targets)
    assert np.allclose(targets.sum(axis=1), 1.0)


def test_mixup_keeps_the_larger_part_of_each_face():
    """Each face has the largest share of its own row, and is blended with at most one other."""
    _, targets = blended(1.0)
    assert np.array_equal(targets.argmax(axis=1), np.arange(BATCH))
    others = (targets > 0).sum(axis=1)
    assert others.max() == 2
    assert (others == 2).mean() > 0.9


def test_alpha_determines_how_much_mixup_blends():
    """An alpha of 0 blends nothing, 0.1 a little, 1 a quarter on average."""
    lost = {alpha: 1 - blended(alpha)[1].max(axis=1).mean() for alpha in (0.0, 0.1, 1.0)}
    assert lost[0.0] == 0.0
    assert 0.02 < lost[0.1] < 0.12
    assert 0.18 < lost[1.0] < 0.32


def test_mixup_applies_to_batches(face_data):
    """With mixup most targets of a batch have two classes, without it none has."""
    shares = [
        ((Batches(face_data.training, batch_size=84, seed=0, augmentation=made)[0][1] > 0).sum(axis=1) == 2).mean()
        for made in (Augmentation(mixup=1.0), Augmentation(mixup=0.0))
    ]
    assert shares[0] > 0.5
    assert shares[1] == 0.0
