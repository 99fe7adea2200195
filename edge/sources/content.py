"""Recognizes what a file contains by its first bytes: decoders get only the formats that are listed here."""

HEAD_BYTES = 512
"""Number of bytes at the start of a file that tell its format."""

IMAGE_SUFFIXES = frozenset(
    {".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jif", ".jfif", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif"}
)
"""Usual suffixes of the images that can be read, in lower case; a source goes by the content."""

MOTION_JPEG_SUFFIXES = frozenset({".mjpg", ".mjpeg"})
"""Suffixes, in lower case, of videos whose content begins like an image's."""

VIDEO, UNKNOWN = "video", "unknown content"

OTHER_PICTURES = frozenset(
    {"HEIF", "AVIF", "camera raw", "JPEG 2000", "JPEG XL", "OpenEXR", "Radiance HDR", "Photoshop", "BigTIFF", "icon"}
    | {"Sun raster", "PNM"}
)
"""Formats of pictures that are known but not read: OpenCV's builds lack them, or have decoders with known faults."""


class UnreadableContentError(Exception):
    """A file that cannot be read; the message says what was found instead of an image or a video.

    Attributes:
        kind: What it is, in two or three words, for a count of files that were left out.
    """

    def __init__(self, found: str, *, kind: str) -> None:
        super().__init__(found)
        self.kind = kind


def picture_format(head: bytes) -> str | None:
    """Return the format of a picture that can be read, from its first `HEAD_BYTES`; None for any other content."""
    if head[:4] == b"RIFF":
        return "WebP" if head[8:12] == b"WEBP" else None
    return _find(head, _PICTURES)


def is_animation(head: bytes) -> bool:
    """Return whether a PNG or WebP has several frames, from its first `HEAD_BYTES`; decoders of pictures give one."""
    name = picture_format(head)
    if name == "WebP":
        return head[12:16] == b"VP8X" and len(head) > _WEBP_FLAGS and bool(head[_WEBP_FLAGS] & _WEBP_ANIMATION)
    return name == "PNG" and b"acTL" in head


def check_picture(head: bytes) -> str:
    """Return the format of a picture, from its first `HEAD_BYTES`.

    Raises:
        UnreadableContentError: It is no picture that can be read.
    """
    name = picture_format(head)
    if name is None:
        raise _unreadable(head)
    return name


def check_video(head: bytes) -> None:
    """Check that a file is a video, from its first `HEAD_BYTES`.

    Playlists and scripts are none: they could make the decoder open any file or address.

    Raises:
        UnreadableContentError: It is no video that can be read.
    """
    if describe_content(head) != VIDEO and picture_format(head) not in _MOVING:
        raise _unreadable(head)


def describe_content(head: bytes) -> str:
    """Return what a file contains, such as `HEIF`, `video` or `text`, from its first `HEAD_BYTES`."""
    box = head[4:8]
    if box == b"ftyp":
        return _BRANDS.get(head[8:12].rstrip(), VIDEO)
    if box in _MP4_BOXES or _is_transport_stream(head):
        return VIDEO
    if head[:4] in {b"RIFF", b"RIFX"}:
        return {b"AVI ": VIDEO, b"AVIX": VIDEO, b"WEBP": "WebP", b"WAVE": "sound"}.get(head[8:12], UNKNOWN)
    return _find(head, _PICTURES) or _find(head, _OTHER) or ("text" if _is_text(head) else UNKNOWN)


def _unreadable(head: bytes) -> UnreadableContentError:
    if not head:
        return UnreadableContentError("an empty file", kind="empty file")
    found = describe_content(head)
    hint = ", which cannot be read: convert it to JPEG or PNG" if found in OTHER_PICTURES else ""
    return UnreadableContentError(f"{found}{hint}", kind=found)


def _find(head: bytes, formats: dict[bytes, str]) -> str | None:
    return next((name for magic, name in formats.items() if head.startswith(magic)), None)


def _is_text(head: bytes) -> bool:
    return bool(head) and all(byte >= ord(" ") or byte in b"\t\n\r\f" for byte in head)


def _is_transport_stream(head: bytes) -> bool:
    """Whether an MPEG-2 transport stream begins: packets of 188 bytes, in some files with 4 before or 16 behind."""
    return any(
        len(head) > start + length and head[start] == head[start + length] == _TS_SYNC
        for start, length in ((0, 188), (4, 192), (0, 204))
    )


_TS_SYNC = 0x47

_WEBP_FLAGS, _WEBP_ANIMATION = 20, 0x02
"""Place of the flags of an extended WebP, and the one of an animation. Source: RFC 9649, section 2.7."""

_PICTURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
}

_MOVING = frozenset({"JPEG", "PNG", "GIF"})
"""Formats of pictures whose files may hold many: Motion JPEG, APNG and GIF."""

_MP4_BOXES = frozenset({b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"moof", b"sidx", b"uuid"})

_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIF"),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    b"crx": "camera raw",
    b"M4A": "sound",
}
"""Brands of ISO media files that are no videos."""

_OTHER = {
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"v/1\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance HDR",
    b"#?RGBE": "Radiance HDR",
    b"8BPS": "Photoshop",
    b"II+\0": "BigTIFF",
    b"MM\0+": "BigTIFF",
    b"FUJIFILMCCD-RAW": "camera raw",
    b"\0\0\x01\0": "icon",
    b"\x59\xa6\x6a\x95": "Sun raster",
    **{f"P{number}{space}".encode(): "PNM" for number in "1234567fF" for space in "\n \r\t"},
    b"%PDF": "PDF",
    b"PK\x03\x04": "archive",
    b"\x1f\x8b": "archive",
    b"ID3": "sound",
    b"fLaC": "sound",
    b"SQLite format 3": "database",
    b"\x1aE\xdf\xa3": VIDEO,  # Matroska, WebM
    b"\0\0\x01": VIDEO,  # MPEG-1, 2 and 4, H.264 and H.265, bare or as a program stream
    b"\0\0\0\x01": VIDEO,
    b"FLV\x01": VIDEO,
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": VIDEO,  # ASF
    b"OggS": VIDEO,
    b"YUV4MPEG2 ": VIDEO,
    b"DKIF": VIDEO,
    b"\x06\x0e\x2b\x34": VIDEO,  # MXF
    b"\x1f\x07\0": VIDEO,  # DV
    b".RMF": VIDEO,
    b"\xb7\xd8\0\x20\x37\x49\xda\x11": VIDEO,  # WTV
}
