"""Tells whether two models, asked about the same faces, are really unequal."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from train.evaluation import Evaluation
from train.faces import FaceData, Split, unseen

SIGNIFICANT = 0.05
"""A difference that chance alone makes less often than this is called real, as is usual."""


class PairedTest(msgspec.Struct, frozen=True):
    """McNemar's exact test. Counts of faces, by which model names them right.

    p_value: how often chance alone would part two equally good models at least so far, 0.0 to 1.0.
    Source: McNemar 1947, "Note on the sampling error of the difference between correlated proportions".
    """

    both: int
    only_first: int
    only_second: int
    neither: int
    p_value: float


class Comparison(msgspec.Struct, frozen=True):
    """Another model on the same faces. official: whole split; unseen: without faces known from training."""

    model: str
    evaluation: Evaluation
    official: PairedTest
    unseen: PairedTest | None


def paired_test(first_right: NDArray[np.bool_], second_right: NDArray[np.bool_]) -> PairedTest:
    """Compare two models by the (N,) faces that each names right."""
    from scipy.stats import binomtest  # noqa: PLC0415  # slow to load, and seldom wanted

    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    parted = only_first + only_second
    return PairedTest(
        both=int((first_right & second_right).sum()),
        only_first=only_first,
        only_second=only_second,
        neither=int((~first_right & ~second_right).sum()),
        p_value=float(binomtest(only_first, parted).pvalue) if parted else 1.0,
    )


def compare_answers(
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    data: FaceData,
    *,
    split: Split,
) -> tuple[PairedTest, PairedTest | None]:
    """Compare the (N, K) answers of two models for the faces of `split`, and for those of them not in training."""
    faces = data.held_out(split)
    rights = [answers.argmax(axis=1) == faces.codes for answers in (first, second)]
    clean = unseen(faces, data.training)
    official = paired_test(rights[0], rights[1])
    return official, paired_test(rights[0][clean], rights[1][clean]) if clean.any() else None


def verdict(test: PairedTest) -> str:
    """Say in plain words what the test found."""
    if test.only_first == test.only_second:
        return "Neither model is ahead."
    ahead, behind = ("This", "the other") if test.only_first > test.only_second else ("The other", "this one")
    lead = abs(test.only_first - test.only_second)
    said = (
        f"{ahead} model names {lead} more {'face' if lead == 1 else 'faces'} right than {behind}. Were both"
        f" equally good, chance alone would part them at least so far in {_percent(test.p_value)} of such trials:"
    )
    if test.p_value < SIGNIFICANT:
        return f"{said} the difference is real by the usual measure ({100 * SIGNIFICANT:g} %)."
    return f"{said} these faces do not show that the difference is real."


def _percent(share: float) -> str:
    return "less than 0.1 %" if share < 0.001 else f"{100 * share:.1f} %"  # noqa: PLR2004  # as it is printed
