"""Reads expressions from Python: pictures one at a time, or the readings of a camera, video or folder."""

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.counters import Counters
from edge.errors import ConfigError, MediaError
from edge.pipeline.build import build_steps, new_pipeline
from edge.pipeline.pipeline import Pipeline
from edge.pipeline.rotation import turn_video
from edge.records import Frame, Gray, Observation, Reading, TimeLine
from edge.runtime.queue import BoundedQueue, Closed, Policy
from edge.settings.load import make_settings, override
from edge.sinks.base import Sink
from edge.sources.base import Source, luma, read_only, silence_opencv
from edge.sources.images import read_image
from edge.sources.open import new_mounting, open_source

Picture = NDArray[np.uint8] | str | os.PathLike[str]
"""A BGR picture (H, W, 3) or a gray one (H, W), uint8, as OpenCV has them; or the path of an image file."""

Section = Mapping[str, object]
"""Some keys of a section of the settings, with their values."""


class EmotionReader:
    """Finds faces and names their apparent expressions, as the service does, without a log or any other output.

    Model and detector are loaded once. A reader may be shared by threads: `read` works on one picture at a time, and
    each `stream` runs a pipeline of its own.

        reader = EmotionReader(model="edge_accurate", detect={"min_face_px": 30})
        for face in reader.read("photo.jpg"):
            print(face.box.xywh, face.label, f"{face.confidence:.0%}")
    """

    def __init__(
        self,
        *,
        model: str | os.PathLike[str] = "",
        classes: int = 0,
        config: str | os.PathLike[str] | None = None,
        source: Section | None = None,
        detect: Section | None = None,
        scan: Section | None = None,
        schedule: Section | None = None,
        track: Section | None = None,
        classify: Section | None = None,
        smooth: Section | None = None,
    ) -> None:
        """Load model and detector.

        Args:
            model: a .tflite file with its manifest, or the name of a bundled model: `edge_small`, the default, or
                `edge_accurate`.
            classes: number of emotions: 7, 6 (without disgust), 5 (without disgust and fear); 0 for all that the model
                has.
            config: settings in TOML, as for `edge-emotion run --config`; the other arguments replace single keys of it.
                Its outputs (log, page, MQTT and the like) are not used.
            source: keys of [source], such as `{"rotate": 90}`.
            detect: keys of [detect], such as `{"method": "haar"}`.
            scan: keys of [scan].
            schedule: keys of [schedule].
            track: keys of [track].
            classify: keys of [classify], such as `{"prior": "balanced"}`.
            smooth: keys of [smooth], such as `{"min_confidence": 0.5}`.

        Raises:
            ConfigError: a setting is unknown or invalid, or `config` cannot be read.
            ModelError: the model, or the detector's, cannot be used.
        """
        sections = {
            "source": source,
            "detect": detect,
            "scan": scan,
            "schedule": schedule,
            "track": track,
            "classify": classify,
            "smooth": smooth,
            "model": {"path": os.fspath(model) or None, "classes": classes or None},
        }
        self._settings = make_settings(sections, base=Path(config) if config else None)
        silence_opencv()
        self._steps = build_steps(self._settings)(is_still_images=True)
        self._lock = threading.Lock()  # the interpreters and the detector serve one picture at a time

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions that are predicted, in the order of the probabilities."""
        return self._steps.track_classifier.labels

    def read(self, picture: Picture) -> tuple[Reading, ...]:
        """Find the faces in a picture and name their expressions.

        Args:
            picture: (H, W, 3) uint8 BGR or (H, W) uint8 gray, which is not changed; or the path of an image file.

        Returns:
            A reading for each face, the largest first; empty if there is none. `label` is one of `labels`, or
            `uncertain`; `unclear` says why a face could not be classified, else it is None.

        Raises:
            MediaError: the array is no picture, or the file cannot be read.
            EdgeError: another part of the runtime has failed.
        """
        source, sink = _OnePicture(*_gray_of(picture)), _LastObservation()
        mounting = new_mounting(self._settings.source)
        with self._lock:
            new_pipeline(self._settings, source, self._steps, [sink], counters=Counters(), mounting=mounting).run()
        return sink.readings

    def stream(self, source: str | int | os.PathLike[str] = "auto") -> Iterator[Reading]:
        """Yield the readings of a camera, a video, or a folder of pictures, as they come.

        Of a camera, frames that come while the caller is busy are dropped, so that the next reading is new. Every frame
        of a file is read, in order. The pipeline starts when the first reading is requested, and ends with the source,
        or when the iterator is closed or deleted.

        Args:
            source: as in `edge-emotion run --source`: `auto`, `camera`, `picamera`, a camera's number, `/dev/videoN`,
                `scene:NAME`, a file or a folder.

        Yields:
            A reading for each face in each frame; `frame_index` tells frames apart, and `track_id` people.

        Raises:
            SourceError: the source cannot be used, or has failed.
            EdgeError: another part of the runtime has failed.
        """
        settings = msgspec.structs.replace(self._settings, source=override(self._settings.source, use=_name_of(source)))
        steps = build_steps(settings)  # interpreters of its own: `read` may be called meanwhile
        mounting = new_mounting(settings.source)
        opened = open_source(settings.source, mounting=mounting)
        with closing(opened):
            turn_video(settings, mounting, opened)
            sink = _HandOver(Policy.DROP_OLDEST if opened.live else Policy.BLOCK)
            new_steps = steps(is_still_images=opened.is_still_images)
            yield from _run_beside(
                new_pipeline(settings, opened, new_steps, [sink], counters=Counters(), mounting=mounting), sink
            )


class _OnePicture(Source):
    """Gives a single still image."""

    is_still_images = True

    def __init__(self, gray: Gray, name: str) -> None:
        self.name = name
        self._frame: Frame | None = Frame(gray, 0, time.monotonic(), 0.0, name, time_line=TimeLine.NONE)

    def read(self) -> Frame | None:
        """Return the picture, then None."""
        frame, self._frame = self._frame, None
        return frame

    def close(self) -> None:
        """There is nothing to release."""


class _LastObservation(Sink[Observation]):
    """Keeps the newest observation."""

    name = "reader"

    def __init__(self) -> None:
        self.readings: tuple[Reading, ...] = ()

    def write(self, observation: Observation) -> None:
        """Keep the observation's readings."""
        self.readings = observation.readings


class _HandOver(Sink[Observation]):
    """Hands observations over to the thread of the caller."""

    name = "reader"

    def __init__(self, policy: Policy) -> None:
        self.queue: BoundedQueue[Observation] = BoundedQueue(policy)

    def write(self, observation: Observation) -> None:
        """Pass the observation on; it waits for the caller if nothing may be lost."""
        self.queue.put(observation)


def _run_beside(pipeline: Pipeline, sink: _HandOver) -> Iterator[Reading]:
    """Run the pipeline on another thread, and yield its readings; stop it when the caller wants no more."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            pipeline.run()
        except BaseException as error:  # noqa: BLE001  # raised again on the caller's thread
            failures.append(error)
        finally:
            sink.queue.close()

    thread = threading.Thread(target=run, name="pipeline", daemon=True)
    thread.start()
    try:
        with suppress(Closed):
            while True:
                yield from sink.queue.get().readings
    finally:
        pipeline.ask_stop()
        sink.queue.close(discard=True)
        thread.join()
    if failures:
        raise failures[0]


def _name_of(source: str | int | os.PathLike[str]) -> str:
    if isinstance(source, int) and not isinstance(source, bool) and source >= 0:
        return str(source)
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    raise ConfigError(f"source: expected a name, a path or a camera's number, found {source!r}")


def _gray_of(picture: Picture) -> tuple[Gray, str]:
    """Return the picture's luma, read-only, and its name.

    Raises:
        MediaError: it is no picture.
    """
    if isinstance(picture, str | os.PathLike):
        path = Path(picture)
        return read_image(path)[0], path.name
    if not isinstance(picture, np.ndarray):
        raise MediaError(f"picture: expected an array or the path of an image, found {type(picture).__name__}")
    pixels = picture[..., 0] if picture.ndim == 3 and picture.shape[2] == 1 else picture  # noqa: PLR2004  # rows, columns, channels
    if pixels.dtype != np.uint8 or pixels.size == 0 or pixels.shape[2:] not in {(), (3,)} or pixels.ndim < 2:  # noqa: PLR2004
        raise MediaError(
            "picture: expected an array of uint8, (height, width) for gray or (height, width, 3) for BGR,"
            f" found {picture.dtype} of shape {picture.shape}{_advice(picture)}"
        )
    return read_only(luma(pixels) if pixels.ndim == 3 else np.ascontiguousarray(pixels).view()), "array"  # noqa: PLR2004


def _advice(picture: NDArray[Any]) -> str:
    if picture.ndim == 3 and picture.shape[2] == 4:  # noqa: PLR2004  # an opacity channel
        return ": convert it with cv2.cvtColor(picture, cv2.COLOR_BGRA2BGR)"
    if picture.dtype == np.bool_ or (picture.dtype.kind in "fiu" and picture.dtype != np.uint8):
        return ": scale it to 0 to 255 and convert it with .astype('uint8')"
    return ""
