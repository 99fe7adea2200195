"""What is shown to a contender, and what it answers."""

from dataclasses import dataclass, field

from benchmarks.entrances import entrance_scene
from benchmarks.match import Found, Score, score
from edge.benchmark.film import Film, draw
from edge.scenes.catalogue import make_scene
from edge.scenes.render import Scene


@dataclass(frozen=True, slots=True)
class Job:
    """Each `every`-th of the first `count` frames of a scene, `loops` times. live: like a camera, by the clock."""

    scene: str
    width: int = 640
    height: int = 480
    count: int = 300
    every: int = 1
    live: bool = False
    loops: int = 1

    @property
    def label(self) -> str:
        """Its name in tables."""
        return f"{self.scene} {self.width}x{self.height}"

    def find_scene(self) -> Scene:
        """Return the scene, which is one of the catalogue's or `entrances`."""
        if self.scene == "entrances":
            return entrance_scene(self.width, self.height)
        return make_scene(self.scene, width=self.width, height=self.height)

    def draw(self, *, color: bool) -> Film:
        """Draw the frames, grey or in colour."""
        return draw(self.find_scene(), count=self.count, every=self.every, color=color)


@dataclass(frozen=True, slots=True)
class Result:
    """What one contender measured once.

    cpu_ms: of all threads, for each frame that was due, from the frame in memory to its readings in the log.
    threads_ms: the same by thread. source_ms: what handing over a frame costs, not part of `cpu_ms`.
    found: what was said. latencies_ms: from the frame in memory to the reading, one a reading.
    frames: how many were due. dropped: how many of them were not looked at.
    """

    cpu_ms: float
    found: tuple[Found, ...]
    frames: int
    threads_ms: dict[str, float] = field(default_factory=dict)
    source_ms: float = 0.0
    latencies_ms: tuple[float, ...] = ()
    dropped: int = 0


def score_job(job: Job, found: tuple[Found, ...], *, every: int = 1) -> Score:
    """Compare what was found with what is there, in each `every`-th frame that was shown."""
    frames = range(0, job.count, max(job.every, every))
    wanted = set(frames)
    return score(job.find_scene(), [item for item in found if item.frame in wanted], frames)
