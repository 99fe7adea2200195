"""Finds out by how much the frames of a source must be turned, as far as the settings leave it open."""

from collections import Counter

from edge.settings.schema import Settings
from edge.sources.base import Source
from edge.sources.mounting import Mounting
from edge.sources.open import open_source
from edge.vision.detectors import open_scanner
from edge.vision.orientation import VOTES, OrientationSearch, find_turn

SAMPLE_S = 0.3
"""Time between the frames of a video that are looked at, s: enough for the picture to have changed."""


def new_search(settings: Settings, mounting: Mounting, source: Source) -> OrientationSearch | None:
    """Create the search for the orientation of a camera's frames; None if there is nothing to search.

    A crop fixes the rotation: it counts pixels of the turned frame, so that after a turn it would show another place.
    """
    if not mounting.is_automatic or settings.source.crop:
        return None
    is_searched = source.is_camera or (source.live and settings.source.rotate == "auto")
    return OrientationSearch(cpu_share=settings.schedule.scan_cpu_share) if is_searched else None


def turn_video(settings: Settings, mounting: Mounting, source: Source) -> None:
    """Turn the frames of a video if `rotate` is `auto`: read it in advance until faces show which way is up.

    So all frames are turned alike, from the first one on.

    Args:
        settings: all settings.
        mounting: turns the frames.
        source: the opened source, which is not read; nothing is done unless it is a video.

    Raises:
        EdgeError: the video or the detector cannot be used.
    """
    if settings.source.rotate != "auto" or source.live or source.is_camera or source.is_still_images:
        return
    detector = open_scanner(settings, is_still_images=True)
    video = open_source(settings.source)
    votes: Counter[int] = Counter()
    next_s = 0.0
    try:
        while (frame := video.read()) is not None and max(votes.values(), default=0) < VOTES:
            if frame.media_time_s >= next_s:
                next_s = frame.media_time_s + SAMPLE_S
                turn = find_turn(detector, frame.gray)
                votes.update([] if turn is None else [turn])
    finally:
        video.close()
    if votes:
        mounting.use_found(votes.most_common(1)[0][0], source=source.name)
