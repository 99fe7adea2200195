"""Figures on real clips, as they go into `clips.json`."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from benchmarks.clips.scores import ClipScore
from benchmarks.results import folder_for
from edge.device.info import Machine


class ClipFigures(msgspec.Struct, kw_only=True):
    """A method's figures on one clip.

    Attributes:
        score: Of the clip as it is: the round with the median number of faces found.
        repeats: Whether all rounds have the same score.
        peak_mb: Highest resident memory of all rounds, MB.
        looped: The score of the looped clip; None if CPU time was not measured.
        steps_ms: CPU time of the steps per frame, ms, on the clip in memory; one value per round.
        looped_steps_ms: The same on the looped clip, in which the first scan of the whole image weighs less.
        process_ms: CPU time of the whole process per frame, ms, less start and decoding, on the looped clip; one value
            per round.
    """

    score: ClipScore
    repeats: bool
    peak_mb: float
    looped: ClipScore | None
    steps_ms: list[float]
    looped_steps_ms: list[float]
    process_ms: list[float]


class TurnedFigures(msgspec.Struct):
    """A method's figures on one turned clip: the round with the median number of faces found.

    Attributes:
        score: None if the clip was turned by so much that the runtime may turn the picture back.
        found_after_s: Time from which a face is found in every frame of half a second, s; None if there is none.
    """

    score: ClipScore | None
    found_after_s: float | None


class Photographs(msgspec.Struct, kw_only=True):
    """A method's figures on photographs, through the whole path: detection, crop, classification.

    Attributes:
        found: Number of photographs in which a face was found.
        count: Number of photographs.
        accuracy: Share of those with a face whose largest face gets the label that its folder names; None if there is
            none in a folder that names an emotion.
        balanced_accuracy: Mean of that share over the emotions.
    """

    found: int
    count: int
    accuracy: float | None = None
    balanced_accuracy: float | None = None


class MethodFigures(msgspec.Struct):
    """Everything that was measured of one method.

    Attributes:
        clips: By the clip's name.
        turned: By degrees, then by the clip's name.
        drawn_steps_ms: CPU time of the steps per frame, ms, by drawn scene; one value per round.
        photographs: By degrees.
    """

    clips: dict[str, ClipFigures] = msgspec.field(default_factory=dict)
    turned: dict[str, dict[str, TurnedFigures]] = msgspec.field(default_factory=dict)
    drawn_steps_ms: dict[str, list[float]] = msgspec.field(default_factory=dict)
    photographs: dict[str, Photographs] = msgspec.field(default_factory=dict)


class ClipsFigures(msgspec.Struct):
    """Everything that was measured on a folder of clips.

    Attributes:
        rounds: Number of times that each figure was taken.
        loop_frames: Length of the looped clips, frames.
        methods: By the method's name; the first is the one that ships.
        frames: Number of frames by the clip's name.
        haar_ms: CPU time of full-frame Haar 1.3/5 per frame, ms, by clip; one value per round.
        drawn_haar_ms: The same by drawn scene.
    """

    rounds: int
    loop_frames: int
    methods: dict[str, MethodFigures]
    frames: dict[str, int] = msgspec.field(default_factory=dict)
    haar_ms: dict[str, list[float]] = msgspec.field(default_factory=dict)
    drawn_haar_ms: dict[str, list[float]] = msgspec.field(default_factory=dict)

    def mean_ms(self, by_clip: Mapping[str, Sequence[float]]) -> list[float]:
        """Return the mean per frame over all clips of a figure per frame, for each round."""
        frames = sum(self.frames[name] for name in by_clip)
        rounds = zip(
            *([self.frames[name] * value for value in values] for name, values in by_clip.items()), strict=True
        )
        return [sum(values) / frames for values in rounds]


class SavedClips(msgspec.Struct):
    """A run as `clips.json` holds it. taken_on: UTC date, ISO 8601."""

    taken_on: str
    machine: Machine
    figures: ClipsFigures


def median_ratio(slower: Sequence[float], faster: Sequence[float]) -> float:
    """Return the median of the rounds' ratios."""
    return statistics.median(a / b for a, b in zip(slower, faster, strict=True))


def save(saved: SavedClips, page: str, folder: Path | None) -> Path:
    """Write `clips.json` and `clips.md` to a folder, by default that of this machine's results; returns the folder."""
    folder = folder or folder_for(saved.machine)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "clips.json").write_bytes(msgspec.json.format(msgspec.json.encode(saved), indent=1) + b"\n")
    (folder / "clips.md").write_text(page)
    return folder
