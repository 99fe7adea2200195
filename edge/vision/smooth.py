"""Steadies what is said of a face over time."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.labels import UNCERTAIN
from edge.records import EmotionScores
from edge.settings import SmoothSettings


@dataclass(slots=True, eq=False)
class _Memory:
    probabilities: NDArray[np.float32]
    position_s: float
    emotion: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Smoothed:
    """A steadied answer. probabilities: (K,) float32, sums to 1. confidence: that of the likeliest label."""

    emotion: str
    confidence: float
    probabilities: NDArray[np.float32]


class Smoother:
    """Exponential moving average (EMA) by time, then hysteresis. One thread alone may use an instance."""

    def __init__(self, settings: SmoothSettings, labels: Sequence[str]) -> None:
        self._settings = settings
        self._labels = tuple(labels)
        self._memories: dict[int, _Memory] = {}

    def reset(self) -> None:
        """Forget every track."""
        self._memories.clear()

    def keep(self, track_ids: Collection[int]) -> None:
        """Forget the tracks that are not in `track_ids`: a face that comes back is a new one."""
        for track_id in [known for known in self._memories if known not in track_ids]:
            del self._memories[track_id]

    def update(self, track_id: int, scores: EmotionScores, *, position_s: float) -> Smoothed:
        """Take a track's newest scores; `position_s` is their frame's time, s."""
        memory = self._memories.get(track_id)
        if memory is None:
            memory = self._memories[track_id] = _Memory(scores.probabilities, position_s)
        else:
            weight = np.float32(self._weight(position_s - memory.position_s))
            memory.probabilities = memory.probabilities + weight * (scores.probabilities - memory.probabilities)
            memory.position_s = position_s
        memory.emotion = self._name(memory)
        return Smoothed(memory.emotion, float(memory.probabilities.max()), memory.probabilities)

    def hold(self, track_id: int) -> Smoothed:
        """What was last said of a track; `uncertain`, every label alike, where nothing was."""
        memory = self._memories.get(track_id)
        if memory is None or memory.emotion is None:
            alike = np.full(len(self._labels), 1 / len(self._labels), dtype=np.float32)
            return Smoothed(UNCERTAIN, float(alike[0]), alike)
        return Smoothed(memory.emotion, float(memory.probabilities.max()), memory.probabilities)

    def _weight(self, elapsed_s: float) -> float:
        """How much the newest scores count: the longer since the last, the more."""
        if self._settings.time_constant_s == 0.0:
            return 1.0
        return 1.0 - math.exp(-max(elapsed_s, 0.0) / self._settings.time_constant_s)

    def _name(self, memory: _Memory) -> str:
        leader = int(memory.probabilities.argmax())
        confidence = float(memory.probabilities[leader])
        hysteresis = self._settings.hysteresis
        if memory.emotion == UNCERTAIN and confidence < self._settings.min_confidence + hysteresis:
            return UNCERTAIN
        if confidence < self._settings.min_confidence:
            return UNCERTAIN
        if memory.emotion in self._labels:
            held = float(memory.probabilities[self._labels.index(memory.emotion)])
            if confidence - held < hysteresis:
                return memory.emotion
        return self._labels[leader]
