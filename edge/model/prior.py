"""Corrects class probabilities for how common each emotion is where a model is used (label shift)."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError
from edge.labels import EMOTIONS

Prior = Literal["everyday", "balanced"] | Mapping[str, float]
"""How common each emotion is expected to be: a named mixture, or a share for each label; only ratios count."""

EVERYDAY: Mapping[str, float] = MappingProxyType(
    {
        "angry": 0.03,
        "disgust": 0.01,
        "fear": 0.01,
        "happy": 0.38,
        "sad": 0.04,
        "surprise": 0.05,
        "neutral": 0.48,
    }
)
"""Share of each emotion on the faces of ordinary people.

Source: set by hand. Photographs of ordinary people (muxspace/facial_expressions) are 51 % neutral, 43 % happy and at
most 2 % of anything else; the rare emotions get more room here, so that they are not missed.
"""

RARE_SHARE = 0.1
"""A label with a smaller expected share is rare."""

FLOOR = 1e-6
"""Probabilities below this count as this much, so that a distribution remains if all others have share 0."""


class PriorCorrection:
    """Moves probabilities from the class shares of the training data towards those that are expected in use.

    log p' = log p + strength * log(expected share / training share), then p' is rescaled to sum to 1. This is Bayes'
    rule for strength 1. A net needs less if its training targets, such as taggers' votes, lean towards the expected
    shares already.

    Args:
        labels: the predicted labels, in the order of the probabilities; a prior's other labels are ignored.
        training_prior: the share of each label in the training data; None counts as equal shares.
        prior: the expected shares; a label with share 0 is never predicted.
        strength: 0 (off) to 1.

    Source: Saerens, Latinne and Decaestecker 2002, "Adjusting the Outputs of a Classifier to New a Priori
    Probabilities"; the strength is the tau of Menon et al. 2021, "Long-tail learning via logit adjustment".
    """

    def __init__(
        self,
        labels: Sequence[str],
        training_prior: Mapping[str, float] | None,
        *,
        prior: Prior,
        strength: float,
    ) -> None:
        """Compute the factor of each label.

        Raises:
            ConfigError: the prior has no share for one of `labels`, or 0 for all of them.
        """
        expected = _shares(named_shares(prior), labels)
        training = _shares(training_prior or named_shares("balanced"), labels)
        self._is_off = strength == 0.0
        self._factors = ((expected / training) ** strength).astype(np.float32)

    def __call__(self, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the corrected probabilities, (..., K) float32 that sum to 1 over the last axis, for such an array."""
        if self._is_off:
            return probabilities
        weighted = np.maximum(probabilities, np.float32(FLOOR)) * self._factors
        corrected: NDArray[np.float32] = weighted / weighted.sum(axis=-1, keepdims=True)
        return corrected


def rare_labels(labels: Sequence[str], prior: Prior) -> frozenset[str]:
    """Return those of `labels` whose expected share is below `RARE_SHARE`.

    Raises:
        ConfigError: the prior does not fit the labels.
    """
    shares = _shares(named_shares(prior), labels)
    return frozenset(label for label, share in zip(labels, shares, strict=True) if share < RARE_SHARE)


def describe_prior(prior: Prior, strength: float) -> str:
    """Return a prior and its strength in words, such as `everyday at strength 0.3`; `off` for strength 0."""
    if strength == 0.0:
        return "off"
    name = prior if isinstance(prior, str) else ", ".join(f"{label} {share:g}" for label, share in prior.items())
    return f"{name} at strength {strength:g}"


def named_shares(prior: Prior) -> Mapping[str, float]:
    """Return the share of each label for a prior given by name or by its shares."""
    if prior == "everyday":
        return EVERYDAY
    if prior == "balanced":
        return dict.fromkeys(EMOTIONS, 1 / len(EMOTIONS))
    return prior


def _shares(prior: Mapping[str, float], labels: Sequence[str]) -> NDArray[np.float64]:
    """Return the shares of `labels`, (K,), which sum to 1."""
    missing = [label for label in labels if label not in prior]
    if missing:
        raise ConfigError(
            f"classify.prior: expected a share for each label of the model, found none for {', '.join(missing)}:"
            " add them; 0 means that a label is never predicted"
        )
    shares = np.array([prior[label] for label in labels], dtype=np.float64)
    if not shares.any():
        raise ConfigError(
            f"classify.prior: expected a share above 0 for at least one of {', '.join(labels)}, found 0 for all:"
            " raise one"
        )
    normalised: NDArray[np.float64] = shares / shares.sum()
    return normalised
