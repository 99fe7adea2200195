"""Smooths a face's class probabilities over time (EMA), then applies hysteresis by margin and duration to the label.

A rare label also needs evidence.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.labels import UNCERTAIN
from edge.records import EmotionScores
from edge.settings.schema import SmoothSettings
from edge.vision.evidence import Evidence


@dataclass(slots=True, eq=False)
class _TrackState:
    """The state of a track, from which its next label follows.

    Attributes:
        probabilities: (K,) float32, the average at the time of the last scores.
        media_time_s: time of the last scores, s.
        evidence: evidence for each label.
        emotion: the present label; empty before the first one.
        challenger: the label that may replace it; empty if there is none.
        challenged_s: time since when the challenger would, s.
    """

    probabilities: NDArray[np.float32]
    media_time_s: float
    evidence: Evidence
    emotion: str = ""
    challenger: str = ""
    challenged_s: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class SmoothedPrediction:
    """A smoothed prediction for one face.

    Attributes:
        emotion: one of the labels, or `uncertain`.
        confidence: probability of the most likely label, 0 to 1.
        probabilities: (K,) float32, sums to 1, in the order of the labels.
    """

    emotion: str
    confidence: float
    probabilities: NDArray[np.float32]


class Smoother:
    """Smooths predictions per track: exponential moving average by time, then hysteresis on the label.

    A new label must lead by a margin for some time before it replaces the present one; `uncertain` for longer, since it
    is mostly the way from one expression to the next.

    A rare label must also gather evidence, so that a talking person is not called afraid or surprised; it is the first
    label of a face only if it is more probable than all others together.

    Use an instance from one thread only.

    Args:
        settings: time constant, confidence threshold, hysteresis, and evidence for a rare label.
        labels: the predicted labels, in the order of the probabilities.
        rare: the labels that need evidence.
    """

    def __init__(self, settings: SmoothSettings, labels: Sequence[str], *, rare: Collection[str] = ()) -> None:
        self._settings = settings
        self._labels = tuple(labels)
        self._rare = frozenset(rare)
        self._states: dict[int, _TrackState] = {}

    def reset(self) -> None:
        """Forget every track."""
        self._states.clear()

    def retain(self, track_ids: Collection[int]) -> None:
        """Forget all tracks except `track_ids`."""
        for track_id in [known for known in self._states if known not in track_ids]:
            del self._states[track_id]

    def update(self, track_id: int, scores: EmotionScores, *, media_time_s: float) -> SmoothedPrediction:
        """Add a track's newest scores, of a frame at `media_time_s`, and return its smoothed prediction."""
        state = self._states.get(track_id)
        if state is None:
            evidence = Evidence(scores.probabilities, needed_s=self._settings.rare_hold_s)
            state = self._states[track_id] = _TrackState(scores.probabilities, media_time_s, evidence)
        else:
            elapsed_s = media_time_s - state.media_time_s
            weight = np.float32(self._weight(elapsed_s))
            state.probabilities = state.probabilities + weight * (scores.probabilities - state.probabilities)
            state.media_time_s = media_time_s
            state.evidence.add(scores.probabilities, elapsed_s=elapsed_s)
        self._update_label(state)
        return SmoothedPrediction(state.emotion, float(state.probabilities.max()), state.probabilities)

    def latest(self, track_id: int) -> SmoothedPrediction:
        """Return a track's last prediction; `uncertain` with uniform probabilities if it has none."""
        state = self._states.get(track_id)
        if state is None:
            uniform = np.full(len(self._labels), 1 / len(self._labels), dtype=np.float32)
            return SmoothedPrediction(UNCERTAIN, float(uniform[0]), uniform)
        return SmoothedPrediction(state.emotion, float(state.probabilities.max()), state.probabilities)

    def _weight(self, elapsed_s: float) -> float:
        """Return the weight of the newest scores, which grows with the time since the last ones."""
        if self._settings.time_constant_s == 0.0:
            return 1.0
        return 1.0 - math.exp(-max(elapsed_s, 0.0) / self._settings.time_constant_s)

    def _update_label(self, state: _TrackState) -> None:
        """Replace the track's label once another one has won for long enough."""
        winner = self._winner(state)
        if not state.emotion:
            is_doubtful = winner in self._rare and state.probabilities.max() <= 0.5  # noqa: PLR2004  # even odds
            state.emotion = UNCERTAIN if is_doubtful else winner
        if winner == state.emotion:
            state.challenger = ""
            return
        if winner != state.challenger:
            state.challenger, state.challenged_s = winner, state.media_time_s
        hold_s = self._settings.uncertain_after_s if winner == UNCERTAIN else self._settings.hold_s
        if state.media_time_s - state.challenged_s >= hold_s and self._has_evidence(winner, state):
            state.emotion, state.challenger = winner, ""

    def _has_evidence(self, label: str, state: _TrackState) -> bool:
        """Return whether the label may replace the present one: if it is rare, it needs evidence."""
        if label not in self._rare:
            return True
        return state.evidence.is_enough(self._labels.index(label))

    def _winner(self, state: _TrackState) -> str:
        """Return the most likely label, `uncertain`, or the present label if none leads it by the margin."""
        leader = int(state.probabilities.argmax())
        confidence = float(state.probabilities[leader])
        hysteresis = self._settings.hysteresis
        if state.emotion == UNCERTAIN and confidence < self._settings.min_confidence + hysteresis:
            return UNCERTAIN
        if confidence < self._settings.min_confidence:
            return UNCERTAIN
        if state.emotion in self._labels:
            held = float(state.probabilities[self._labels.index(state.emotion)])
            if confidence - held < hysteresis:
                return state.emotion
        return self._labels[leader]
