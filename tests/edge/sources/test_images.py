"""The image source gives all good images in order, and a warning names each bad one."""

import logging
import os
import re
import struct
import zlib

import cv2
import numpy as np
import pytest
from mjpeg_server import damaged_jpegs

from edge.errors import MediaError
from edge.settings.schema import SourceSettings
from edge.sources.images import ImageSource, read_image
from edge.sources.open import open_source
from edge.sources.picture import MAX_SIDE_PX

GIF = b"GIF89a\2\0\1\0\x80\0\0\0\0\0\xff\xff\xff" + b"!\xf9\4\0\n\0\0\0,\0\0\0\0\2\0\1\0\0\2\2\x44\n\0" * 2 + b";"
"""An animation of two frames of 2 x 1 px."""


def image(level=128, *, size=(24, 16)):
    """Create a gray image with a white corner at the top left."""
    pixels = np.full((size[1], size[0], 3), level, dtype=np.uint8)
    pixels[: size[1] // 2, : size[0] // 2] = 250
    return pixels


def write(path, level=128):
    path.parent.mkdir(parents=True, exist_ok=True)
    encoded, content = cv2.imencode(path.suffix.lower(), image(level))
    assert encoded
    path.write_bytes(content.tobytes())
    return path


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".TIFF", ".JPG", ".Png"])
def test_every_format_is_read(tmp_path, read_all, suffix):
    """Each image format is found and decoded, whatever the case of its suffix."""
    write(tmp_path / f"a{suffix}")
    (frame,) = read_all(ImageSource(tmp_path))
    assert frame.gray.shape == (16, 24)
    assert frame.gray.dtype == np.uint8
    assert abs(int(frame.gray[-1, -1]) - 128) <= 2


@pytest.mark.parametrize("name", ["scan.jfif", "photo", "photo.jpg_original", "wrong.png", "a.txt"])
def test_the_content_decides_what_is_an_image(tmp_path, read_all, name):
    """An image is read whatever its name is, alone and in a folder."""
    write(tmp_path / "a.jpg").rename(tmp_path / name)
    for path in (tmp_path, tmp_path / name):
        (frame,) = read_all(open_source(SourceSettings(use=str(path))))
        assert frame.gray.shape == (16, 24)


def test_a_gif_in_a_folder_is_its_first_frame(tmp_path, read_all):
    """An animation among images gives its first frame; alone it is a video."""
    (tmp_path / "a.gif").write_bytes(GIF)
    (frame,) = read_all(ImageSource(tmp_path))
    assert frame.gray.shape == (1, 2)
    assert len(read_all(open_source(SourceSettings(use=str(tmp_path / "a.gif"))))) == 2


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def animated_png():
    """Return a PNG of two frames."""
    header, pixels = struct.pack(">IIBBBBB", 24, 16, 8, 0, 0, 0, 0), zlib.compress((b"\0" + bytes([90] * 24)) * 16)
    frames = [struct.pack(">IIIIIHHBB", number, 24, 16, 0, 0, 1, 10, 0, 0) for number in (0, 1)]
    chunks = [(b"IHDR", header), (b"acTL", struct.pack(">II", 2, 0)), (b"fcTL", frames[0]), (b"IDAT", pixels)]
    chunks += [(b"fcTL", frames[1]), (b"fdAT", struct.pack(">I", 2) + pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*parts) for parts in chunks)


def animated_webp():
    """Return a WebP of two frames, each of which is a complete picture."""

    def part(name, data):
        return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)

    still = cv2.imencode(".webp", image(), [cv2.IMWRITE_WEBP_QUALITY, 90])[1].tobytes()[12:]
    frame = part(b"ANMF", bytes(6) + struct.pack("<I", 23)[:3] + struct.pack("<I", 15)[:3] + b"d\0\0\0" + still)
    body = part(b"VP8X", b"\2\0\0\0" + struct.pack("<I", 23)[:3] + struct.pack("<I", 15)[:3]) + part(b"ANIM", bytes(6))
    return b"RIFF" + struct.pack("<I", 4 + len(body + frame * 2)) + b"WEBP" + body + frame * 2


def test_an_animated_png_alone_is_a_video(tmp_path, read_all, caplog):
    """Like a GIF; in a folder it is its first frame, and a line says so."""
    (tmp_path / "a.png").write_bytes(animated_png())
    assert len(read_all(open_source(SourceSettings(use=str(tmp_path / "a.png"))))) == 2
    caplog.clear()  # FFmpeg knows no frame rate of so short a file
    assert len(read_all(ImageSource(tmp_path))) == 1
    assert caplog.messages == [f"{tmp_path}/a.png: an animation, of which only the first frame is read"]


def test_an_animated_webp_is_its_first_frame(tmp_path, caplog):
    """FFmpeg reads none: a line says that there is more than is read."""
    (tmp_path / "a.webp").write_bytes(animated_webp())
    try:
        source = open_source(SourceSettings(use=str(tmp_path / "a.webp")))
    except MediaError:
        pytest.skip("this OpenCV reads no animated WebP")
    assert source.read().gray.shape == (16, 24)
    assert source.read() is None
    assert caplog.messages == [f"{tmp_path}/a.webp: an animation, of which only the first frame is read"]


def test_subfolders_are_read_in_the_order_of_paths(tmp_path, read_all):
    """Images come sorted by path, with names relative to the given folder and indices from 0."""
    for name in ("b/2.png", "a/z/1.png", "c.png", "a/3.png"):
        write(tmp_path / name)
    source = ImageSource(tmp_path)
    frames = read_all(source)
    assert [frame.source for frame in frames] == ["a/3.png", "a/z/1.png", "b/2.png", "c.png"]
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert [frame.media_time_s for frame in frames] == [0.0] * 4
    assert (source.is_still_images, source.live, source.skipped) == (True, False, 0)


def test_a_single_image_is_named_by_its_file_name(tmp_path, read_all):
    """A single file is a source of one frame, whose name has no folder."""
    (frame,) = read_all(ImageSource(write(tmp_path / "sub" / "one.png")))
    assert frame.source == "one.png"


def test_any_file_name_is_accepted(tmp_path, read_all):
    """Names with spaces and non-ASCII letters can be read."""
    write(tmp_path / "mein Ordner" / "Äpfel 笑顔.png")
    (frame,) = read_all(ImageSource(tmp_path))
    assert frame.source == "mein Ordner/Äpfel 笑顔.png"


def test_a_name_that_is_not_utf8_becomes_printable(tmp_path, read_all):
    """A file name of raw bytes becomes a text that the log can hold."""
    good = write(tmp_path / "a.png")
    try:
        good.rename(tmp_path / "\udcff.png")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (frame,) = read_all(ImageSource(tmp_path))
    assert frame.source == "\\xff.png"


def truncated(suffix):
    whole = cv2.imencode(suffix, image())[1].tobytes()
    return f"short{suffix}", whole[: len(whole) * 9 // 10], "corrupt or cut short", "damaged"


def bmp_of(width, height):
    """Return a BMP that claims this size but ends after its header."""
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, *[0] * 6)


def ftyp(brand):
    return struct.pack(">I4s4sI4s", 20, b"ftyp", brand, 0, b"mif1") + bytes(100)


BROKEN = [
    ("huge.bmp", bmp_of(40_000, 40_000), "40000x40000 px", "too large"),
    ("empty.png", b"", "an empty file", "empty file"),
    ("random.jpg", np.random.default_rng(0).bytes(3000), "unknown content", "unknown content"),
    ("IMG_1.HEIC", ftyp(b"heic"), "HEIF, which cannot be read: convert it to JPEG or PNG", "HEIF"),
    ("phone.jpg", ftyp(b"mif1"), "HEIF", "HEIF"),
    ("a.avif", ftyp(b"avif"), "AVIF", "AVIF"),
    ("film.mp4", ftyp(b"isom"), "video", "video"),
    ("cam.mjpg", b"\xff\xd8\xff" + bytes(100), "video", "video"),
    ("notes.txt", b"not an image", "text", "text"),
    ("raw.cr3", ftyp(b"crx "), "camera raw", "camera raw"),
    ("log.tif", cv2.imencode(".tif", image().astype(np.float32) / 255)[1].tobytes(), "high dynamic range", "HDR TIFF"),
    *(truncated(suffix) for suffix in (".jpg", ".png", ".webp", ".bmp", ".tif")),
    *(
        (f"{name}.png", cv2.imencode(f".{name}", image(size=(64, 64)).astype(dtype))[1].tobytes(), found, found)
        for name, dtype, found in [
            ("jp2", np.uint8, "JPEG 2000"),
            ("hdr", np.float32, "Radiance HDR"),
            ("ppm", np.uint8, "PNM"),
            ("pam", np.uint8, "PNM"),
            ("pfm", np.float32, "PNM"),
            ("ras", np.uint8, "Sun raster"),
        ]
    ),
]


@pytest.mark.parametrize(("name", "content", "reason", "kind"), BROKEN, ids=[name for name, *_ in BROKEN])
def test_what_cannot_be_read_is_named_and_counted(tmp_path, caplog, read_all, name, content, reason, kind):
    """A file among good images that cannot be read is skipped; the warning gives its name and the reason.

    Formats whose decoders have known faults are refused under any name.
    """
    write(tmp_path / "a.png")
    (tmp_path / name).write_bytes(content)
    write(tmp_path / "z.png")
    source = ImageSource(tmp_path)
    frames = read_all(source)
    assert [frame.source for frame in frames] == ["a.png", "z.png"]
    assert [frame.index for frame in frames] == [0, 1]
    assert source.left_out == {kind: 1}
    (warning,) = caplog.messages
    assert str(tmp_path / name) in warning
    assert reason in warning


@pytest.mark.parametrize(("name", "content", "reason"), [broken[:3] for broken in BROKEN])
def test_a_single_file_that_cannot_be_read_is_an_error(tmp_path, name, content, reason):
    """The error for a single file says what it is, in one line."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MediaError, match=re.escape(reason)) as caught:
        ImageSource(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_an_image_without_read_permission_is_skipped(open_folder, as_nobody, caplog, read_all):
    """An image that may not be read is skipped with a warning."""
    for name, mode in (("a.png", 0o644), ("b.png", 0), ("c.png", 0o644)):
        write(open_folder / name).chmod(mode)
    source = ImageSource(open_folder)
    with as_nobody():
        assert [frame.source for frame in read_all(source)] == ["a.png", "c.png"]
    assert "Permission denied" in caplog.text


def test_a_folder_of_broken_images_is_an_error(tmp_path):
    """If no image can be decoded, the constructor raises an error, so that no empty log is written."""
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(MediaError, match="none that can be read"):
        ImageSource(tmp_path)


@pytest.mark.parametrize("content", [None, b"not an image"])
def test_a_folder_without_images_is_an_error(tmp_path, content):
    """An empty folder and one with other files only are errors."""
    if content:
        (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(MediaError, match=r"found no file|none that can be read"):
        ImageSource(tmp_path)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(MediaError, match="no such file"):
        ImageSource(tmp_path / "gone")


def exif(number):
    """Return EXIF data with nothing but the orientation."""
    return b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, number, 0, 0)


def jpeg_with(number):
    whole, data = (
        cv2.imencode(".jpg", image(), [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes(),
        b"Exif\0\0" + exif(number),
    )
    return whole[:2] + b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data + whole[2:]


def png_with(number):
    whole, data = cv2.imencode(".png", image())[1].tobytes(), b"eXIf" + exif(number)
    chunk = struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    return whole[:33] + chunk + whole[33:]  # behind the signature and IHDR


def webp_with(number):
    whole, data = cv2.imencode(".webp", image(), [cv2.IMWRITE_WEBP_QUALITY, 100])[1].tobytes(), exif(number)
    extended = b"VP8X" + struct.pack("<IB3x", 10, 8) + (23).to_bytes(3, "little") + (15).to_bytes(3, "little")
    body = b"WEBP" + extended + whole[12:] + b"EXIF" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tiff_with(number):
    pixels = image()[..., 0]
    tags = [(256, 24), (257, 16), (258, 8), (259, 1), (262, 1), (273, 8 + 2 + 12 * 9 + 4), (274, number), (277, 1)]
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in [*tags, (279, pixels.size)]]
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + bytes(4) + pixels.tobytes()


@pytest.mark.parametrize("encode", [jpeg_with, png_with, webp_with, tiff_with])
def test_metadata_turn_an_image_upright(tmp_path, read_all, encode):
    """Each of the eight orientations of EXIF is undone in gray and in color, in every format that carries it."""
    for number in range(1, 9):
        (tmp_path / f"{number}").write_bytes(encode(number))
    for number, frame in enumerate(read_all(ImageSource(tmp_path, color=True)), start=1):
        # The white corner is where EXIF says that row 0 and column 0 are.
        bottom, right = number in {3, 4, 7, 8}, number in {2, 3, 6, 7}
        for pixels in (frame.gray, frame.color):
            assert pixels.shape[:2] == ((16, 24) if number <= 4 else (24, 16))
            corners = [(y, x) for y in (0, -1) for x in (0, -1) if pixels[y, x].mean() > 200]
            assert corners == [(-1 if bottom else 0, -1 if right else 0)]


@pytest.mark.parametrize(("suffix", "progressive"), [(".jpg", 0), (".jpg", 1), (".png", 0)])
def test_a_file_that_lacks_only_its_end_marker_is_read(tmp_path, caplog, read_all, suffix, progressive):
    """A complete image without its end marker is decoded, with a note; so is one whose marker is cut or padded."""
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive] if suffix == ".jpg" else []
    whole, end = cv2.imencode(suffix, image(), options)[1].tobytes(), {".jpg": 2, ".png": 12}[suffix]
    for cut in (end, end // 2):
        (tmp_path / f"{cut}{suffix}").write_bytes(whole[:-cut])
    (tmp_path / f"padded{suffix}").write_bytes(whole[:-end] + bytes(5000))
    frames = read_all(ImageSource(tmp_path))
    assert len(frames) == 3
    decoded = cv2.imdecode(np.frombuffer(whole, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert all(np.array_equal(frame.gray, decoded) for frame in frames)
    assert [message.partition(": ")[2] for message in caplog.messages] == [
        "the file lacks its end marker, but nothing of the image"
    ] * len(caplog.messages)


@pytest.mark.parametrize("progressive", [0, 1])
def test_a_jpeg_that_lacks_more_than_its_end_marker_is_skipped(tmp_path, read_all, progressive):
    """A JPEG that lacks some rows, or the last few pixels, is not filled with gray."""
    write(tmp_path / "good.png")
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    whole = cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive])[1].tobytes()
    for cut in (8, 100, len(whole) // 2):
        (tmp_path / f"{cut}.jpg").write_bytes(whole[:-cut])
    source = ImageSource(tmp_path)
    assert [frame.source for frame in read_all(source)] == ["good.png"]
    assert source.left_out == {"damaged": 3}


@pytest.mark.parametrize("damaged", damaged_jpegs().values(), ids=damaged_jpegs())
def test_a_jpeg_with_wrong_pixels_is_skipped(tmp_path, read_all, damaged):
    """A JPEG that has its end, but not everything before it, is not filled with gray either."""
    write(tmp_path / "good.png")
    (tmp_path / "damaged.jpg").write_bytes(damaged)
    source = ImageSource(tmp_path)
    assert [frame.source for frame in read_all(source)] == ["good.png"]
    assert source.left_out == {"damaged": 1}


@pytest.mark.parametrize(
    ("suffix", "size", "expected"),
    [
        (".png", (2000, 1000), (1414, 707)),  # decoded whole, then shrunk
        (".jpg", (2000, 1000), (1414, 707)),
        (".jpg", (8000, 2000), (2000, 500)),  # decoded at a quarter
        (".webp", (2000, 1000), (1414, 707)),
        (".tif", (2000, 1000), (1414, 707)),
    ],
)
def test_a_large_image_is_shrunk(tmp_path, caplog, read_all, suffix, size, expected):
    """An image above the limit is shrunk to it, gray and color alike, with one line in the log."""
    caplog.set_level(logging.INFO)
    for name in "ab":
        cv2.imwrite(str(tmp_path / f"{name}{suffix}"), np.full((size[1], size[0]), 128, np.uint8))
    frames = read_all(ImageSource(tmp_path, color=True, max_megapixels=1.0))
    assert [frame.gray.shape[::-1] for frame in frames] == [expected] * 2
    assert [frame.color.shape[1::-1] for frame in frames] == [expected] * 2
    (line,) = caplog.messages
    assert f"shrunk from {size[0]}x{size[1]} to {expected[0]}x{expected[1]} px" in line


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".bmp", "progressive.jpg"])
def test_an_image_beyond_the_memory_is_refused(tmp_path, suffix):
    """An image that would take too much memory is refused by its header alone, with its size and the limit."""
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1] if suffix == "progressive.jpg" else []
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), np.full((3000, 3000), 128, np.uint8), options)
    with pytest.raises(MediaError, match=r"3000x3000 px, where at most 4 megapixels .* source.max_megapixels"):
        ImageSource(path, max_megapixels=1.0)


def test_what_the_decoder_prints_is_one_line_of_our_own(tmp_path, capfd, caplog, read_all):
    """Stray bytes in JPEGs, as some webcams send them, are reported once for all of them, and not by libjpeg."""
    whole = cv2.imencode(".jpg", image(), [cv2.IMWRITE_JPEG_RST_INTERVAL, 1])[1].tobytes()
    noisy = re.sub(rb"(\xff[\xd0-\xd7])", rb"\0\0\1", whole)
    for number in range(5):
        (tmp_path / f"{number}.jpg").write_bytes(noisy)
    assert len(read_all(ImageSource(tmp_path))) == 5
    assert capfd.readouterr().err == ""
    first, rest = caplog.messages
    assert "0.jpg: the decoder reports: Corrupt JPEG data" in first
    assert re.search(r"4.jpg: .* \(and \d+ more messages\)", rest)


def test_color_is_optional_and_does_not_change_gray(tmp_path, read_all):
    """With color a frame also has a BGR image, and its gray image is the same as without."""
    pixels = np.zeros((16, 16, 3), dtype=np.uint8)
    pixels[:] = (200, 40, 90)
    cv2.imwrite(str(tmp_path / "a.jpg"), pixels)
    (without,) = read_all(ImageSource(tmp_path))
    (with_color,) = read_all(ImageSource(tmp_path, color=True))
    assert without.color is None
    assert np.abs(with_color.color.astype(int) - pixels).max() <= 4
    assert np.array_equal(without.gray, with_color.gray)


def test_frames_are_read_only(tmp_path, read_all):
    """Gray and color cannot be written to, since several threads share them."""
    write(tmp_path / "a.png")
    (frame,) = read_all(ImageSource(tmp_path, color=True))
    assert not frame.gray.flags.writeable
    assert not frame.color.flags.writeable


def test_close_ends_the_stream(tmp_path):
    """After `close`, which may be called twice, `read` returns None."""
    write(tmp_path / "a.png")
    source = ImageSource(tmp_path)
    source.close()
    source.close()
    assert source.read() is None


def test_a_file_that_is_larger_than_any_picture_is_refused(tmp_path):
    """A sparse file of 300 MB is not read into memory; of trusted images neither."""
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    os.truncate(path, 300 << 20)
    with pytest.raises(MediaError, match=r"a\.png: expected an image, found a file of 300 MB"):
        read_image(path)


@pytest.mark.parametrize("shape", [(40_000, 2), (2, 40_000)])
def test_a_picture_with_a_very_long_side_is_searched(tmp_path, shape):
    """OpenCV's functions that turn an image fail beyond 32,767 px, which ended the run."""
    path = tmp_path / "a.png"
    path.write_bytes(cv2.imencode(".png", np.zeros(shape, np.uint8))[1].tobytes())
    source = ImageSource(path)
    frame = source.read()
    source.close()
    assert max(frame.gray.shape) == MAX_SIDE_PX
    turned = cv2.warpAffine(frame.gray, np.eye(2, 3), (64, 64))
    assert turned.shape == (64, 64)
