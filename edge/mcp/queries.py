"""Answers an assistant's queries: the faces now, a summary of the last minutes, and the camera's state.

Everything comes from the running service's status and its log. Neither contains a picture, so no tool can return one.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from edge.errors import LogError, ServiceError
from edge.report.durations import LABELS
from edge.report.log_reader import BrokenLines, LogLine, find_logs, read_lines
from edge.report.period import Period
from edge.report.replay import GONE_S
from edge.report.summary import LogSummary
from edge.status import Status, query_status

_NEWEST_FILES = 2
"""Files of a log to search for the faces in view: the current one and the one rotated before it."""


@dataclass(frozen=True)
class Face:
    """A face in view.

    Attributes:
        track: number of the face, which starts again with each run; it identifies nobody.
        expression: the apparent expression, or `uncertain`.
        since: when it began to show this expression, RFC 3339 in UTC.
        confidence: of the expression when it was logged, 0 to 1; None if it is unknown.
    """

    track: int | None
    expression: str
    since: str
    confidence: float | None


@dataclass(frozen=True)
class FacesNow:
    """The faces in view.

    Attributes:
        known: whether the camera is working; if not, the number of faces is unknown.
        count: number of faces; None if it is unknown.
        faces: one entry per face; None if it is unknown, or withheld by `privacy.counts_only`.
        note: why something is unknown; empty if nothing is.
    """

    known: bool
    count: int | None
    faces: list[Face] | None
    note: str


@dataclass(frozen=True)
class Summary:
    """A summary of the log over the last minutes.

    Attributes:
        minutes: length of the period.
        seconds_by_expression: face-seconds of each expression that occurred; two faces for a minute are 120 s.
        visits: number of uninterrupted appearances that began in the period; None with `privacy.counts_only`.
        most_faces: highest number of faces at the same time.
        gaps: number and total duration of the times without frames, by reason.
        note: what limits the figures; empty if nothing does.
    """

    minutes: float
    seconds_by_expression: dict[str, float]
    visits: int | None
    most_faces: int
    gaps: list[str]
    note: str


@dataclass(frozen=True)
class CameraStatus:
    """The state of the service and its camera.

    Attributes:
        state: `running`, `starting`, `camera lost`, `stalled`, `stopping`, or `not running` without a service.
        summary: the state in one line.
        source: the camera's name; None without a service.
        frames_per_second: frames processed a second; None without a service.
        uptime_s: seconds since the service started; None without a service.
        problems: errors of the camera, the log, the clock and the sinks.
    """

    state: str
    summary: str
    source: str | None
    frames_per_second: float | None
    uptime_s: float | None
    problems: list[str]


class _ReadingLine(LogLine, gc=False):
    """A log line with the keys that the faces in view need."""

    confidence: float | None = None


_DECODER: msgspec.json.Decoder[LogLine] = msgspec.json.Decoder(_ReadingLine)


@dataclass(slots=True)
class _OpenFace:
    face: Face
    seen_at: float


class ServiceQueries:
    """Answers an assistant's questions from the service's status and log.

    Args:
        socket: the service's status socket.
        log: the log; None for the one that the status names.
    """

    def __init__(self, socket: Path, log: Path | None) -> None:
        self._socket = socket
        self._log = log

    def faces_now(self) -> FacesNow:
        """Return the faces in view.

        Raises:
            LogError: the log cannot be read.
        """
        status = self._status()
        if status is None or not status.is_healthy:
            state = "the service is not running" if status is None else status.summary
            return FacesNow(known=False, count=None, faces=None, note=state)
        open_faces, counts_only = self._open_faces(status)
        if counts_only:
            return FacesNow(known=True, count=status.faces, faces=None, note="privacy.counts_only withholds the faces")
        faces = [one.face for one in open_faces]
        note = "" if len(faces) == status.faces else "a face has just appeared or left: the log follows in a second"
        return FacesNow(known=True, count=status.faces, faces=faces, note=note)

    def summary(self, minutes: float) -> Summary:
        """Summarize the log over the last `minutes`.

        Raises:
            LogError: there is no log, or it cannot be read.
        """
        now = time.time()
        period = Period(now - 60 * minutes, now)
        summary = LogSummary(period)
        for files in find_logs([self._log_path(self._status())]):
            summary.read(_files_since(files, period.start))
        part = summary.cameras
        counted_only = "counts" in part.modes
        notes = ["privacy.counts_only: figures by the minute, without visits"] if counted_only else []
        if summary.videos.line_count or summary.pictures.line_count:
            notes.append("readings of videos and pictures are left out")
        if summary.broken.count:
            notes.append(f"{summary.broken.count} broken lines were left out")
        return Summary(
            minutes=minutes,
            seconds_by_expression={
                label: round(seconds, 1) for label, seconds in zip(LABELS, part.total, strict=True) if seconds > 0
            },
            visits=None if counted_only else part.visits.count,
            most_faces=part.visits.most_at_once,
            gaps=[
                f"{reason}: {count}, {seconds:.0f} s in total" for reason, (count, seconds) in part.gaps.total.items()
            ],
            note="; ".join(notes),
        )

    def camera_status(self) -> CameraStatus:
        """Return the state of the service and its camera."""
        status = self._status()
        if status is None:
            return CameraStatus(
                state="not running",
                summary="the service is not running",
                source=None,
                frames_per_second=None,
                uptime_s=None,
                problems=[],
            )
        problems = [status.camera_error, status.log_error, status.clock_error]
        problems += [f"{sink.name}: {sink.error}" for sink in status.sinks if sink.error]
        return CameraStatus(
            state=status.state,
            summary=status.summary,
            source=status.source,
            frames_per_second=status.fps,
            uptime_s=status.uptime_s,
            problems=[problem for problem in problems if problem],
        )

    def _status(self) -> Status | None:
        """Return the service's status; None if no service runs."""
        try:
            return query_status(self._socket)
        except ServiceError:
            return None

    def _log_path(self, status: Status | None) -> Path:
        if self._log is not None:
            return self._log
        if status is None:
            raise LogError("expected a running service, which names its log, found none: give --log")
        return Path(status.log)

    def _open_faces(self, status: Status) -> tuple[list[_OpenFace], bool]:
        """Return the faces that the log's newest lines leave in view, and whether the log holds counts alone."""
        open_faces: dict[tuple[str, int | None], _OpenFace] = {}
        counts_only = False
        for files in find_logs([self._log_path(status)]):
            for file in files[-_NEWEST_FILES:]:
                for lines in read_lines(file, BrokenLines(), _DECODER):
                    counts_only = _follow(lines, open_faces, counts_only=counts_only)
        newest = time.time() - GONE_S
        return [one for one in open_faces.values() if one.seen_at >= newest], counts_only


def _follow(
    lines: Iterable[LogLine], open_faces: dict[tuple[str, int | None], _OpenFace], *, counts_only: bool
) -> bool:
    """Apply log lines to the faces in view; return whether the newest lines are counts alone.

    In a log of changes a face stays until its `left`; in a log of all readings, for `GONE_S` after its last reading.
    """
    for line in lines:
        key = line.source, line.track
        match line.event:
            case "appeared" | "changed" | "" if line.emotion is not None:
                before = open_faces.get(key)
                since = line.time.astimezone(UTC).isoformat(timespec="seconds")
                if not line.event and before is not None and before.face.expression == line.emotion:
                    since = before.face.since
                face = Face(
                    track=line.track, expression=line.emotion, since=since, confidence=getattr(line, "confidence", None)
                )
                open_faces[key] = _OpenFace(face, float("inf") if line.event else line.time.timestamp())
            case "left":
                open_faces.pop(key, None)
            case "started" | "stopped" | "gap":
                open_faces.clear()
            case "summary" if not line.most_faces:
                open_faces.clear()
        counts_only = line.event == "counts" or (counts_only and line.event in {"started", "stopped", "gap", "clock"})
    return counts_only


def _files_since(files: Sequence[Path], start: float) -> list[Path]:
    """Return the files of a log with lines after `start`, and the one before them, where open visits began."""
    first = next((i for i, file in enumerate(files) if _modified_at(file) >= start), len(files) - 1)
    return list(files[max(0, first - 1) :])


def _modified_at(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return datetime.max.replace(tzinfo=UTC).timestamp()  # it has just been rotated: it is read under its new name
