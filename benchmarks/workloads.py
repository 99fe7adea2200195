"""Defines what is measured on which frames: a workload, and the measurement of one candidate on it."""

from dataclasses import dataclass, field

from benchmarks.detection_metrics import DetectedFace, DetectionScore, score_detections
from benchmarks.entry_latency import entry_scene
from edge.benchmark.memory_source import SceneFrames, render_frames
from edge.scenes.catalogue import make_scene
from edge.scenes.render import Scene


@dataclass(frozen=True, slots=True)
class Workload:
    """Frames of a rendered scene.

    Attributes:
        scene: name in the catalogue, or `entrances`.
        width: of the frames, px.
        height: of the frames, px.
        count: number of frames of the scene.
        every: take only each `every`-th of them.
        live: deliver the frames at the scene's rate, as a camera does; otherwise as fast as they are consumed.
        loops: repetitions.
    """

    scene: str
    width: int = 640
    height: int = 480
    count: int = 300
    every: int = 1
    live: bool = False
    loops: int = 1

    @property
    def label(self) -> str:
        """Name in tables."""
        return f"{self.scene} {self.width}x{self.height}"

    def find_scene(self) -> Scene:
        """Return the scene."""
        if self.scene == "entrances":
            return entry_scene(self.width, self.height)
        return make_scene(self.scene, width=self.width, height=self.height)

    def draw(self, *, color: bool) -> SceneFrames:
        """Render the frames, grey or in colour."""
        return render_frames(self.find_scene(), count=self.count, every=self.every, color=color)


@dataclass(frozen=True, slots=True)
class Measurement:
    """The measurement of one candidate on a workload.

    Attributes:
        cpu_ms: CPU time of all threads per due frame, ms, from the frame in memory to its readings in the log.
        detected: the faces of all frames.
        frames: number of due frames.
        threads_ms: the same CPU time by thread.
        source_ms: CPU time of handing over a frame, ms; it is not part of `cpu_ms`.
        latencies_ms: from the frame in memory to the reading, ms, one for each reading.
        dropped: number of due frames that were not processed.
    """

    cpu_ms: float
    detected: tuple[DetectedFace, ...]
    frames: int
    threads_ms: dict[str, float] = field(default_factory=dict)
    source_ms: float = 0.0
    latencies_ms: tuple[float, ...] = ()
    dropped: int = 0


def score_workload(workload: Workload, detected: tuple[DetectedFace, ...]) -> DetectionScore:
    """Compare the detected faces with the true ones of the workload's frames."""
    frames = range(0, workload.count, workload.every)
    wanted = set(frames)
    return score_detections(workload.find_scene(), [face for face in detected if face.frame in wanted], frames)
