"""Crop: cutting out a face in the form that the model takes, and checking its quality."""

from edge.model.bundled import BUNDLED_MODEL
from edge.model.manifest import read_model
from edge.vision.crop import crop_face
from edge.vision.quality import why_unclear


def test_crop(benchmark, gray, face):
    """Cut out a face and scale it to 48x48."""
    manifest = read_model(BUNDLED_MODEL)[1]
    benchmark(crop_face, gray, face, framing=manifest.framing, size=manifest.input.size)


def test_quality(benchmark, gray, face):
    """Check size, light and sharpness of a crop."""
    manifest = read_model(BUNDLED_MODEL)[1]
    crop = crop_face(gray, face, framing=manifest.framing, size=manifest.input.size)
    assert benchmark(why_unclear, crop, face_px=face.w, min_face_px=36) is None
