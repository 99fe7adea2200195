"""What an evaluation found, as machines read it."""

import msgspec

from train.compare import Comparison
from train.evaluation import Evaluation
from train.photos import PhotoFigures


class Majority(msgspec.Struct, frozen=True):
    """Answers measured against FER+: the faces of the split on which more than half of its ten people agree."""

    faces: int
    accuracy: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All that is on the page; None or empty is what was not asked for, or cannot be known.

    model: the path as it was given. model_labels: what it can answer; the evaluation's own may be fewer of them.
    both_ways: each answer is the mean of those to the face and to its mirror image; photographs are always named so.
    history: of the training run, a row of figures for each epoch. date: of the evaluation, YYYY-MM-DD.
    versions: of the packages that answered and measured.
    """

    model: str
    model_labels: tuple[str, ...]
    date: str
    versions: dict[str, str]
    evaluation: Evaluation
    both_ways: bool = False
    comparison: Comparison | None = None
    fer_plus: Majority | None = None
    photos: PhotoFigures | None = None
    history: list[dict[str, float]] = []
