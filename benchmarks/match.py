"""Compares found boxes with true ones: recall, precision, changes of identity."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge.records import Box
from edge.scenes.render import VISIBLE_SHARE, Scene, Sight

MIN_IOU = 0.5
"""Overlap from which a box is right. Source: the usual bound, of PASCAL VOC."""

IGNORED_SHARE = 0.1
"""A face of which less than `VISIBLE_SHARE` and at least this is seen need not be found, and is no false one either."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a detector or the pipeline said of one frame. track: its id, or 0 where there are none."""

    frame: int
    box: Box
    track: int = 0


@dataclass(slots=True)
class Score:
    """How many there were and how many were right, over many frames."""

    faces: int = 0
    hits: int = 0
    false: int = 0
    switches: int = 0

    @property
    def recall(self) -> float | None:
        """Share of the true faces that were found, 0 to 1; None where there were none."""
        return self.hits / self.faces if self.faces else None

    @property
    def precision(self) -> float | None:
        """Share of the found boxes that are right, 0 to 1; None where none was found."""
        return self.hits / (self.hits + self.false) if self.hits + self.false else None


def pair(truths: Sequence[Box], found: Sequence[Box]) -> list[tuple[int, int]]:
    """Pair true and found boxes one to one, the largest overlap first; both by their place in the list."""
    overlaps = sorted(
        ((true.iou(box), i, j) for i, true in enumerate(truths) for j, box in enumerate(found)), reverse=True
    )
    pairs: list[tuple[int, int]] = []
    for overlap, i, j in overlaps:
        if overlap < MIN_IOU:
            break
        if all(i != taken and j != used for taken, used in pairs):
            pairs.append((i, j))
    return pairs


def score(scene: Scene, found: Iterable[Found], frames: Iterable[int]) -> Score:
    """Compare what was found in `frames` (in rising order) with what is there.

    A switch is counted when a true face is found under another track than the last time it was found.
    """
    by_frame: dict[int, list[Found]] = {}
    for item in found:
        by_frame.setdefault(item.frame, []).append(item)
    total = Score()
    tracks: dict[int, int] = {}
    for frame in frames:
        _add_frame(total, scene.sights(frame), by_frame.get(frame, []), tracks)
    return total


def _add_frame(total: Score, sights: Sequence[Sight], found: Sequence[Found], tracks: dict[int, int]) -> None:
    there = [sight for sight in sights if sight.share >= VISIBLE_SHARE]
    pairs = pair([sight.box for sight in there], [item.box for item in found])
    total.faces += len(there)
    total.hits += len(pairs)
    for i, j in pairs:
        number, track = there[i].number, found[j].track
        total.switches += tracks.get(number, track) != track
        tracks[number] = track
    used = {j for _, j in pairs}
    rest = [item.box for j, item in enumerate(found) if j not in used]
    half_seen = [sight.box for sight in sights if IGNORED_SHARE <= sight.share < VISIBLE_SHARE]
    total.false += len(rest) - len(pair(half_seen, rest))
