"""Names and lists the files into which a log was rotated.

`readings.000042.20261120T143805Z.jsonl.gz`: a number, which gives the order even if the clock was wrong, and the time
of the last line, which is left out if the clock was not set.
"""

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

GZIP_SUFFIX = ".gz"

_LINE_BYTES = 1 << 16
"""How much of a file to read in search of its first or last line, bytes; a line has about 400."""

_YEARS = range(1970, 9999)
"""Years of the lines that this program writes; other times cannot always be converted, nor named with four digits."""

_TIME_FORMAT = "%Y%m%dT%H%M%SZ"


class LineTime(msgspec.Struct):
    """When a log line was written.

    Attributes:
        time: wall time, with a time zone.
        clock: `unset` if the clock was not set, else empty.
    """

    time: datetime
    clock: str = ""


@dataclass(frozen=True, slots=True)
class RotatedFile:
    """A file into which the log was rotated.

    Attributes:
        path: the file, plain or compressed.
        number: its place in the order of all rotated files.
        ended: when its last line was written; None if the clock was not set.
    """

    path: Path
    number: int
    ended: datetime | None


def rotated_files(path: Path) -> list[RotatedFile]:
    """List the files into which the log at `path` was rotated, oldest first.

    A file that exists both plain and compressed is listed once, compressed. The list is empty if the folder does not
    exist.

    Raises:
        OSError: the folder cannot be read.
    """
    pattern = re.compile(
        re.escape(path.stem)
        + r"\.(\d{6,})(?:\.(\d{8}T\d{6}Z))?"
        + re.escape(path.suffix)
        + f"(?:{re.escape(GZIP_SUFFIX)})?"
    )
    try:
        names = sorted(os.listdir(path.parent))  # noqa: PTH208  # only the names are needed, not a Path for each
    except (FileNotFoundError, NotADirectoryError):
        return []
    found: dict[int, RotatedFile] = {}
    for name in names:  # sorted: the compressed file follows the plain one and replaces it
        if match := pattern.fullmatch(name):
            found[int(match[1])] = RotatedFile(path.with_name(name), int(match[1]), _time_in_name(match[2]))
    return [found[number] for number in sorted(found)]


def _time_in_name(text: str | None) -> datetime | None:
    """Return the time in a file's name; None if there is none, or no such day."""
    try:
        return datetime.strptime(text, _TIME_FORMAT).replace(tzinfo=UTC) if text else None
    except ValueError:  # not our name, but one of its form
        return None


def next_name(path: Path) -> Path:
    """Return the name for the log at `path` if it is rotated now.

    Raises:
        OSError: the log cannot be read.
    """
    number = max((file.number for file in rotated_files(path)), default=0) + 1
    last = last_line_time(path)
    ended = "" if last is None or last.clock else last.time.astimezone(UTC).strftime(f".{_TIME_FORMAT}")
    return path.with_name(f"{path.stem}.{number:06d}{ended}{path.suffix}")


def last_line_time(path: Path) -> LineTime | None:
    """Return when the last line of a log was written; None if this program did not write it.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LINE_BYTES))
        return _line_time(file.read().rstrip(b"\n").rpartition(b"\n")[2])


def first_line_time(path: Path) -> LineTime | None:
    """Return when the first line of a log was written; None if this program did not write it.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return _line_time(file.readline(_LINE_BYTES))


def _line_time(line: bytes) -> LineTime | None:
    try:
        found = msgspec.json.decode(line, type=LineTime)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if found.time.tzinfo and found.time.year in _YEARS else None
