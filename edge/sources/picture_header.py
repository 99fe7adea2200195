"""Reads a picture's format, size and orientation from its header, before a decoder sees it."""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from edge.sources.content import HEAD_BYTES, UnreadableContentError, check_picture
from edge.sources.orientation import UPRIGHT, Orientation

Content = bytes | memoryview


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """The properties of a picture that are known before it is decoded.

    Attributes:
        format: JPEG, PNG, WebP, BMP, TIFF or GIF.
        width, height: Size as stored, before it is turned upright, px.
        orientation: Orientation in which it is upright.
        is_progressive: Whether a decoder must hold the whole JPEG in memory, at whatever size it is read.
    """

    format: str
    width: int
    height: int
    orientation: Orientation = UPRIGHT
    is_progressive: bool = False


def read_header(content: Content) -> PictureHeader:
    """Read the header of a picture.

    Args:
        content: The whole file; only the parts that describe the picture are read.

    Raises:
        UnreadableContentError: It is no picture that we read, or its header is damaged.
    """
    name = check_picture(bytes(content[:HEAD_BYTES]))
    try:
        header = _PARSERS[name](content)
    except (struct.error, IndexError, KeyError, StopIteration) as error:
        raise UnreadableContentError(f"a {name} whose header is corrupt or cut short", kind="damaged") from error
    if header.width < 1 or header.height < 1:
        raise UnreadableContentError(f"a {name} of {header.width}x{header.height} px", kind="damaged")
    return header


def _read_jpeg(content: Content) -> PictureHeader:
    """Walk the segments up to the one with the size. Source: ITU-T T.81, annex B."""
    place, orientation, stray = 2, UPRIGHT, 0
    while True:
        marker = content[place + 1]
        if content[place] != _JPEG_MARK or marker == _JPEG_MARK:  # stray bytes and padding, which decoders skip too
            place, stray = place + 1, stray + 1
            if stray > _JPEG_MAX_STRAY:
                raise IndexError("too many stray bytes")
            continue
        if marker in _JPEG_BARE:
            place += 2
            continue
        (length,) = struct.unpack_from(">H", content, place + 2)
        if marker in _JPEG_SIZES:
            height, width = struct.unpack_from(">HH", content, place + 5)
            return PictureHeader("JPEG", width, height, orientation, is_progressive=marker in _JPEG_PROGRESSIVE)
        if marker in _JPEG_TOO_LATE:
            raise IndexError("the image begins before its size is known")
        segment = content[place + 4 : place + 2 + length]
        if marker == _JPEG_APP1 and bytes(segment[:6]) == b"Exif\0\0" and orientation == UPRIGHT:
            orientation = _exif_orientation(segment[6:])
        place += 2 + length


_JPEG_MARK, _JPEG_APP1 = 0xFF, 0xE1
_JPEG_MAX_STRAY = 65536

_JPEG_BARE = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})
"""Second bytes of markers without a segment."""

_JPEG_TOO_LATE = frozenset({0xD9, 0xDA})
"""Markers of the end and of the first scan: the size has to stand before them."""

_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})


def _read_png(content: Content) -> PictureHeader:
    """Source: PNG 3, sections 5 and 11."""
    chunks = png_chunks(content)
    name, data, _ = next(chunks)
    if name != b"IHDR":
        raise IndexError("the first chunk is no IHDR")
    width, height = struct.unpack_from(">II", data)
    exif = next((data for name, data, _ in chunks if name == b"eXIf"), b"")
    return PictureHeader("PNG", width, height, _exif_orientation(exif))


def png_chunks(content: Content) -> Iterator[tuple[bytes, Content, int]]:
    """Yield each chunk's name, its data, and the place where it ends; of a cut file the last one ends outside."""
    place = 8
    while place + 8 <= len(content):
        length, name = struct.unpack_from(">I4s", content, place)
        data = content[place + 8 : place + 8 + length]
        place += 12 + length
        yield name, data, place


def _read_webp(content: Content) -> PictureHeader:
    """Source: the WebP container specification, and RFC 9649."""
    header, orientation = PictureHeader("WebP", 0, 0), UPRIGHT
    place = 12
    while place + 8 <= len(content):
        name, length = struct.unpack_from("<4sI", content, place)
        data = content[place + 8 : place + 8 + length]
        if name == b"VP8X" or (name in {b"VP8 ", b"VP8L"} and not header.width):
            width, height = _webp_size(name, data)
            header = replace(header, width=width, height=height)
        elif name == b"EXIF":
            exif = bytes(data[:6]) == b"Exif\0\0"
            orientation = _exif_orientation(data[6:] if exif else data)
        place += 8 + length + length % 2
    return replace(header, orientation=orientation)


def _webp_size(name: bytes, data: Content) -> tuple[int, int]:
    if name == b"VP8X":
        return int.from_bytes(data[4:7], "little") + 1, int.from_bytes(data[7:10], "little") + 1
    if name == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 1)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 6)
    return width & 0x3FFF, height & 0x3FFF


def _read_bmp(content: Content) -> PictureHeader:
    (header_bytes,) = struct.unpack_from("<I", content, 14)
    width, height = struct.unpack_from("<HH" if header_bytes == 12 else "<ii", content, 18)  # noqa: PLR2004  # OS/2's
    return PictureHeader("BMP", width, abs(height))


def _read_gif(content: Content) -> PictureHeader:
    width, height = struct.unpack_from("<HH", content, 6)
    return PictureHeader("GIF", width, height)


def _read_tiff(content: Content) -> PictureHeader:
    """Read the first directory. Source: TIFF 6.0, section 2; DNG 1.7 for the tags of raw files."""
    tags = _tiff_tags(content)
    photometric = tags.get(_TIFF_PHOTOMETRIC, 0)
    if _TIFF_DNG in tags or photometric in _TIFF_RAW or tags.get(_TIFF_SUBFILE, 0) & 1 or bytes(content[8:10]) == b"CR":
        raise UnreadableContentError("camera raw, which cannot be read: convert it to JPEG or PNG", kind="camera raw")
    if photometric in _TIFF_LOG:
        raise UnreadableContentError(
            "a TIFF of high dynamic range, which cannot be read: convert it to JPEG or PNG", kind="HDR TIFF"
        )
    # The decoder turns a TIFF upright by itself.
    return PictureHeader("TIFF", tags[_TIFF_WIDTH], tags[_TIFF_HEIGHT])


_TIFF_SUBFILE, _TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_PHOTOMETRIC, _TIFF_ORIENTATION, _TIFF_DNG = (
    254,
    256,
    257,
    262,
    274,
    50706,
)
_TIFF_RAW = frozenset({32803, 34892})
"""Photometric interpretations of a color filter array, and of linear raw data."""

_TIFF_LOG = frozenset({32844, 32845})
"""Photometric interpretations of logarithmic luminance: LogL and LogLuv."""


def _tiff_tags(content: Content) -> dict[int, int]:
    """Return the numbers of the first directory that fit into its entries."""
    order = "<" if bytes(content[:2]) == b"II" else ">"
    (place,) = struct.unpack_from(order + "I", content, 4)
    (count,) = struct.unpack_from(order + "H", content, place)
    tags = {}
    for entry in range(count):
        tag, kind, values = struct.unpack_from(order + "HHI", content, place + 2 + 12 * entry)
        if values == 1 and kind in _TIFF_KINDS:
            (tags[tag],) = struct.unpack_from(order + _TIFF_KINDS[kind], content, place + 10 + 12 * entry)
        elif tag == _TIFF_DNG:
            tags[tag] = 1
    return tags


_TIFF_KINDS = {1: "B", 3: "H", 4: "I"}
"""Types of TIFF values, as `struct` writes them."""


def _exif_orientation(exif: Content) -> Orientation:
    """Return the orientation in EXIF data, which is a TIFF without a picture; damaged data has none."""
    try:
        return Orientation.of_exif(_tiff_tags(exif).get(_TIFF_ORIENTATION, 1))
    except struct.error:
        return UPRIGHT


_PARSERS: Mapping[str, Callable[[Content], PictureHeader]] = {
    "JPEG": _read_jpeg,
    "PNG": _read_png,
    "WebP": _read_webp,
    "BMP": _read_bmp,
    "TIFF": _read_tiff,
    "GIF": _read_gif,
}
