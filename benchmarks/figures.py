"""Holds what was measured, as it goes into `results.json`."""

import msgspec


class SceneFigures(msgspec.Struct, kw_only=True):
    """Of our pipeline on one scene. recall, precision: in all frames. switches: changes of a face's track."""

    cpu_ms: float
    rounds_ms: list[float]
    source_ms: float
    threads_ms: dict[str, float]
    recall: float | None
    precision: float | None
    switches: int
    repeats: bool


class Quality(msgspec.Struct):
    """Recall and precision in the compared frames."""

    recall: float | None
    precision: float | None


class PeerFigures(msgspec.Struct):
    """Of a peer on one scene. ratio: how many times our CPU a frame it takes."""

    cpu_ms: float
    ratio: float
    recall: float | None
    precision: float | None


class LiveFigures(msgspec.Struct, kw_only=True):
    """With a camera of 30 frames a second. cpu_ms: for a frame that was due. latency: p50, p95, p99."""

    cpu_ms: float
    idle_cpu_ms: float
    latency_ms: list[float | None]
    dropped: int
    arrivals: int
    never: int
    arrival_p95_s: float | None
    arrival_whole_p95_s: float | None
    full_frame_p95_s: float | None


class Figures(msgspec.Struct, kw_only=True):
    """Everything that was measured; what was not is empty or None."""

    scenes: dict[str, SceneFigures]
    compared: dict[str, dict[str, Quality]]
    ratios: dict[str, float]
    peers: dict[str, dict[str, PeerFigures]]
    live: LiveFigures
    switches: dict[str, int]
    starts_s: list[float]
    peak_mb: float
    photos: tuple[float, int] | None
