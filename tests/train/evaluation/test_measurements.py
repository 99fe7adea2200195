"""Published measurements: they are what the evaluation measures now."""

import pytest

from edge.model.bundled import MODELS
from edge.model.manifest import read_model
from train.data.dataset import read_fold
from train.evaluation.measurements import measure_faces
from train.evaluation.predict import open_model, predict

ROUNDING = 0.005
"""Other processors round a few faces differently."""


@pytest.mark.parametrize("name", ["edge_small", "edge_accurate"])
def test_published_figures_of_everyday_use_are_measured_again(datasets, name):
    """The manifest's precision and recall in everyday use, which its card begins with, are those of the file."""
    model = MODELS / f"{name}.tflite"
    _, manifest = read_model(model)
    published = [row for row in manifest.measurements if row.kind == "everyday"]
    path = datasets / "photo-faces" / "photo-faces.npz"
    if not published or not path.is_file():
        pytest.skip("there are no published figures, or no faces to measure them on")
    faces = read_fold(path, labels=manifest.labels, fold=1)
    predictions = predict(open_model(model), faces.pixels, both_ways=True)
    for row in published:
        (again,) = measure_faces(
            predictions,
            faces,
            manifest.labels,
            kind="everyday",
            dataset=row.dataset,
            training_prior=manifest.training_prior,
            strengths=[row.prior_strength],
        )
        assert again.counts == row.counts
        assert again.accuracy == pytest.approx(row.accuracy, abs=ROUNDING)
        assert again.recall == pytest.approx(row.recall, abs=10 * ROUNDING)
