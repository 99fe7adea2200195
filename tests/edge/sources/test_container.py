"""A container says how a video must be turned; damaged containers say nothing."""

import io
import struct

import numpy as np
import pytest

from edge.sources.container import read_orientation
from edge.sources.orientation import UPRIGHT, Orientation
from edge.sources.video import VideoSource

ONE = 0x10000
MATRICES = {
    (1, 0, 0, 1): Orientation(),
    (0, 1, -1, 0): Orientation.of(90),
    (-1, 0, 0, -1): Orientation.of(180),
    (0, -1, 1, 0): Orientation.of(270),
    (-1, 0, 0, 1): Orientation.of(0, "horizontal"),
    (1, 0, 0, -1): Orientation.of(0, "vertical"),
    (0, 1, 1, 0): Orientation.of(90, "horizontal"),
    (0, -1, -1, 0): Orientation.of(90, "vertical"),
}
"""a, b, c, d of the matrix, and the orientation that it means."""


def box(name, content, *, large=False):
    if large:
        return struct.pack(">I4sQ", 1, name, 16 + len(content)) + content
    return struct.pack(">I4s", 8 + len(content), name) + content


def nine(matrix):
    a, b, c, d = (number * ONE for number in matrix)
    return struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000)


def mp4(track, *, movie=(1, 0, 0, 1), version=0, large=False, handlers=(b"soun", b"vide")):
    """Return the boxes of a movie whose video track, behind another one, has this matrix."""
    times = 12 * version
    mvhd = box(b"mvhd", bytes([version]) + bytes(35 + times) + nine(movie) + bytes(28))
    traks = b""
    for handler in handlers:
        matrix = track if handler == b"vide" else (1, 0, 0, 1)
        tkhd = box(b"tkhd", bytes([version]) + bytes(39 + times) + nine(matrix) + bytes(8))
        mdia = box(b"mdia", box(b"hdlr", bytes(8) + handler + bytes(13)))
        traks += box(b"trak", tkhd + mdia, large=large)
    return box(b"ftyp", b"isom\0\0\0\0") + box(b"free", bytes(50)) + box(b"moov", mvhd + traks, large=large)


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("options", [{}, {"version": 1}, {"large": True}, {"handlers": (b"vide", b"soun")}])
def test_the_track_matrix_turns_and_mirrors(matrix, options):
    """All eight orientations are understood, in both versions of the boxes and with both kinds of sizes."""
    assert read_orientation(io.BytesIO(mp4(matrix, **options))) == MATRICES[matrix]


def test_the_matrix_of_the_movie_comes_on_top():
    """A movie turned by 90 degrees with a track turned by 180 is turned by 270."""
    content = mp4((-1, 0, 0, -1), movie=(0, 1, -1, 0))
    assert read_orientation(io.BytesIO(content)) == Orientation.of(270)


def element(number, content, *, unknown_size=False):
    size = b"\x01" + b"\xff" * 7 if unknown_size else struct.pack(">Q", len(content) | 1 << 56)
    return number.to_bytes(-(-number.bit_length() // 8), "big") + size + content


def matroska(*, roll=None, tag=None, unknown_size=False):
    header = element(0x1A45DFA3, element(0x4282, b"webm"))
    projection = b"" if roll is None else element(0x7670, element(0x7675, roll))
    video = element(0xE0, element(0xB0, b"\x40") + projection)
    tracks = element(0x1654AE6B, element(0xAE, element(0xD7, b"\1") + video))
    simple = b"" if tag is None else element(0x67C8, element(0x45A3, b"ROTATE") + element(0x4487, tag))
    tags = element(0x1254C367, element(0x7373, simple))
    body = element(0xEC, bytes(20)) + tracks + element(0x1F43B675, bytes(30)) + tags
    return header + element(0x18538067, body, unknown_size=unknown_size)


@pytest.mark.parametrize("unknown_size", [False, True])
@pytest.mark.parametrize(
    ("content", "turn"),
    [
        ({"roll": struct.pack(">f", -90)}, 90),
        ({"roll": struct.pack(">d", 90)}, 270),
        ({"roll": struct.pack(">f", 180)}, 180),
        ({"roll": struct.pack(">f", -88.5)}, 90),
        ({"tag": b"90"}, 90),
        ({"tag": b"270\0"}, 270),
        ({}, 0),
    ],
)
def test_matroska_has_a_roll_or_a_tag(content, turn, unknown_size):
    """The roll counts counterclockwise, the older tag clockwise; a live recording has a segment of unknown size."""
    assert read_orientation(io.BytesIO(matroska(**content, unknown_size=unknown_size))) == Orientation.of(turn)


@pytest.mark.parametrize("whole", [mp4((0, 1, -1, 0)), matroska(roll=struct.pack(">f", -90))], ids=["mp4", "matroska"])
def test_damaged_containers_do_no_harm(whole):
    """A cut or altered header gives some orientation, and neither an error nor an endless search."""
    rng = np.random.default_rng(0)
    for end in range(0, len(whole), 7):
        read_orientation(io.BytesIO(whole[:end]))
    for _ in range(300):
        broken = bytearray(whole)
        broken[int(rng.integers(len(whole)))] = int(rng.integers(256))
        read_orientation(io.BytesIO(broken))


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"RIFF0000AVI LIST", box(b"moov", b"") * 5000, b"\x1aE\xdf\xa3"])
def test_other_content_has_no_orientation(content):
    assert read_orientation(io.BytesIO(content)) == UPRIGHT


def test_deep_nesting_ends():
    content = b""
    for _ in range(3000):
        content = box(b"moov", content)
    assert read_orientation(io.BytesIO(content)) == UPRIGHT


@pytest.mark.parametrize(
    ("matrix", "suffix"),
    [*((matrix, ".mp4") for matrix in MATRICES), *(((0, 1, -1, 0), suffix) for suffix in (".mov", ".m4v", ".3gp"))],
)
def test_a_video_is_shown_upright(tmp_path, write_clip, matrix, suffix):
    """The frames of a turned and mirrored video are upright, in gray and in color."""
    content = bytearray(write_clip("clip.mp4", frames=2, corner=True).read_bytes())
    place = content.index(b"tkhd") + 44
    content[place : place + 36] = nine(matrix)
    path = tmp_path / f"turned{suffix}"
    path.write_bytes(content)
    frame = VideoSource(path, color=True).read()
    stored = np.zeros((48, 64), np.uint8)
    stored[:24, :32] = 255
    expected = MATRICES[matrix].apply(stored) > 128
    assert frame.gray.shape == expected.shape
    assert np.mean((frame.gray > 128) != expected) < 0.02
    assert np.mean((frame.color[..., 1] > 128) != expected) < 0.02
