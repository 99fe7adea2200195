"""Defines the screens of the display, and chooses the one to show."""

import math
import re
from collections import Counter
from dataclasses import dataclass

from edge.records import MinuteCounts, Observation
from edge.status import Status

_GREETING_S = 15.0
"""Time after the start during which the address of the live page fills the screen if there is no face, s."""


@dataclass(frozen=True, slots=True)
class FaceOnScreen:
    """One face on the display; `confidence` is 0.0 to 1.0."""

    emotion: str
    confidence: float


@dataclass(frozen=True, slots=True)
class FacesScreen:
    """The faces in front of the camera.

    Attributes:
        faces: the faces, nearest first.
        throttled: show a small icon because the board is throttled.
    """

    faces: tuple[FaceOnScreen, ...]
    throttled: bool = False


@dataclass(frozen=True, slots=True)
class MessageScreen:
    """A message that is shown instead of faces.

    Attributes:
        icon: one of `icons.ICONS`.
        title: one or two words in large letters.
        text: details below the title, wrapped and cut off at the end of the screen.
        footer: small text at the bottom, which has precedence over `text`.
    """

    icon: str
    title: str
    text: str = ""
    footer: str = ""


@dataclass(frozen=True, slots=True)
class SharesScreen:
    """The share of each emotion in the last minute, most frequent first; shown in `counts_only` mode."""

    shares: tuple[tuple[str, float], ...]


Screen = FacesScreen | MessageScreen | SharesScreen


def choose_screen(observation: Observation | None, status: Status) -> Screen:
    """Choose the most important screen: a problem with the camera, then faces, then the state without a face.

    Args:
        observation: the newest observation; None if there is none, or it is out of date.
        status: the status of the run.
    """
    address = page_address(status)
    problem = _camera_problem(status, address)
    if problem is not None:
        return problem
    if observation is not None and observation.counts is not None:
        return _shares(observation.counts)
    throttled = [flag for flag in status.throttled or [] if not flag.endswith("since boot")]
    if observation is not None and observation.readings:
        nearest_first = sorted(observation.readings, key=lambda reading: -reading.box.area)
        faces = tuple(FaceOnScreen(reading.emotion, round(reading.confidence, 2)) for reading in nearest_first)
        return FacesScreen(faces, throttled=bool(throttled))
    return _no_face(status, throttled, address)


def _camera_problem(status: Status, address: str) -> MessageScreen | None:
    if status.state == "camera lost":
        retry = "" if status.retry_in_s is None else f"again in {math.ceil(status.retry_in_s)} s: "
        return MessageScreen("camera lost", "camera lost", f"{retry}{status.camera_error}")
    if status.state == "bad picture":
        return MessageScreen("camera lost", status.picture_fault or "bad picture", status.camera_error, address)
    if status.state == "stalled":
        return MessageScreen("camera lost", "no picture", "the camera gives none", address)
    if status.state == "starting":
        return MessageScreen("camera", "starting", "waiting for the first picture", address)
    return None


def _no_face(status: Status, throttled: list[str], address: str) -> MessageScreen:
    if throttled:
        temperature = "" if status.temperature_c is None else f", {status.temperature_c:.0f} C"
        return MessageScreen("throttled", "throttled", f"{', '.join(throttled)}{temperature}", address)
    if address and status.uptime_s < _GREETING_S:
        return MessageScreen("page", "live page", footer=address)
    if status.faces is None:  # as before the first minute's counts
        return MessageScreen("camera", "running", "no result yet", address)
    return MessageScreen("nobody", "no face", footer=address)


def page_address(status: Status) -> str:
    """Return the address of the live page, without the scheme that browsers add; empty if there is no page."""
    notes = [sink.note for sink in status.sinks if sink.name == "page" and not sink.error]
    found = re.search(r"https?://[^\s,;]+", " ".join(notes))
    return found[0].removeprefix("http://").rstrip("/") if found else ""


def _shares(counts: MinuteCounts) -> SharesScreen:
    total = sum(counts.emotions.values())
    return SharesScreen(
        tuple((emotion, round(count / total, 2)) for emotion, count in Counter(counts.emotions).most_common())
    )
