"""Decodes pictures upright, and never at a size that the machine cannot hold."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import Color, Gray
from edge.sources.content import UnreadableContentError
from edge.sources.picture_header import Content, PictureHeader, png_chunks, read_header

MAX_MEGAPIXELS = 9.0
"""Number of megapixels up to which a picture keeps its size, unless the settings say otherwise.

Source: searching a picture for faces takes about 20 bytes a pixel, and the program 110 MB; a board with 512 MB has some
300 MB to give.
"""

DECODED_FACTOR = 4
"""Number of times that a picture may exceed the limit when it is decoded, before it is shrunk to the limit."""

MAX_SIDE_PX = 32_000
"""Longest side of an image that is searched, px: OpenCV turns none whose side needs more than 15 bits."""

_JPEG_FACTOR = 2
"""The same for a JPEG, which decoders can also read at a half, a quarter or an eighth of its size."""

_JPEG_SCALES = {
    1: (cv2.IMREAD_GRAYSCALE, cv2.IMREAD_COLOR),
    2: (cv2.IMREAD_REDUCED_GRAYSCALE_2, cv2.IMREAD_REDUCED_COLOR_2),
    4: (cv2.IMREAD_REDUCED_GRAYSCALE_4, cv2.IMREAD_REDUCED_COLOR_4),
    8: (cv2.IMREAD_REDUCED_GRAYSCALE_8, cv2.IMREAD_REDUCED_COLOR_8),
}
"""OpenCV's modes for gray and for color, by the divisor of the sides."""

_COEFFICIENT_BYTES = 6
"""Memory that a progressive JPEG takes for each pixel at any scale: three channels of 16 bits."""

BYTES_PER_PIXEL = 4
"""Gray and BGR."""

_MAX_METADATA = 64 << 20
"""Size that a picture's file may have beyond that of its pixels, bytes."""

_DAMAGE = re.compile(
    r"premature end|bad (?:Huffman|arithmetic) code|instead of RST|\d{3,} extraneous bytes", re.IGNORECASE
)
"""In libjpeg's messages for pixels that are missing or wrong; it fills them with gray, or shifts and colors the rest.

A few extraneous bytes, as some webcams send them before each marker, leave the picture whole. libjpeg prints the first
message of a picture alone.
"""

TakeMessages = Callable[[], list[str]]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture.

    Attributes:
        gray: (H, W) uint8 luma.
        color: (H, W, 3) uint8 BGR, or None if it was not requested.
        full_size: Width and height that it has in the file, upright, px; larger than `gray` if it was shrunk.
        lacks_end: Whether the file's end marker is missing, but nothing of the picture.
        messages: What the decoder wrote to standard error.
        position_s: Position of a video's frame, s; 0 if it is unknown.
        number: Number of a stream's frame, counted from 0, those that nobody read included.
        left_out: Number of the stream's frames that were damaged, since the last one that was read.
        damage: What the newest of them was instead of a whole picture.
    """

    gray: Gray
    color: Color | None
    full_size: tuple[int, int]
    lacks_end: bool = False
    messages: tuple[str, ...] = ()
    position_s: float = 0.0
    number: int = 0
    left_out: int = 0
    damage: str = ""


def decode_picture(
    content: Content, *, color: bool, max_pixels: int, take_messages: TakeMessages | None = None
) -> Picture:
    """Decode a picture of any format that `read_header` knows, except GIF.

    Args:
        content: The whole file.
        color: Whether to decode color as well; the luma is the same either way.
        max_pixels: A larger picture is shrunk to this number of pixels.
        take_messages: Returns and forgets what libraries have written to standard error; None if that is not known.
            Then a file without its end marker counts as cut short, and a JPEG with wrong pixels as whole.

    Raises:
        UnreadableContentError: It is no picture, is damaged, or is too large to be decoded.
    """
    header = read_header(content)
    gray_mode, color_mode = _JPEG_SCALES[_choose_scale(header, max_pixels)]
    data = np.frombuffer(content, dtype=np.uint8)
    gray, messages = _decode(data, gray_mode), take_messages() if take_messages else []
    lacks_end = False
    if gray is None and take_messages is not None and (completed := _with_end(content, header.format)) is not None:
        data, lacks_end = completed, True
        gray, messages = _decode(data, gray_mode), take_messages()
    if header.format == "JPEG" and any(_DAMAGE.search(message) for message in messages):
        gray = None
    bgr = _decode(data, color_mode) if color and gray is not None else None
    if bgr is not None and take_messages is not None:
        take_messages()  # the same again
    if gray is None or (color and bgr is None):
        said = f" ({messages[-1]})" if messages else ""
        raise UnreadableContentError(f"a {header.format} that is corrupt or cut short{said}", kind="damaged")
    # OpenCV turns TIFF by itself, whatever the mode; the header of a TIFF therefore has no orientation.
    gray = header.orientation.apply(shrink(gray, max_pixels))
    bgr = None if bgr is None else header.orientation.apply(shrink(bgr, max_pixels))
    full_size = (header.width, header.height)
    if (gray.shape[1] > gray.shape[0]) != (header.width > header.height):
        full_size = full_size[::-1]
    return Picture(gray, bgr, full_size, lacks_end, tuple(messages))


def shrink(pixels: NDArray[np.uint8], max_pixels: int) -> NDArray[np.uint8]:
    """Return the image with at most about `max_pixels` and sides of `MAX_SIDE_PX`, `pixels` itself if it has them."""
    height, width = pixels.shape[:2]
    factor = min((max_pixels / (height * width)) ** 0.5, MAX_SIDE_PX / max(height, width))
    if factor >= 1:
        return pixels
    size = (max(1, int(width * factor)), max(1, int(height * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def check_file_size(size: int, max_pixels: int) -> None:
    """Check that a picture's file, of `size` bytes, can be read into memory.

    Raises:
        UnreadableContentError: It is larger than any picture that can be decoded.
    """
    if size > DECODED_FACTOR * max_pixels * BYTES_PER_PIXEL + _MAX_METADATA:
        raise UnreadableContentError(f"a file of {size >> 20} MB", kind="too large")


def check_frame_size(width: int, height: int, max_pixels: int, *, what: str) -> None:
    """Check that an image can be decoded in full.

    Raises:
        UnreadableContentError: It has more than `DECODED_FACTOR` times `max_pixels`.
    """
    most = DECODED_FACTOR * max_pixels
    if width * height > most:
        raise UnreadableContentError(
            f"{what} of {width}x{height} px, where at most {most / 1e6:g} megapixels are decoded: shrink it, or raise "
            "source.max_megapixels if the memory suffices",
            kind="too large",
        )


def _choose_scale(header: PictureHeader, max_pixels: int) -> int:
    """Return the divisor of the sides at which to decode a picture.

    Raises:
        UnreadableContentError: It is too large at any scale.
    """
    pixels, budget = header.width * header.height, DECODED_FACTOR * max_pixels
    what = f"a {header.format}"
    if header.format != "JPEG":
        check_frame_size(header.width, header.height, max_pixels, what=what)
        return 1
    if header.is_progressive and pixels * _COEFFICIENT_BYTES > budget * BYTES_PER_PIXEL:
        check_frame_size(header.width, header.height, max_pixels, what="a progressive JPEG")
    scale = next((scale for scale in _JPEG_SCALES if pixels <= scale**2 * _JPEG_FACTOR * max_pixels), 8)
    check_frame_size(header.width // scale, header.height // scale, max_pixels, what=what)
    return scale


def _decode(data: NDArray[np.uint8], mode: int) -> NDArray[np.uint8] | None:
    """Decode without turning; None if OpenCV refuses. From memory it refuses truncated data instead of filling it."""
    try:
        image = cv2.imdecode(data, mode | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:  # beyond OpenCV's own limit, or out of memory
        return None
    return None if image is None else np.asarray(image, dtype=np.uint8)


def _with_end(content: Content, name: str) -> NDArray[np.uint8] | None:
    """Return a file's content with the end marker that it lacks; None if it has one, or its format has none."""
    complete = _COMPLETE.get(name)
    whole = complete(content) if complete is not None else None
    return None if whole is None else np.frombuffer(whole, dtype=np.uint8)


def _jpeg_with_end(content: Content) -> bytes | None:
    if bytes(content[-2:]) == _JPEG_END:
        return None
    data = bytes(content).rstrip(b"\0")  # recovered files are padded
    if len(data) < len(content) and data[-1] == _JPEG_END[0]:
        data += b"\0"  # with the zero that follows such a byte of an image
    return data + (_JPEG_END[1:] if data[-1] == _JPEG_END[0] else _JPEG_END)


def _png_with_end(content: Content) -> bytes | None:
    complete = 0
    for name, _, end in png_chunks(content):
        if not name.isalpha():  # padding
            break
        if end <= len(content):
            complete = end
        if name == _PNG_END[4:8] and end <= len(content):
            return None
    return bytes(content[:complete]) + _PNG_END


_JPEG_END = b"\xff\xd9"
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"

_COMPLETE = {"JPEG": _jpeg_with_end, "PNG": _png_with_end}
