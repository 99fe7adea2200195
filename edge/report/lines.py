"""Reads the lines of a log, plain or compressed, a piece at a time."""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Literal

import msgspec

from edge.errors import LogError
from edge.sinks.rotated import PACKED

Emotion = Literal["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "uncertain"]

PIECE = 1 << 20
"""Bytes read at a time; a line that is longer is broken."""

MOST_NAMED = 5
"""Broken lines that are named; all are counted."""

_GZIP = b"\x1f\x8b"


class LogLine(msgspec.Struct, gc=False):
    """What a report needs of a line; the README's table describes it."""

    time: datetime
    source: str
    event: str = ""
    frame: int = -1
    track: int | None = None
    emotion: Emotion | None = None
    duration_s: float = 0.0
    stepped_s: float = 0.0
    frames: int = 0
    most_faces: int = 0
    emotions: dict[str, float] | None = None
    clock: str = ""


@dataclass(slots=True)
class Broken:
    """Lines that are none, and files that end too early. named: some of them, as `file:line`."""

    count: int = 0
    named: list[str] = field(default_factory=list)

    def add(self, path: Path, line: int) -> None:
        """Count one."""
        self.count += 1
        if len(self.named) < MOST_NAMED:
            self.named.append(f"{path}:{line}")


def read_lines(path: Path, broken: Broken) -> Iterator[list[LogLine]]:
    """Give the lines of a log, some thousand at a time; those that are none are counted.

    Raises:
        LogError: it cannot be read, or is no log.
    """
    number, any_good = 0, False
    try:
        with _open(path) as file:
            for piece in _pieces(file, path, broken):
                good, count = _decode(piece, path, number, broken)
                if not good and not any_good:
                    found = piece[:40].decode("ascii", "replace").split("\n")[0]
                    raise LogError(f"{path}: expected a log of edge-emotion, found {found!r}: name another file")
                any_good = True
                number += count
                yield good
    except OSError as error:  # LogError is none of these: it has no number
        if isinstance(error, LogError):
            raise
        raise LogError(f"{path}: expected a log, found: {error.strerror or error}: {_remedy(error)}") from error


def _remedy(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "the service's log needs sudo"
    return "name a file, or the folder of one"


def _open(path: Path) -> IO[bytes]:
    packed = path.with_name(path.name + PACKED)
    if not path.exists() and packed.exists():  # the service has compressed it a moment ago
        path = packed
    with path.open("rb") as file:
        is_packed = file.read(len(_GZIP)) == _GZIP
    return gzip.GzipFile(path) if is_packed else path.open("rb")  # type: ignore[return-value]  # it reads bytes, too


def _pieces(file: IO[bytes], path: Path, broken: Broken) -> Iterator[bytes]:
    """Whole lines, about a megabyte at a time. A compressed file that ends too early gives what it has."""
    rest = b""
    while True:
        try:
            piece = file.read(PIECE)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            broken.add(path, 0)
            piece = b""
        if not piece:
            break
        whole, newline, tail = piece.rpartition(b"\n")
        if newline:
            yield rest + whole + newline
            rest = tail
        elif len(rest) < PIECE:
            rest += piece
    if rest.strip(b"\0"):
        yield rest + b"\n"


_DECODER = msgspec.json.Decoder(LogLine)


def _decode(piece: bytes, path: Path, number: int, broken: Broken) -> tuple[list[LogLine], int]:
    """The lines of `piece`, which follows on line `number`, and how many there were, broken ones included."""
    try:
        lines = _DECODER.decode_lines(piece)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _decode_each(piece, path, number, broken)
    return lines, len(lines)


def _decode_each(piece: bytes, path: Path, number: int, broken: Broken) -> tuple[list[LogLine], int]:
    good = []
    texts = piece.split(b"\n")[:-1]
    for place, text in enumerate(texts, start=number + 1):
        try:
            good.append(_DECODER.decode(text))
        except (msgspec.DecodeError, UnicodeDecodeError):
            broken.add(path, place)
    return good, len(texts)
