"""The settings of every stage: what each is for, its type, range and default."""

from typing import Annotated, Literal

from msgspec import Meta

from edge.labels import CLASS_SETS
from edge.section import Positive, Section, Share
from edge.sink_settings import (
    DisplaySettings,
    LogSettings,
    MetricsSettings,
    MqttSettings,
    PageSettings,
    PrivacySettings,
)


class SourceSettings(Section, frozen=True):
    """[source] Where frames come from.

    use: `auto`, `camera` (first V4L2 camera), `picamera`, a device, a video file, a folder of pictures.
    width, height: asked of a camera, px. fps: asked of a camera, frames a second.
    stall_timeout_s: a camera that gives no frame for this long ends the process with an error.
    reopen: a camera that is absent, falls silent or fails is waited for and opened again, instead; `auto` then takes a
        camera and never plays the clip. For a service.
    """

    use: str = "auto"
    width: Annotated[int, Meta(ge=64, le=4096)] = 640
    height: Annotated[int, Meta(ge=64, le=4096)] = 480
    fps: Annotated[float, Meta(gt=0.0, le=240.0)] = 30.0
    stall_timeout_s: Annotated[float, Meta(ge=1.0)] = 10.0
    reopen: bool = False


class DetectSettings(Section, frozen=True):
    """[detect] Finding faces; in a stream [scan] says otherwise for some.

    cascade: a cascade file's path, or the name of one that OpenCV ships.
    scale_factor: ratio of neighbouring face sizes that are tried; nearer to 1 finds more and costs more.
    min_neighbors: how many overlapping hits make a face; more means fewer false faces and fewer faces.
    min_face_px: side of the smallest face looked for, px of the frame.
    border: a picture's edge is repeated outwards by this share of its shorter side, so that a face that fills it is
        found.
    threads: OpenCV's threads; more find faces sooner on an idle machine, and heat a small one.
    """

    cascade: str = "haarcascade_frontalface_alt2.xml"
    scale_factor: Annotated[float, Meta(ge=1.01, le=2.0)] = 1.1
    min_neighbors: Annotated[int, Meta(ge=0, le=20)] = 3
    min_face_px: Annotated[int, Meta(ge=20, le=2048)] = 48
    border: Annotated[float, Meta(ge=0.0, le=0.5)] = 0.25
    threads: Annotated[int, Meta(ge=1, le=64)] = 1


class ScanSettings(Section, frozen=True):
    """[scan] Looking for new faces in a stream, with the cascade and the smallest face of [detect].

    face_px: the picture is shrunk until the smallest face has this side, px. scale_factor, min_neighbors, border: as in
        [detect]; a scan may be coarser than the search of a single picture, since it is repeated.

    Source: 145 photographed faces at 50, 60, 80 and 110 px; share found, and time against the setting of pictures
    (48 px, 1.1, 3 neighbours: 0.97, 1.00, 0.99, 0.99): this one 0.92, 0.99, 0.99, 1.00 in 0.57 of the time; with
    3 neighbours at 1.1 it is 0.79, 0.98, 1.00, 0.99 in 0.71. False faces: none in 580.
    """

    face_px: Annotated[int, Meta(ge=20, le=200)] = 30
    scale_factor: Annotated[float, Meta(ge=1.01, le=2.0)] = 1.15
    min_neighbors: Annotated[int, Meta(ge=0, le=20)] = 2
    border: Annotated[float, Meta(ge=0.0, le=0.5)] = 0.1


class ScheduleSettings(Section, frozen=True):
    """[schedule] When to look for faces, and how often to name them.

    scan_interval_s: while something changes, the picture is scanned for new faces this often, s.
    motion_scan_gap_s: when something moves where no face is known, the next scan may come this soon, s.
    carry_frames: known faces are carried by what they look like; after so many frames the cascade looks at one of them,
        the longest carried, and at any that does not look the same; 0 has it look at all in every frame.
    motion_threshold: change of luma that counts as motion, 1 to 255; raise it for a noisy camera.
    motion_share: share of the picture that must change to count as motion, 0 to 1.
    max_fps: a camera is read no faster than this, frames a second; 0 is as fast as it gives them.
    idle_fps: likewise while nobody is there and nothing moves.
    idle_after_s: how long that must last, s.
    heat_limit_c: from this temperature on, or when a Pi's firmware holds the processor back, the rates are halved in
        steps until it has cooled, degrees Celsius.
    """

    scan_interval_s: Positive = 1.0
    motion_scan_gap_s: Annotated[float, Meta(ge=0.0)] = 0.05
    carry_frames: Annotated[int, Meta(ge=0, le=30)] = 2
    motion_threshold: Annotated[int, Meta(ge=1, le=255)] = 12
    motion_share: Share = 0.001
    max_fps: Annotated[float, Meta(ge=0.0, le=1000.0)] = 0.0
    idle_fps: Annotated[float, Meta(gt=0.0, le=1000.0)] = 5.0
    idle_after_s: Annotated[float, Meta(ge=0.0)] = 5.0
    heat_limit_c: Annotated[float, Meta(ge=30.0, le=120.0)] = 80.0


class TrackSettings(Section, frozen=True):
    """[track] Following faces.

    min_iou: overlap from which a detection continues a track, 0 to 1.
    min_hits: frames in which a new face must be found before it is reported (videos and cameras).
    max_missed_s: a face not found for this long has left, s of the source's time.
    """

    min_iou: Share = 0.3
    min_hits: Annotated[int, Meta(ge=1, le=100)] = 2
    max_missed_s: Positive = 0.7


class ModelSettings(Section, frozen=True):
    """[model] Naming expressions.

    path: the .tflite file, or the name of a model that ships: `edge_small` (the default), or `edge_accurate`.
    classes: answer with 7, 6 (without disgust) or 5 emotions (without disgust and fear) alone, though the model may
        know more; 0 is all that it knows.
    interpreter: which package runs it; `auto` takes ai-edge-litert, else tflite-runtime.
    """

    path: str = ""
    classes: Literal[0, 5, 6, 7] = 0
    interpreter: Literal["auto", "ai-edge-litert", "tflite-runtime"] = "auto"

    @property
    def labels(self) -> tuple[str, ...]:
        """Those to answer with; none where it is all that the model knows."""
        return CLASS_SETS[self.classes] if self.classes else ()


class NameSettings(Section, frozen=True):
    """[name] Which faces are classified, and how often.

    rate_hz: how often a face is classified, times a second; in between its last answer holds.
    min_face_px: a smaller face is not classified, and its reading says so, px.
    """

    rate_hz: Positive = 10.0
    min_face_px: Annotated[int, Meta(ge=8)] = 36


class SmoothSettings(Section, frozen=True):
    """[smooth] From probabilities to a name that holds still.

    time_constant_s: probabilities are averaged exponentially over about this long; 0 turns it off.
    min_confidence: below it the name is `uncertain`, 0 to 1. Source: of FER2013's PublicTest, `edge_small` answers
        94 % with 0.35 or more, and is right in 70 % of these; of the others in 32 % (both ways, see `FaceNamer`).
    hysteresis: another name must be ahead by this much before it replaces the present one, 0 to 1.
    """

    time_constant_s: Annotated[float, Meta(ge=0.0)] = 0.4
    min_confidence: Share = 0.35
    hysteresis: Share = 0.08


PROFILES: dict[str, dict[str, dict[str, float]]] = {
    "low-power": {
        "schedule": {"scan_interval_s": 2.0, "motion_scan_gap_s": 0.2, "max_fps": 10.0, "idle_fps": 2.0},
        "name": {"rate_hz": 4.0},
    },
    "balanced": {},
    "responsive": {
        "schedule": {"scan_interval_s": 0.5, "motion_scan_gap_s": 0.0, "idle_fps": 60.0},
        "name": {"rate_hz": 15.0},
    },
}
"""What a profile sets; a key of the file goes over it. `balanced` is the defaults."""


class Settings(Section, frozen=True):
    """All sections; each may be left out of the file.

    profile: sets [schedule] and [name] together, for a battery, for most uses, or for the quickest answer.
    """

    profile: Literal["low-power", "balanced", "responsive"] = "balanced"
    source: SourceSettings = SourceSettings()
    detect: DetectSettings = DetectSettings()
    scan: ScanSettings = ScanSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    track: TrackSettings = TrackSettings()
    model: ModelSettings = ModelSettings()
    name: NameSettings = NameSettings()
    smooth: SmoothSettings = SmoothSettings()
    log: LogSettings = LogSettings()
    page: PageSettings = PageSettings()
    display: DisplaySettings = DisplaySettings()
    mqtt: MqttSettings = MqttSettings()
    metrics: MetricsSettings = MetricsSettings()
    privacy: PrivacySettings = PrivacySettings()
