"""What is measured, in which order, for how long."""

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import msgspec

from edge.benchmark.film import Film, FilmSource, draw
from edge.benchmark.measure import Figures, measure
from edge.benchmark.start import Start, measure_start
from edge.errors import CameraAbsentError, EdgeError
from edge.scenes.catalogue import make_scene
from edge.settings import Settings, SourceSettings
from edge.sources.choose import DEMO_CLIP, open_camera
from edge.sources.video import VideoSource

log = logging.getLogger(__name__)

SCENES = {"no face": "empty", "one face": "slow", "three faces": "three", "five faces": "five"}
CAMERA, CLIP = "camera", "clip"

_FILM_FRAMES = 90
"""Three seconds, shown there and back: 27 MB of memory, where ten seconds would take a fifth of a Zero 2 W's."""

_PARTS = 2 * len(SCENES)
"""Runs that share the time: each scene as fast as may be, those with faces once more against the clock, the camera."""

_ENDLESS = 1_000_000


def measure_all(settings: Settings, *, seconds: float) -> Iterator[tuple[str, Figures]]:
    """Give a label and the figures of each run as soon as it is done; it takes about `seconds` in all."""
    cv2.setNumThreads(settings.detect.threads)
    share_s = seconds / _PARTS
    for label, scene in SCENES.items():
        film = there_and_back(draw(make_scene(scene), count=_FILM_FRAMES))
        yield label, measure(FilmSource(film, live=False, loops=_ENDLESS), settings, seconds=share_s)
        if scene != "empty":
            yield label, measure(FilmSource(film, live=True, loops=_ENDLESS), settings, seconds=share_s)
    yield CLIP, measure(VideoSource(DEMO_CLIP), settings, seconds=share_s)
    if (figures := _measure_camera(settings, share_s)) is not None:
        yield CAMERA, figures


def measure_process() -> Start:
    """Measure a process of its own, as the service is: its start, and its memory without ours."""
    with tempfile.TemporaryDirectory() as folder:
        return measure_start(DEMO_CLIP, Path(folder))


def there_and_back(film: Film) -> Film:
    """Return a film that can be shown again and again without a jump; its frames share the memory of `film`."""
    inner = slice(-2, 0, -1)
    return replace(film, frames=(*film.frames, *film.frames[inner]), numbers=(*film.numbers, *film.numbers[inner]))


def _measure_camera(settings: Settings, seconds: float) -> Figures | None:
    """None where there is no camera, or it cannot be used; a warning then says why."""
    try:
        return measure(open_camera(_camera_of(settings.source)), settings, seconds=seconds)
    except CameraAbsentError:
        return None
    except EdgeError as error:
        log.warning("not measured with the camera: %s", error)
        return None


def _camera_of(settings: SourceSettings) -> SourceSettings:
    names_camera = settings.use in {"auto", "camera", "picamera"} or settings.use.startswith("/dev/")
    return msgspec.structs.replace(settings, use=settings.use if names_camera else "auto")
