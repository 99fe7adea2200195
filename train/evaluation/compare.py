"""Tests whether two models differ significantly on the same faces."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from train.data.faces import FaceData, Split, unseen
from train.evaluation.split_metrics import SplitMetrics

SIGNIFICANT = 0.05
"""Significance level: the usual threshold for the p-value."""


class PairedTest(msgspec.Struct, frozen=True):
    """McNemar's exact test.

    Attributes:
        both, only_first, only_second, neither: number of faces, by which model predicts them correctly.
        p_value: probability, 0.0 to 1.0, that two equally good models differ at least as much by chance.

    Source: McNemar 1947, "Note on the sampling error of the difference between correlated proportions".
    """

    both: int
    only_first: int
    only_second: int
    neither: int
    p_value: float


class ModelComparison(msgspec.Struct, frozen=True):
    """Another model, measured on the same faces.

    Attributes:
        model: its path or name as given.
        evaluation: its metrics.
        official: the test on the whole split.
        unseen: the test on the faces without a copy in training; None if there are none.
    """

    model: str
    evaluation: SplitMetrics
    official: PairedTest
    unseen: PairedTest | None


def paired_test(first_correct: NDArray[np.bool_], second_correct: NDArray[np.bool_]) -> PairedTest:
    """Compare two models by the (N,) faces that each predicts correctly."""
    from scipy.stats import binomtest  # noqa: PLC0415  # slow to import and rarely needed

    only_first = int((first_correct & ~second_correct).sum())
    only_second = int((second_correct & ~first_correct).sum())
    differing = only_first + only_second
    return PairedTest(
        both=int((first_correct & second_correct).sum()),
        only_first=only_first,
        only_second=only_second,
        neither=int((~first_correct & ~second_correct).sum()),
        p_value=float(binomtest(only_first, differing).pvalue) if differing else 1.0,
    )


def compare_predictions(
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    data: FaceData,
    *,
    split: Split,
) -> tuple[PairedTest, PairedTest | None]:
    """Compare two models' (N, K) predictions for the faces of `split`, and for those without a copy in training."""
    faces = data.held_out(split)
    correct = [probabilities.argmax(axis=1) == faces.codes for probabilities in (first, second)]
    clean = unseen(faces, data.training)
    official = paired_test(correct[0], correct[1])
    return official, paired_test(correct[0][clean], correct[1][clean]) if clean.any() else None


def verdict(test: PairedTest) -> str:
    """Explain the result of the test in a sentence."""
    if test.only_first == test.only_second:
        return "Neither model is ahead."
    ahead, behind = ("This", "the other") if test.only_first > test.only_second else ("The other", "this one")
    lead = abs(test.only_first - test.only_second)
    finding = (
        f"{ahead} model is correct on {lead} more {'face' if lead == 1 else 'faces'} than {behind}. If both were"
        f" equally good, chance would cause at least this difference in {_percent(test.p_value)} of such comparisons:"
    )
    if test.p_value < SIGNIFICANT:
        return f"{finding} the difference is significant ({100 * SIGNIFICANT:g} % level)."
    return f"{finding} the difference is not significant."


def _percent(share: float) -> str:
    return "less than 0.1 %" if share < 0.001 else f"{100 * share:.1f} %"  # noqa: PLR2004  # below the precision shown
