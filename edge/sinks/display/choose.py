"""Chooses what a display shows."""

import math
import re
from collections import Counter

from edge.records import Counts, Observation
from edge.sinks.display.screens import Faces, Notice, Screen, Shares, ShownFace
from edge.status import Status

_GREETING_S = 15.0
"""So long after the start the live page's address has the screen for itself, unless there is a face, s."""


def choose_screen(observation: Observation | None, status: Status) -> Screen:
    """Say what matters most: what is wrong, then faces, then that there is none.

    observation: the newest, if there is one that still holds.
    """
    address = page_address(status)
    trouble = _without_camera(status, address)
    if trouble is not None:
        return trouble
    if observation is not None and observation.counts is not None:
        return _shares(observation.counts)
    slowed = [flag for flag in status.throttled or [] if not flag.endswith("since boot")]
    if observation is not None and observation.readings:
        nearest_first = sorted(observation.readings, key=lambda reading: -reading.box.area)
        faces = tuple(ShownFace(reading.emotion, round(reading.confidence, 2)) for reading in nearest_first)
        return Faces(faces, slow=bool(slowed))
    return _without_face(status, slowed, address)


def _without_camera(status: Status, address: str) -> Notice | None:
    if status.state == "camera lost":
        retry = "" if status.retry_in_s is None else f"again in {math.ceil(status.retry_in_s)} s: "
        return Notice("camera lost", "camera lost", f"{retry}{status.camera_error}")
    if status.state == "stalled":
        return Notice("camera lost", "no picture", "the camera gives none", address)
    if status.state == "starting":
        return Notice("camera", "starting", "waiting for the first picture", address)
    return None


def _without_face(status: Status, slowed: list[str], address: str) -> Notice:
    if slowed:
        heat = "" if status.temperature_c is None else f", {status.temperature_c:.0f} C"
        return Notice("slow", "throttled", f"{', '.join(slowed)}{heat}", address)
    if address and status.uptime_s < _GREETING_S:
        return Notice("page", "live page", foot=address)
    return Notice("nobody", "no face", foot=address)


def page_address(status: Status) -> str:
    """Where the live page is, without what every browser adds by itself; empty where there is none."""
    notes = [sink.note for sink in status.sinks if sink.name == "page" and not sink.error]
    found = re.search(r"https?://[^\s,;]+", " ".join(notes))
    return found[0].removeprefix("http://").rstrip("/") if found else ""


def _shares(counts: Counts) -> Shares:
    total = sum(counts.emotions.values())
    return Shares(tuple((name, round(count / total, 2)) for name, count in Counter(counts.emotions).most_common()))
