"""The video source gives every frame in order, and a clear error for a file without frames."""

import logging
import os
import shutil
import subprocess
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import MediaError
from edge.sources.video import FALLBACK_FPS, VideoSource


@pytest.mark.parametrize("name", ["clip.avi", "clip.mp4", "Video mit Ümlaut 01.avi"])
def test_every_frame_comes_in_order(write_clip, read_all, name):
    """Each frame comes once, with its index and its time in the video."""
    source = VideoSource(write_clip(name, frames=20, fps=25.0))
    frames = read_all(source)
    assert [frame.index for frame in frames] == list(range(20))
    assert [frame.media_time_s for frame in frames] == pytest.approx([number / 25 for number in range(20)])
    assert [round(frame.gray.mean()) for frame in frames] == pytest.approx([20 + 6 * n for n in range(20)], abs=3)
    assert {frame.source for frame in frames} == {name}
    assert (source.live, source.is_still_images, source.skipped) == (False, False, 0)
    assert source.read() is None


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg here: make setup-system installs it")
def test_unevenly_spaced_frames_keep_their_times(write_clip, read_all, tmp_path):
    """A video whose second half lacks four of five frames, as of a phone in the dark, has gaps in its times as well."""
    uneven = tmp_path / "uneven.mp4"
    thin_out = ["-vf", "select='lt(n,10)+not(mod(n,5))'", "-fps_mode", "vfr", "-c:v", "mpeg4"]
    source = write_clip("even.avi", frames=30, fps=25.0)
    subprocess.run(["ffmpeg", "-v", "error", "-i", source, *thin_out, uneven], check=True)  # noqa: S603, S607  # our own clip
    times_s = [frame.media_time_s for frame in read_all(VideoSource(uneven))]
    assert times_s == pytest.approx([n / 25 for n in (*range(10), 10, 15, 20, 25)], abs=0.001)


def test_frames_are_read_only_and_keep_their_content(write_clip, read_all):
    """A frame does not change when the next one is decoded, and cannot be written to."""
    source = VideoSource(write_clip(frames=5), color=True)
    frames = read_all(source)
    assert [round(frame.color.mean()) for frame in frames] == pytest.approx([20, 26, 32, 38, 44], abs=2.9)
    assert not any(frame.gray.flags.writeable or frame.color.flags.writeable for frame in frames)
    assert frames[0].gray.shape == (48, 64)
    assert frames[0].color.shape == (48, 64, 3)


def test_color_does_not_change_gray(write_clip, read_all):
    """A frame with color has the same gray image as one without."""
    path = write_clip(frames=3)
    for plain, colored in zip(read_all(VideoSource(path)), read_all(VideoSource(path, color=True)), strict=True):
        assert plain.color is None
        assert np.array_equal(plain.gray, colored.gray)


def test_captured_at_is_the_monotonic_clock(write_clip):
    """`captured_at` is the time when the frame was decoded, so that latency can be measured from it."""
    source = VideoSource(write_clip(frames=2))
    before = time.monotonic()
    frame = source.read()
    assert before <= frame.captured_at <= time.monotonic()


def cut(share):
    return lambda content: content[: int(len(content) * share)]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut(0), "an empty file"),
        (lambda _content: np.random.default_rng(0).bytes(4000), "found unknown content"),
        (lambda _content: b"plain text\n" * 100, "found text"),
        (lambda content: content[:40] + bytes(4000), "FFmpeg cannot open"),
    ],
)
def test_a_file_that_is_not_a_video_is_an_error(write_clip, capfd, damage, message):
    """Empty, random and text files are one-line errors, and FFmpeg prints nothing itself."""
    path = write_clip("bad.mp4")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(MediaError, match=message) as caught:
        VideoSource(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_a_video_without_frames_is_an_error(write_clip):
    """A file with only a header fails in the constructor instead of giving an empty run."""
    with pytest.raises(MediaError, match=r"cannot open|no frame"):
        VideoSource(write_clip("none.avi", frames=0))


def test_a_video_cut_before_its_first_frame_is_an_error(write_clip):
    """A header that announces frames does not help if none can be decoded."""
    path = write_clip()
    path.write_bytes(path.read_bytes().partition(b"movi")[0] + b"movi")
    with pytest.raises(MediaError, match=r"cannot open|no frame"):
        VideoSource(path)


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_a_wrong_path_is_an_error(tmp_path, kind):
    """A missing path and a folder are errors with their own messages."""
    path = tmp_path / "here"
    if kind == "folder":
        path.mkdir()
    with pytest.raises(MediaError, match="no such file" if kind == "missing" else "not a file"):
        VideoSource(path)


def test_a_video_without_read_permission_is_an_error(open_folder, write_clip, as_nobody):
    """A missing permission has another message than broken content."""
    path = write_clip().rename(open_folder / "clip.avi")
    path.chmod(0)
    with as_nobody(), pytest.raises(MediaError, match="Permission denied"):
        VideoSource(path)


def test_a_truncated_video_gives_its_frames_and_a_warning(write_clip, caplog, read_all):
    """A truncated file gives the frames that it holds, and one warning says how many are missing."""
    path = write_clip(frames=39, size=(320, 240))
    path.write_bytes(cut(0.6)(path.read_bytes()))
    source = VideoSource(path)
    frames = read_all(source)
    assert 10 < len(frames) < 39
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert source.read() is None
    assert source.left_out == {"missing frames": 39 - len(frames)}
    (warning,) = caplog.messages
    assert f"only {len(frames)} of 39 frames" in warning


def test_an_impossible_frame_rate_is_replaced(write_clip, caplog):
    """A file that claims an impossible rate is read at 25 frames per second, with a warning."""
    source = VideoSource(write_clip("clip.mp4", fps=5000.0))
    source.read()
    assert source.read().media_time_s == pytest.approx(1 / FALLBACK_FPS)
    assert "5000" in caplog.text


def test_paced_frames_come_no_faster_than_the_video(write_clip, read_all):
    """With `paced` every frame comes, and none before its time in the video."""
    source = VideoSource(write_clip(frames=8, fps=50.0), paced=True)
    started_at = time.monotonic()
    frames = read_all(source)
    assert len(frames) == 8
    assert all(frame.captured_at - started_at >= frame.media_time_s - 0.001 for frame in frames)


def test_closing_early_gives_no_warning(write_clip, caplog):
    """A source that is closed in the middle does not report the file as truncated."""
    source = VideoSource(write_clip())
    source.read()
    source.close()
    assert source.read() is None
    assert source.skipped == 0
    assert not caplog.messages


def test_close_wakes_a_waiting_read(write_clip, in_thread):
    """Closing from another thread ends a paced wait; closing twice is allowed."""
    source = VideoSource(write_clip(frames=2, fps=0.01), paced=True)
    source.read()
    second = in_thread(source.read)
    source.close()
    source.close()
    assert second() is None
    assert source.read() is None


def jpegs(*frames):
    """Return JPEGs of these sizes, chroma samplings and levels, one behind the other."""
    return b"".join(
        cv2.imencode(".jpg", np.full((h, w, 3), level, np.uint8), [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling])[
            1
        ].tobytes()
        for (w, h), sampling, level in frames
    )


Y422, Y420, Y444 = 0x211111, 0x221111, 0x111111


@pytest.mark.parametrize("suffix", [".mjpg", ".MJPEG"])
@pytest.mark.parametrize("color", [False, True])
def test_each_frame_of_a_motion_jpeg_may_differ(tmp_path, read_all, suffix, color):
    """Each frame has its own size and content, whatever the sampling of its colors is."""
    kinds = [((64, 48), Y422), ((64, 48), Y420), ((32, 24), Y444), ((96, 80), Y422), ((64, 48), Y420)]
    path = tmp_path / f"cam{suffix}"
    path.write_bytes(jpegs(*((size, sampling, 40 * n) for n, (size, sampling) in enumerate(kinds))))
    frames = read_all(VideoSource(path, color=color))
    assert [frame.gray.shape[::-1] for frame in frames] == [size for size, _ in kinds]
    assert [round(frame.gray.mean()) for frame in frames] == pytest.approx([40 * n for n in range(5)], abs=3)
    if color:
        assert [frame.color.shape[1::-1] for frame in frames] == [size for size, _ in kinds]


def test_a_damaged_frame_of_a_motion_jpeg_is_left_out(tmp_path, read_all):
    """The frames around it are read."""
    good = jpegs(((64, 48), Y420, 100))
    path = tmp_path / "cam.mjpg"
    path.write_bytes(good * 3 + good[:200] + good[-2:] + good * 3)
    levels = [round(frame.gray.mean()) for frame in read_all(VideoSource(path))]
    assert levels == [100] * len(levels)
    assert len(levels) in {5, 6}  # FFmpeg may take the next frame for a part of the damaged one


@pytest.mark.parametrize("name", ["clip.avi", "clip.mp4"])
def test_a_video_of_one_frame_is_a_still_image(write_clip, read_all, name):
    """A single frame would never be confirmed by a second one."""
    source = VideoSource(write_clip(name, frames=1))
    assert source.is_still_images
    assert len(read_all(source)) == 1
    assert not VideoSource(write_clip(name, frames=2)).is_still_images


NAMES = [
    b"caf\xe9.avi",
    b"\xff\xfe.avi",
    "Übung 笑顔.avi".encode(),
    b"12:30:05.avi",
    b"100%.avi",
    b"img%03d.avi",
    b"a\nb.avi",
    b"-i.avi",
    b"concat:a|b.avi",
    b"file:a.avi",
    b"a;b'c\"d.avi",
    b" ",
    b"~",
]


@pytest.mark.parametrize(("name", "inside"), [*((name, False) for name in NAMES), (NAMES[0], True), (b"a:b%d", True)])
def test_any_name_can_be_opened(write_clip, tmp_path, monkeypatch, name, inside):
    """Every name that the file system takes can be opened, as that of a file or of its folder."""
    folder = os.fsencode(tmp_path) + (b"/" + name if inside else b"")
    path = Path(os.fsdecode(folder + (b"/clip" if inside else b"/" + name)))
    try:
        path.parent.mkdir(exist_ok=True)
        write_clip().rename(path)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    monkeypatch.chdir(tmp_path)
    source = VideoSource(path.relative_to(tmp_path))
    assert source.read() is not None
    assert source.name.isprintable()


def test_a_playlist_is_refused(write_clip, tmp_path):
    """A file that names another one, which FFmpeg would open, is no video."""
    path = tmp_path / "list.mp4"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{write_clip('clip.ts')}\n#EXT-X-ENDLIST\n")
    with pytest.raises(MediaError, match="found text"):
        VideoSource(path)


def test_large_frames_are_shrunk(write_clip, caplog, read_all):
    """Frames above the limit are shrunk to it, with one line in the log; far larger ones are refused."""
    caplog.set_level(logging.INFO)
    path = write_clip("clip.mp4", frames=3, size=(640, 480))
    frames = read_all(VideoSource(path, color=True, max_megapixels=0.1))
    assert [frame.gray.shape for frame in frames] == [(273, 365)] * 3
    assert [frame.color.shape for frame in frames] == [(273, 365, 3)] * 3
    (line,) = caplog.messages
    assert "shrunk from 640x480 to 365x273 px" in line
    with pytest.raises(MediaError, match=r"640x480 px, where at most 0.2 megapixels"):
        VideoSource(path, max_megapixels=0.05)


def write_part(path, fourcc, size):
    """Write 40 frames with key frames among them; return the file's content."""
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*fourcc), 25.0, size)
    assert writer.isOpened()
    for level in range(40):
        writer.write(np.full((size[1], size[0], 3), 100 + level, np.uint8))
    writer.release()
    return path.read_bytes()


@pytest.mark.parametrize(("suffix", "fourcc"), [(".ts", "mp4v"), (".ts", "mpg2"), (".mpg", "mpg1")])
@pytest.mark.parametrize("sizes", [((320, 240), (160, 120)), ((160, 120), (320, 240))], ids=["smaller", "larger"])
def test_a_video_ends_where_the_size_of_its_frames_changes(tmp_path, read_all, suffix, fourcc, sizes):
    """The frames before are whole; the error names both sizes, and no frame is put together from wrong rows."""
    path = tmp_path / f"film{suffix}"
    parts = [write_part(tmp_path / f"{size[0]}{suffix}", fourcc, size) for size in sizes]
    path.write_bytes(b"".join(parts))
    source = VideoSource(path)
    frames = []
    (old_width, old_height), (width, height) = sizes
    found = f"found: one of {width}x{height} px after those of {old_width}x{old_height} px"
    with pytest.raises(MediaError, match=found):
        frames.extend(iter(source.read, None))
    assert len(frames) >= 36
    assert {frame.gray.shape for frame in frames} == {(old_height, old_width)}
    assert max(np.ptp(frame.gray) for frame in frames) <= 4
    path.write_bytes(parts[0] * 2)
    assert len(read_all(VideoSource(path))) >= 78
