"""The settings of every stage: each key's meaning, type, range and default."""

from typing import Annotated, Literal

from msgspec import Meta

from edge.errors import LabelError
from edge.labels import CLASS_SETS, check_shares
from edge.settings.base import FileName, Positive, SettingsSection, Share
from edge.settings.sinks import (
    DisplaySettings,
    HookSettings,
    LogSettings,
    MetricsSettings,
    MqttSettings,
    PageSettings,
    PrivacySettings,
)

MIN_CROP_PX = 64
"""Smallest side of a crop, px: the smallest camera image."""

PRIOR_STRENGTH = 0.3
"""Default of `classify.prior_strength`."""


class SourceSettings(SettingsSection, frozen=True):
    """[source] Where frames come from.

    Attributes:
        use: `auto`, `camera` (the first V4L2 camera), `picamera`, `0` (the first camera of any kind), a device such as
            `/dev/video0`, a network camera (`rtsp://`, `http://` and the like, or `gst:` and a pipeline), `scene:` and
            a name, or the path of a video, a picture or a folder of pictures.
        credentials_file: a file whose first line is the network camera's `user:password`, and which no other user may
            read; if it is empty, EDGE_EMOTION_SOURCE_CREDENTIALS in the environment or the service's credential
            camera-credentials has them.
        loop: whether a file or a scene begins again when it ends; it then plays at its own rate, like a camera.
        width, height: frame size that is requested from a camera, or drawn for a scene, px.
        fps: frame rate that is requested from a camera, or played for a scene, frames a second.
        rotate: clockwise turn that makes each frame upright, degrees; `auto` finds it from the faces. If the key is
            left out, it is `auto` for cameras and 0 for files.
        flip: mirrors the turned frame: `horizontal` swaps left and right, `vertical` top and bottom.
        crop: the part of the turned frame that is used, as x, y, width and height, px; empty for the whole frame.
        max_megapixels: larger pictures, and frames of files and network cameras, are shrunk to this size, and those of
            more than four times as many pixels are refused, except JPEGs, which can be decoded at a fraction of their
            size. The default fits a board with 512 MB: searching a picture for faces takes about 20 bytes a pixel.
        stall_timeout_s: a camera that gives no frame for this long has failed, s; the run ends with exit code 3, unless
            `reopen` is set.
        open_timeout_s: the same while a camera is being opened, up to its first frame, s.
        picture_timeout_s: a camera's picture that shows nothing for this long is reported, and its faces end, s: it
            does not change at all, or is black, covered or out of focus. 0 turns the check off.
        reopen: whether a camera that is absent, silent, hangs or fails is opened again, instead of ending the run;
            `auto` then always uses a camera, never the bundled clip. For a service.
    """

    use: FileName = "auto"
    credentials_file: FileName = ""
    loop: bool = False
    width: Annotated[int, Meta(ge=64, le=4096)] = 640
    height: Annotated[int, Meta(ge=64, le=4096)] = 480
    fps: Annotated[float, Meta(gt=0.0, le=240.0)] = 30.0
    rotate: Literal[0, 90, 180, 270, "auto", None] = None
    flip: Literal["none", "horizontal", "vertical"] = "none"
    crop: tuple[int, ...] = ()
    max_megapixels: Annotated[float, Meta(ge=0.1, le=1000.0)] = 9.0
    stall_timeout_s: Annotated[float, Meta(ge=1.0)] = 4.0
    open_timeout_s: Annotated[float, Meta(ge=1.0)] = 8.0
    picture_timeout_s: Annotated[float, Meta(ge=0.0)] = 10.0
    reopen: bool = False

    def __post_init__(self) -> None:
        """Check the crop as far as possible without a frame; msgspec reports a ValueError like any wrong value."""
        super().__post_init__()
        crop = list(self.crop)
        if crop and (len(crop) != 4 or min(crop[:2]) < 0 or min(crop[2:]) < MIN_CROP_PX):  # noqa: PLR2004  # x, y, w, h
            raise ValueError(
                f"crop: expected [x, y, w, h] with x and y of at least 0 and w and h of at least {MIN_CROP_PX} px, "
                f"or [] for the whole frame, found {crop}"
            )


class DetectSettings(SettingsSection, frozen=True):
    """[detect] Face detection; in a stream, [scan] replaces some of these keys.

    Attributes:
        method: `auto` is BlazeFace together with the cascade if BlazeFace is installed, else the cascade alone; `haar`
            is the cascade alone; `yunet` needs `yunet_model`.
        yunet_model: path of YuNet's ONNX file, for `yunet`.
        cascade: the path of a cascade file, or the name of one that OpenCV includes.
        confirm_cascade: a second cascade that must confirm each new face in a stream where the cascade alone detects
            faces; empty for none. Change it too if `cascade` finds anything but frontal faces.
        scale_factor: ratio of neighbouring face sizes in the search; nearer to 1 finds more and costs more.
        min_neighbors: number of overlapping hits that make a detection; a higher one gives fewer false detections, and
            misses more faces.
        min_face_px: side of the smallest face, px of the frame.
        border: share of the picture's shorter side by which its edges are extended, so that a face that fills the
            picture is found.
        threads: number of OpenCV's threads; more of them detect faces sooner on an idle machine, and heat a small one.
    """

    method: Literal["auto", "haar", "blazeface", "yunet"] = "auto"
    yunet_model: FileName = ""
    cascade: FileName = "haarcascade_frontalface_alt2.xml"
    confirm_cascade: FileName = "haarcascade_frontalface_default.xml"
    scale_factor: Annotated[float, Meta(ge=1.01, le=2.0)] = 1.1
    min_neighbors: Annotated[int, Meta(ge=0, le=20)] = 3
    min_face_px: Annotated[int, Meta(ge=20, le=2048)] = 48
    border: Annotated[float, Meta(ge=0.0, le=0.5)] = 0.25
    threads: Annotated[int, Meta(ge=1, le=64)] = 1


class ScanSettings(SettingsSection, frozen=True):
    """[scan] The search for new faces in a stream, with the cascade and the smallest face of [detect].

    Attributes:
        face_px: the picture is shrunk until the smallest face has this side, px.
        scale_factor, min_neighbors, border: as in [detect]; a scan may be coarser than the search of a single picture,
            because it is repeated.

    Source: 145 photographed faces at 50, 60, 80 and 110 px; share found, and time relative to the setting of pictures
    (48 px, 1.1, 3 neighbours: 0.97, 1.00, 0.99, 0.99): this one 0.92, 0.99, 0.99, 1.00 in 0.57 of the time; with
    3 neighbours at 1.1 it is 0.79, 0.98, 1.00, 0.99 in 0.71. False detections: none in 580.
    """

    face_px: Annotated[int, Meta(ge=20, le=200)] = 30
    scale_factor: Annotated[float, Meta(ge=1.01, le=2.0)] = 1.15
    min_neighbors: Annotated[int, Meta(ge=0, le=20)] = 2
    border: Annotated[float, Meta(ge=0.0, le=0.5)] = 0.1


class ScheduleSettings(SettingsSection, frozen=True):
    """[schedule] When to detect faces, and how fast to read the camera.

    Attributes:
        scan_interval_s: time between two scans for new faces while the picture changes, s.
        motion_scan_gap_s: shortest time to the next scan when something moves where no face is known, s.
        scan_cpu_share: scans of a camera take at most this share of one core, 0 to 1: a slow board scans less often.
        carry_frames: number of frames for which a known face may be tracked by template matching before the detector
            confirms it; the detector also checks a face that no longer matches its template. 0 detects faces in every
            frame.
        motion_threshold: change of luma that counts as motion, 1 to 255; raise it for a noisy camera.
        motion_share: share of the picture that must change to count as motion, 0 to 1.
        max_fps: highest rate at which a camera is read, frames a second; 0 for the camera's own.
        idle_fps: highest rate at which a camera is read while there is neither a face nor motion, frames a second.
        idle_after_s: time with neither a face nor motion after which `idle_fps` applies, s.
        heat_limit_c: temperature from which on the rates are halved step by step until the board has cooled, degrees
            Celsius; the same happens while the firmware throttles the processor.
    """

    scan_interval_s: Positive = 1.0
    motion_scan_gap_s: Annotated[float, Meta(ge=0.0)] = 0.15
    scan_cpu_share: Annotated[float, Meta(gt=0.0, le=1.0)] = 0.15
    carry_frames: Annotated[int, Meta(ge=0, le=30)] = 7
    motion_threshold: Annotated[int, Meta(ge=1, le=255)] = 12
    motion_share: Share = 0.001
    max_fps: Annotated[float, Meta(ge=0.0, le=1000.0)] = 0.0
    idle_fps: Annotated[float, Meta(gt=0.0, le=1000.0)] = 5.0
    idle_after_s: Annotated[float, Meta(ge=0.0)] = 5.0
    heat_limit_c: Annotated[float, Meta(ge=30.0, le=120.0)] = 80.0


class TrackSettings(SettingsSection, frozen=True):
    """[track] Tracking faces from frame to frame.

    Attributes:
        min_iou: lowest overlap (intersection over union) at which a detection continues a track, 0 to 1.
        min_hits: number of consecutive frames in which a new face must be found before it is reported, in a stream.
        max_missed_s: time without a detection after which a face has left, s of the source's time.
    """

    min_iou: Share = 0.3
    min_hits: Annotated[int, Meta(ge=1, le=100)] = 2
    max_missed_s: Positive = 0.7


class ModelSettings(SettingsSection, frozen=True):
    """[model] The model that classifies expressions.

    Attributes:
        path: a .tflite file, or the name of a bundled model: `edge_small` (the default) or `edge_accurate`.
        classes: number of emotions to predict: 7, 6 (without disgust) or 5 (without disgust and fear), even if the
            model has more; 0 for all that it has.
        interpreter: the package that runs the model; `auto` uses ai-edge-litert, else tflite-runtime.
    """

    path: FileName = ""
    classes: Literal[0, 5, 6, 7] = 0
    interpreter: Literal["auto", "ai-edge-litert", "tflite-runtime"] = "auto"

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels to predict; empty for all that the model has."""
        return CLASS_SETS[self.classes] if self.classes else ()


class ClassifySettings(SettingsSection, frozen=True):
    """[classify] Which faces are classified, how often, and how common each emotion is expected to be.

    Attributes:
        rate_hz: number of classifications of each face a second; in between, the last prediction is kept.
        min_face_px: side of the smallest face that is classified, px; the reading of a smaller one says that it is too
            small.
        prior: how common each emotion is: `everyday` (mostly neutral and happy), `balanced` (all equally), or a share
            for each label, `{ happy = 0.5, neutral = 0.5, ... }`; a label with share 0 is never predicted.
        prior_strength: how far probabilities are moved from the training data's shares to those of `prior`, 0 (not at
            all) to 1 (entirely).
    """

    rate_hz: Positive = 10.0
    min_face_px: Annotated[int, Meta(ge=8)] = 36
    prior: Literal["everyday", "balanced"] | dict[str, float] = "everyday"
    prior_strength: Share = PRIOR_STRENGTH

    def __post_init__(self) -> None:
        """Check the shares; msgspec reports a ValueError like any wrong value."""
        super().__post_init__()
        if isinstance(self.prior, str):
            return
        try:
            check_shares(self.prior)
        except LabelError as error:
            raise ValueError(f"prior: {error}") from error


class SmoothSettings(SettingsSection, frozen=True):
    """[smooth] Smoothing of the predictions over time.

    Attributes:
        time_constant_s: time constant of the exponential average of the probabilities, s; 0 turns it off.
        min_confidence: confidence below which the emotion is `uncertain`, 0 to 1. Source: for 94 % of the faces of
            FER2013's PublicTest `edge_small` has a confidence of 0.35 or more, and is right for 70 % of these; for the
            others it is right for 32 % (mean of a face and its mirror image, see `TrackClassifier`).
        hysteresis: margin by which another emotion must lead before it replaces the present one, 0 to 1.
        hold_s: time for which another emotion must lead by `hysteresis` before it replaces the present one, s.
        rare_hold_s: time for which a label that `classify.prior` expects on less than a tenth of the faces must be
            predicted with probability 0.9 before it is shown, s; with a lower probability it takes longer, and with 0.5
            or less the label is never shown. In streams only; 0 treats all labels alike.
        uncertain_after_s: time without a clear emotion after which `uncertain` replaces the present one, s.
    """

    time_constant_s: Annotated[float, Meta(ge=0.0)] = 0.4
    min_confidence: Share = 0.35
    hysteresis: Share = 0.08
    hold_s: Annotated[float, Meta(ge=0.0)] = 0.3
    rare_hold_s: Annotated[float, Meta(ge=0.0)] = 0.5
    uncertain_after_s: Annotated[float, Meta(ge=0.0)] = 1.0


PROFILES: dict[str, dict[str, dict[str, float]]] = {
    "low-power": {
        "schedule": {"scan_interval_s": 2.0, "motion_scan_gap_s": 0.3, "max_fps": 10.0, "idle_fps": 2.0},
        "classify": {"rate_hz": 4.0},
    },
    "balanced": {},
    "responsive": {
        "schedule": {"scan_interval_s": 0.5, "motion_scan_gap_s": 0.05, "idle_fps": 60.0},
        "classify": {"rate_hz": 15.0},
    },
}
"""The values that each profile sets; a key in the file overrides them. `balanced` is the defaults."""


class Settings(SettingsSection, frozen=True):
    """All settings; any section may be left out of the file.

    Attributes:
        profile: sets [schedule] and [classify] together, for a battery, for most uses, or for the fastest response.
    """

    profile: Literal["low-power", "balanced", "responsive"] = "balanced"
    source: SourceSettings = SourceSettings()
    detect: DetectSettings = DetectSettings()
    scan: ScanSettings = ScanSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    track: TrackSettings = TrackSettings()
    model: ModelSettings = ModelSettings()
    classify: ClassifySettings = ClassifySettings()
    smooth: SmoothSettings = SmoothSettings()
    log: LogSettings = LogSettings()
    page: PageSettings = PageSettings()
    display: DisplaySettings = DisplaySettings()
    mqtt: MqttSettings = MqttSettings()
    metrics: MetricsSettings = MetricsSettings()
    hook: HookSettings = HookSettings()
    privacy: PrivacySettings = PrivacySettings()
