"""Pictures on disk: all that are good are given, in order, and each bad one is named."""

import struct

import cv2
import numpy as np
import pytest

from edge.errors import MediaError
from edge.sources.pictures import PictureSource, find_pictures


def picture(level=128, *, size=(24, 16)):
    """Make a grey picture with a white corner at the top left."""
    pixels = np.full((size[1], size[0], 3), level, dtype=np.uint8)
    pixels[: size[1] // 2, : size[0] // 2] = 250
    return pixels


def write(path, level=128):
    path.parent.mkdir(parents=True, exist_ok=True)
    encoded, content = cv2.imencode(path.suffix.lower(), picture(level))
    assert encoded
    path.write_bytes(content.tobytes())
    return path


def read_all(source):
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame)
    return frames


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".JPG", ".Png"])
def test_every_kind_is_read(tmp_path, suffix):
    """Each kind of picture is found and decoded, whatever the case of its suffix."""
    write(tmp_path / f"a{suffix}")
    (frame,) = read_all(PictureSource(tmp_path))
    assert frame.gray.shape == (16, 24)
    assert frame.gray.dtype == np.uint8
    assert abs(int(frame.gray[-1, -1]) - 128) <= 2


def test_folders_below_are_read_in_the_order_of_their_paths(tmp_path):
    """Pictures come sorted by path, with names relative to the folder given, counted from 0."""
    for name in ("b/2.png", "a/z/1.png", "c.png", "a/3.png"):
        write(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    source = PictureSource(tmp_path)
    frames = read_all(source)
    assert [frame.source for frame in frames] == ["a/3.png", "a/z/1.png", "b/2.png", "c.png"]
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert [frame.position_s for frame in frames] == [0.0] * 4
    assert (source.stills, source.live, source.skipped) == (True, False, 0)


def test_one_picture_alone_has_its_own_name(tmp_path):
    """A single file is a source, too, named by its file name."""
    (frame,) = read_all(PictureSource(write(tmp_path / "sub" / "one.png")))
    assert frame.source == "one.png"


def test_any_name_will_do(tmp_path):
    """Blanks and letters beyond ASCII in a name are no obstacle."""
    write(tmp_path / "mein Ordner" / "Äpfel 笑顔.png")
    (frame,) = read_all(PictureSource(tmp_path))
    assert frame.source == "mein Ordner/Äpfel 笑顔.png"


def test_a_name_that_is_no_utf8_becomes_printable(tmp_path):
    """A name of raw bytes does not break the log that it is written to."""
    good = write(tmp_path / "a.png")
    try:
        good.rename(tmp_path / "\udcff.png")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (frame,) = read_all(PictureSource(tmp_path))
    assert frame.source == "?.png"


def cut_short(suffix):
    whole = cv2.imencode(suffix, picture())[1].tobytes()
    return f"short{suffix}", whole[: len(whole) * 9 // 10], "corrupt or cut short"


def bmp_of(width, height):
    """Return a BMP that claims this size, and ends after its header."""
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, *[0] * 6)


BROKEN = [
    ("huge.bmp", bmp_of(40_000, 40_000), "OpenCV refuses"),
    ("empty.png", b"", "an empty file"),
    ("random.jpg", np.random.default_rng(0).bytes(3000), "corrupt or cut short"),
    *(cut_short(suffix) for suffix in (".jpg", ".png", ".webp", ".bmp")),
]


@pytest.mark.parametrize(("name", "content", "reason"), BROKEN, ids=[name for name, *_ in BROKEN])
def test_a_broken_picture_is_named_and_skipped(tmp_path, caplog, name, content, reason):
    """One bad picture among good ones costs a warning with its name and the reason, and nothing else."""
    write(tmp_path / "a.png")
    (tmp_path / name).write_bytes(content)
    write(tmp_path / "z.png")
    source = PictureSource(tmp_path)
    frames = read_all(source)
    assert [frame.source for frame in frames] == ["a.png", "z.png"]
    assert [frame.index for frame in frames] == [0, 1]
    assert source.skipped == 1
    (warning,) = caplog.messages
    assert str(tmp_path / name) in warning
    assert reason in warning


def test_a_picture_that_may_not_be_read_is_skipped(open_folder, as_nobody, caplog):
    """Missing rights for one picture cost a warning."""
    write(open_folder / "a.png").chmod(0)
    write(open_folder / "b.png").chmod(0o644)
    with as_nobody():
        assert [frame.source for frame in read_all(PictureSource(open_folder))] == ["b.png"]
    assert "Permission denied" in caplog.text


def test_none_that_can_be_read_is_an_error(tmp_path):
    """A folder with broken pictures only ends with an error, not with an empty log."""
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(MediaError, match="found 1 and none that can be decoded"):
        PictureSource(tmp_path)


def test_no_pictures_is_an_error(tmp_path):
    """A folder without pictures is named, with the kinds that were looked for."""
    (tmp_path / "a.txt").write_text("no picture")
    with pytest.raises(MediaError, match=r"expected pictures \(.bmp .jpeg .jpg .png .webp\)"):
        PictureSource(tmp_path)


@pytest.mark.parametrize(("name", "message"), [("gone", "no such file"), ("a.txt", "another kind of file")])
def test_a_wrong_path_is_an_error(tmp_path, name, message):
    """A path that is no picture says so."""
    (tmp_path / "a.txt").write_text("no picture")
    with pytest.raises(MediaError, match=message):
        PictureSource(tmp_path / name)


def test_exif_orientation_is_heeded(tmp_path):
    """A picture taken with the camera upside down is turned upright."""
    whole = cv2.imencode(".jpg", picture(), [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 3, 0, 0)  # orientation 3: turned by 180 degrees
    exif = b"Exif\0\0" + tiff
    (tmp_path / "a.jpg").write_bytes(whole[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + whole[2:])
    (frame,) = read_all(PictureSource(tmp_path, color=True))
    for pixels in (frame.gray, frame.color):
        assert np.all(pixels[-2:, -2:] > 240)
        assert np.all(pixels[:2, :2] < 140)


def test_colour_comes_when_asked_for_and_leaves_grey_as_it_is(tmp_path):
    """With colour there is a BGR picture, and the grey one does not change by it."""
    pixels = np.zeros((16, 16, 3), dtype=np.uint8)
    pixels[:] = (200, 40, 90)
    cv2.imwrite(str(tmp_path / "a.jpg"), pixels)
    (without,) = read_all(PictureSource(tmp_path))
    (with_color,) = read_all(PictureSource(tmp_path, color=True))
    assert without.color is None
    assert np.abs(with_color.color.astype(int) - pixels).max() <= 4
    assert np.array_equal(without.gray, with_color.gray)


def test_nobody_can_paint_on_a_frame(tmp_path):
    """What several threads look at is read-only."""
    write(tmp_path / "a.png")
    (frame,) = read_all(PictureSource(tmp_path, color=True))
    assert not frame.gray.flags.writeable
    assert not frame.color.flags.writeable


def test_after_close_there_are_no_more(tmp_path):
    """Closing twice is allowed and ends the pictures."""
    write(tmp_path / "a.png")
    source = PictureSource(tmp_path)
    source.close()
    source.close()
    assert source.read() is None


def test_find_pictures_takes_files_only(tmp_path):
    """A folder with a picture's name is not taken for one."""
    (tmp_path / "album.png").mkdir()
    inner = write(tmp_path / "album.png" / "a.png")
    assert find_pictures(tmp_path) == [inner]
