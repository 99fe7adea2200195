"""Crop: cutting a face out as the model wants it, and telling whether it is worth classifying."""

from edge.manifest import read_model
from edge.shipped import SHIPPED_MODEL
from edge.vision.crop import crop_face
from edge.vision.quality import why_unclear


def test_crop(benchmark, gray, face):
    """Cut and scale to 48x48."""
    manifest = read_model(SHIPPED_MODEL)[1]
    benchmark(crop_face, gray, face, framing=manifest.framing, size=manifest.input.size)


def test_quality(benchmark, gray, face):
    """Size, light, sharpness."""
    manifest = read_model(SHIPPED_MODEL)[1]
    crop = crop_face(gray, face, framing=manifest.framing, size=manifest.input.size)
    assert benchmark(why_unclear, crop, face_px=face.w, min_face_px=36) is None
