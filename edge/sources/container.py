"""Reads how a video must be turned from its container: MP4, QuickTime and 3GPP, Matroska and WebM."""

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

from edge.sources.orientation import UPRIGHT, Orientation

_MAX_HEADER = 1 << 20
"""Largest part of a file that is read as a header, bytes."""

_MAX_PARTS = 100_000
"""Number of parts of a file after which the search ends."""


def read_orientation(file: BinaryIO) -> Orientation:
    """Return the orientation in which the first video track is upright; UPRIGHT if the container has none.

    Damaged files have no orientation either: whether they can be played at all is for the decoder to say.

    Args:
        file: The video; its position changes.
    """
    try:
        file.seek(0)
        start = file.read(12)
        if start[4:8] in _MP4_STARTS:
            return _read_mp4(file)
        if start[:4] == _EBML:
            return _read_matroska(file)
    except (struct.error, ValueError, IndexError, OverflowError, RecursionError):
        pass
    return UPRIGHT


_MP4_STARTS = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"})

_MP4_PARENTS = frozenset({b"moov", b"trak", b"mdia"})

Matrix = tuple[float, float, float, float]


def _read_mp4(file: BinaryIO) -> Orientation:
    """Combine the movie's matrix with that of the first video track. Source: ISO/IEC 14496-12, 8.2.2 and 8.3.2."""
    movie: Matrix = (1, 0, 0, 1)
    track = movie
    for name, data in _mp4_boxes(file, 0, _file_size(file)):
        if name == b"mvhd":
            movie = _mp4_matrix(data, version_0_at=36)
        elif name == b"tkhd":
            track = _mp4_matrix(data, version_0_at=40)
        elif name == b"hdlr" and data[8:12] == b"vide":
            (a, b, c, d), (e, f, g, h) = track, movie
            return Orientation.of_matrix(a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h)
    return UPRIGHT


def _mp4_matrix(data: bytes, *, version_0_at: int) -> Matrix:
    """Return a, b, c, d of the matrix that maps (x, y) to (a x + c y, b x + d y)."""
    place = version_0_at + (12 if data[:1] == b"\1" else 0)  # version 1 has three times of 8 bytes instead of 4
    a, b, _, c, d = struct.unpack_from(">5i", data, place)
    return a, b, c, d


def _mp4_boxes(file: BinaryIO, place: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of each box that may describe the track; a parent's own content is empty."""
    for _ in range(_MAX_PARTS):
        if place + 8 > end:
            return
        file.seek(place)
        size, name = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1:
            (size,), header = struct.unpack(">Q", file.read(8)), 16
        after = end if size == 0 else place + size
        if size != 0 and size < header:
            return
        if name in _MP4_PARENTS:
            yield from _mp4_boxes(file, place + header, min(after, end))
        elif name in {b"mvhd", b"tkhd", b"hdlr"}:
            yield name, file.read(min(after - place - header, _MAX_HEADER))
        place = after


_EBML = b"\x1aE\xdf\xa3"
_SEGMENT, _TRACKS, _TRACK, _VIDEO, _PROJECTION, _ROLL = 0x18538067, 0x1654AE6B, 0xAE, 0xE0, 0x7670, 0x7675
_TAGS, _TAG, _SIMPLE_TAG, _TAG_NAME, _TAG_STRING = 0x1254C367, 0x7373, 0x67C8, 0x45A3, 0x4487
_MKV_PARENTS = frozenset({_SEGMENT, _TRACKS, _TRACK, _VIDEO, _PROJECTION, _TAGS, _TAG, _SIMPLE_TAG})
"""Source: RFC 9559, section 5."""


def _read_matroska(file: BinaryIO) -> Orientation:
    """Read the roll of the projection, counterclockwise, or the older tag ROTATE, clockwise, in degrees."""
    name = b""
    for element, data in _mkv_elements(file, 0, _file_size(file)):
        if element == _ROLL and len(data) in {4, 8}:
            (roll_deg,) = struct.unpack(">f" if len(data) == 4 else ">d", data)  # noqa: PLR2004  # single, double
            return Orientation.of(_nearest_turn(-roll_deg))
        if element == _TAG_NAME:
            name = data.rstrip(b"\0").upper()
        elif element == _TAG_STRING and name == b"ROTATE":
            return Orientation.of(_nearest_turn(float(data.rstrip(b"\0"))))
    return UPRIGHT


def _nearest_turn(degrees: float) -> int:
    return round(degrees / 90) * 90 % 360


def _mkv_elements(file: BinaryIO, place: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield id and content of each element that may describe the video; what has children is descended into."""
    for _ in range(_MAX_PARTS):
        if place >= end:
            return
        file.seek(place)
        head = file.read(12)
        id_bytes, (size, size_bytes) = _vint_length(head[0]), _mkv_size(head)
        element = int.from_bytes(head[:id_bytes], "big")
        start = place + id_bytes + size_bytes
        after = end if size is None else start + size
        if element in _MKV_PARENTS:
            yield from _mkv_elements(file, start, min(after, end))
        elif element in {_ROLL, _TAG_NAME, _TAG_STRING}:
            file.seek(start)
            yield element, file.read(min(after - start, _MAX_HEADER))
        place = after


def _vint_length(first: int) -> int:
    if first == 0:
        raise ValueError("a number of more than 8 bytes")
    return 9 - first.bit_length()


def _mkv_size(head: bytes) -> tuple[int | None, int]:
    """Return the size that follows an element's id, None if it is unknown, and its own length in bytes."""
    place = _vint_length(head[0])
    length = _vint_length(head[place])
    mask = (1 << 7 * length) - 1
    value = int.from_bytes(head[place : place + length], "big") & mask
    return (None if value == mask else value), length


def _file_size(file: BinaryIO) -> int:
    return file.seek(0, os.SEEK_END)
