"""Finds the files of logs and decodes their lines, plain or compressed, in bounded memory."""

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Annotated, Literal

import msgspec
from msgspec import Meta

from edge.errors import LogError
from edge.sinks.log.rotated_names import GZIP_SUFFIX, rotated_files

CHUNK_BYTES = 1 << 20
"""Bytes read at a time; a longer line counts as broken."""

MAX_NAMED = 5
"""Number of broken lines to name; all are counted."""

_ROTATED_NAME = re.compile(r"(?P<stem>.+)\.(?P<number>\d{6,})(?:\.\d{8}T\d{6}Z)?(?P<suffix>\.[^.]+)")
_NEWEST = 1 << 62
"""Number of the file that the log is written to, in place of a rotation number."""

_SUFFIXES = (".jsonl", ".jsonl" + GZIP_SUFFIX)
_GZIP_MAGIC = b"\x1f\x8b"

Emotion = Literal["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "uncertain"]


EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Times that a line can have: a Pi without a network starts in 1970. A line with another time is damaged."""

_MOST = 10**12
_LONGEST_S = 1e10
"""Largest count and longest duration that a line can have; a line with a larger one is damaged."""

_LONGEST_NAME, _LONGEST_WORD = 2048, 200
"""Longest name of a source, and of anything else, characters."""

Count = Annotated[int, Meta(ge=0, le=_MOST)]
Seconds = Annotated[float, Meta(ge=0.0, le=_LONGEST_S)]
Name = Annotated[str, Meta(max_length=_LONGEST_NAME)]
Word = Annotated[str, Meta(max_length=_LONGEST_WORD)]


class LogLine(msgspec.Struct, gc=False):
    """The keys of a log line that a report needs; docs/log.md describes them.

    A line whose values have another type or are out of these ranges is damaged.
    """

    time: Annotated[datetime, Meta(tz=True)]
    source: Name
    media_time_s: Seconds | msgspec.UnsetType | None = msgspec.UNSET
    event: Word = ""
    frame: Annotated[int, Meta(ge=-1, le=_MOST)] = -1
    track: Annotated[int, Meta(ge=-_MOST, le=_MOST)] | None = None
    emotion: Emotion | None = None
    duration_s: Seconds = 0.0
    stepped_s: Annotated[float, Meta(ge=-_LONGEST_S, le=_LONGEST_S)] = 0.0
    frames: Count = 0
    frames_with_face: Count = 0
    most_faces: Count = 0
    emotions: dict[Emotion, Annotated[float, Meta(ge=0.0, le=_MOST)]] | None = None
    clock: Word = ""
    model: Word = ""
    reason: Name = ""


Decoder = msgspec.json.Decoder[LogLine]
"""Decodes lines into `LogLine` or a subclass with more keys."""


@dataclass(slots=True)
class BrokenLines:
    """Counts lines that cannot be decoded, and compressed files that end too early.

    Attributes:
        count: number of broken lines.
        named: the first `MAX_NAMED` of them, as `file:line`.
    """

    count: int = 0
    named: list[str] = field(default_factory=list)

    def add(self, path: Path, line: int) -> None:
        """Count a broken line."""
        self.count += 1
        if len(self.named) < MAX_NAMED:
            self.named.append(f"{path}:{line}")


def find_logs(paths: Iterable[Path]) -> list[list[Path]]:
    """Return the files of each log, oldest first; a log includes the files that it was rotated into.

    Args:
        paths: logs, rotated files, or folders of logs.

    Raises:
        LogError: a folder cannot be read, or has no log.
    """
    logs: dict[Path, dict[int, Path]] = {}
    for path in paths:
        try:
            found = _logs_in(path) if path.is_dir() else [path]
            for file in found:
                _add_files(file, logs)
        except OSError as error:
            reason = f"{error.strerror}: the service's log needs sudo"
            raise LogError(f"{path}: expected a log, or a folder of logs, found: {reason}") from error
        if not found:
            raise LogError(f"{path}: expected a folder with a log, *.jsonl, found none: name the log itself")
    return [[files[number] for number in sorted(files)] for files in logs.values()]


def _logs_in(folder: Path) -> list[Path]:
    return sorted({_split_name(path)[0] for path in folder.iterdir() if path.name.endswith(_SUFFIXES)})


def _add_files(file: Path, logs: dict[Path, dict[int, Path]]) -> None:
    """Add `file`, and if it is a log itself the files that it was rotated into."""
    log, number = _split_name(file)
    files = logs.setdefault(log, {})
    if number == _NEWEST:
        files |= _rotated(log)
    if file.exists() or not files:  # a log that has just been rotated may not exist; any other missing file is an error
        files.setdefault(number, file)


def _split_name(path: Path) -> tuple[Path, int]:
    """Return the log that `path` belongs to, and its rotation number."""
    match = _ROTATED_NAME.fullmatch(path.name.removesuffix(GZIP_SUFFIX))
    if match is None:
        return path, _NEWEST
    return path.with_name(match["stem"] + match["suffix"]), int(match["number"])


def _rotated(log: Path) -> dict[int, Path]:
    try:
        return {file.number: file.path for file in rotated_files(log)}
    except OSError:
        return {}  # a folder without the permission to list it


def read_lines(path: Path, broken: BrokenLines, decoder: Decoder) -> Iterator[list[LogLine]]:
    """Yield the lines of a log file in batches of some thousands; broken lines are counted in `broken`.

    Raises:
        LogError: the file cannot be read, or is not a log.
    """
    try:
        yield from _read_batches(path, broken, decoder)
    except OSError as error:
        remedy = "name a log, or the folder of one"
        if isinstance(error, PermissionError):
            remedy = "the service's log needs sudo"
        raise LogError(f"{path}: expected a log, found: {error.strerror or error}: {remedy}") from error


def _read_batches(path: Path, broken: BrokenLines, decoder: Decoder) -> Iterator[list[LogLine]]:
    line_count, any_decoded = 0, False
    with _open(path) as file:
        for chunk in _whole_lines(file, path, broken):
            lines, count = _decode(chunk, path, line_count, broken, decoder)
            if not lines and not any_decoded:
                found = chunk[:40].decode("ascii", "replace").split("\n")[0]
                raise LogError(f"{path}: expected a log of edge-emotion, found {found!r}: name another file")
            any_decoded = True
            line_count += count
            yield lines


def _open(path: Path) -> IO[bytes]:
    packed = path.with_name(path.name + GZIP_SUFFIX)
    if not path.exists() and packed.exists():  # the service has compressed the file since it was found
        path = packed
    with path.open("rb") as file:
        is_packed = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    return gzip.GzipFile(path) if is_packed else path.open("rb")  # type: ignore[return-value]  # GzipFile is no IO[bytes] for mypy, but reads bytes


def _whole_lines(file: IO[bytes], path: Path, broken: BrokenLines) -> Iterator[bytes]:
    """Yield chunks of whole lines, about `CHUNK_BYTES` each; of a truncated compressed file, those before the cut."""
    rest = b""
    while True:
        try:
            chunk = file.read(CHUNK_BYTES)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            broken.add(path, 0)
            chunk = b""
        if not chunk:
            break
        whole, newline, tail = chunk.rpartition(b"\n")
        if newline:
            yield rest + whole + newline
            rest = tail
        elif len(rest) < CHUNK_BYTES:
            rest += chunk
    if rest.strip(b"\0"):
        yield rest + b"\n"


_DAMAGE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""Errors of decoding a damaged line; lines that are nested too deeply raise RecursionError."""


def _decode(
    chunk: bytes, path: Path, lines_before: int, broken: BrokenLines, decoder: Decoder
) -> tuple[list[LogLine], int]:
    """Return the decoded lines of `chunk`, and the number of its lines including broken ones."""
    try:
        lines = decoder.decode_lines(chunk)
    except _DAMAGE:
        return _decode_each(chunk, path, lines_before, broken, decoder)
    if all(EARLIEST <= line.time < LATEST for line in lines):
        return lines, len(lines)
    return _decode_each(chunk, path, lines_before, broken, decoder)


def _decode_each(
    chunk: bytes, path: Path, lines_before: int, broken: BrokenLines, decoder: Decoder
) -> tuple[list[LogLine], int]:
    """Decode line by line; slower than all at once, but it finds the broken lines."""
    lines = []
    texts = chunk.split(b"\n")[:-1]
    for number, text in enumerate(texts, start=lines_before + 1):
        try:
            line = decoder.decode(text)
        except _DAMAGE:
            broken.add(path, number)
            continue
        if EARLIEST <= line.time < LATEST:
            lines.append(line)
        else:
            broken.add(path, number)
    return lines, len(texts)


MAX_HELD = 50_000
"""Lines held back until the clock's error is known: about 20 MB, or weeks of changes."""


class ClockCorrector:
    """Holds back lines marked `clock: unset` until a `clock` event gives the clock's error.

    Attributes:
        corrected: number of lines whose time was corrected.
        uncorrected: number of lines whose time could not be corrected, as no `clock` event followed in their run.
    """

    def __init__(self) -> None:
        self.corrected = self.uncorrected = 0
        self._held: list[LogLine] = []

    def correct(self, batches: Iterable[list[LogLine]]) -> Iterator[list[LogLine]]:
        """Yield the same lines in the same order, with corrected times where the clock's error is known."""
        for lines in batches:
            if self._held or any(line.clock for line in lines):
                yield from self._correct_each(lines)
            else:
                yield lines
        yield self._release()

    def _correct_each(self, lines: list[LogLine]) -> Iterator[list[LogLine]]:
        for line in lines:
            if line.event == "clock":
                yield self._release(timedelta(seconds=line.stepped_s))
            elif line.event == "started" or len(self._held) >= MAX_HELD:
                yield self._release()  # held lines belong to an earlier run, or are too many
            if line.clock:
                self._held.append(line)
            else:
                yield [*self._release(), line]

    def _release(self, step: timedelta | None = None) -> list[LogLine]:
        """Return the held lines, with `step` added to their times if it is known."""
        held, self._held = self._held, []
        if step is None:
            self.uncorrected += len(held)
            return held
        for line in held:
            corrected = line.time + step  # cannot overflow: both are limited
            if EARLIEST <= corrected < LATEST:
                line.time = corrected
                line.stepped_s += step.total_seconds() if line.event == "clock" else 0.0  # from the line before it
                self.corrected += 1
            else:
                self.uncorrected += 1
        return held
