"""Names the files that a log was rotated into: the number gives their order, whatever the clock did.

`readings.000042.20261120T143805Z.jsonl.gz` has the time of its last line, and has none where the clock was not set.
"""

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

PACKED = ".gz"

_LAST_LINE = 1 << 16
"""Bytes in which a file's last line is looked for; one has some 400."""

_STAMP = "%Y%m%dT%H%M%SZ"


class Stamp(msgspec.Struct):
    """What is read of a line: when it was written, and `unset` where the clock was not set."""

    time: datetime
    clock: str = ""


@dataclass(frozen=True, slots=True)
class Rotated:
    """A file that the log was rotated into. ended: when its last line was written; None where the clock was not set."""

    path: Path
    number: int
    ended: datetime | None


def rotated_files(path: Path) -> list[Rotated]:
    """The files that the log at `path` was rotated into, oldest first; none where its folder is gone.

    One that is there both plain and compressed is named once, compressed.

    Raises:
        OSError: the folder cannot be read.
    """
    pattern = re.compile(
        re.escape(path.stem) + r"\.(\d{6,})(?:\.(\d{8}T\d{6}Z))?" + re.escape(path.suffix) + f"(?:{re.escape(PACKED)})?"
    )
    try:
        names = sorted(os.listdir(path.parent))  # noqa: PTH208  # names are all that is needed of them
    except FileNotFoundError:
        return []
    found: dict[int, Rotated] = {}
    for name in names:  # compressed comes after plain, and takes its place
        if match := pattern.fullmatch(name):
            ended = datetime.strptime(match[2], _STAMP).replace(tzinfo=UTC) if match[2] else None
            found[int(match[1])] = Rotated(path.with_name(name), int(match[1]), ended)
    return [found[number] for number in sorted(found)]


def next_name(path: Path) -> Path:
    """Where the log at `path` goes when it is rotated now.

    Raises:
        OSError: the log cannot be read.
    """
    number = max((file.number for file in rotated_files(path)), default=0) + 1
    last = read_last(path)
    stamp = "" if last is None or last.clock else last.time.astimezone(UTC).strftime(f".{_STAMP}")
    return path.with_name(f"{path.stem}.{number:06d}{stamp}{path.suffix}")


def read_last(path: Path) -> Stamp | None:
    """What the last line of a log says of its time; None where it is none of ours.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST_LINE))
        return read_stamp(file.read().rstrip(b"\n").rpartition(b"\n")[2])


def read_first(path: Path) -> Stamp | None:
    """Likewise of the first line."""
    with path.open("rb") as file:
        return read_stamp(file.readline(_LAST_LINE))


def read_stamp(line: bytes) -> Stamp | None:
    """What a line says of its time; None where it is none of ours."""
    try:
        stamp = msgspec.json.decode(line, type=Stamp)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return stamp if stamp.time.tzinfo else None
