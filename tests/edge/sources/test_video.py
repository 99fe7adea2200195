"""Video files: every frame, in order, and a plain word where there is none."""

import time

import numpy as np
import pytest

from edge.errors import MediaError
from edge.sources.video import FALLBACK_FPS, VideoSource


def read_all(source):
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame)
    return frames


@pytest.mark.parametrize("name", ["clip.avi", "clip.mp4", "Video mit Ümlaut 01.avi"])
def test_every_frame_comes_in_order(write_clip, name):
    """Each frame comes once, with its number and its time in the video."""
    source = VideoSource(write_clip(name, frames=20, fps=25.0))
    frames = read_all(source)
    assert [frame.index for frame in frames] == list(range(20))
    assert [frame.position_s for frame in frames] == pytest.approx([number / 25 for number in range(20)])
    assert [round(frame.gray.mean()) for frame in frames] == pytest.approx([20 + 6 * n for n in range(20)], abs=3)
    assert {frame.source for frame in frames} == {name}
    assert (source.live, source.stills, source.skipped) == (False, False, 0)
    assert source.read() is None


def test_frames_are_read_only_and_keep_their_content(write_clip):
    """A frame that is kept does not change when the next one is decoded, and nobody can paint on it."""
    source = VideoSource(write_clip(frames=5), color=True)
    frames = read_all(source)
    assert [round(frame.color.mean()) for frame in frames] == pytest.approx([20, 26, 32, 38, 44], abs=2.9)
    assert not any(frame.gray.flags.writeable or frame.color.flags.writeable for frame in frames)
    assert frames[0].gray.shape == (48, 64)
    assert frames[0].color.shape == (48, 64, 3)


def test_grey_is_the_same_with_colour(write_clip):
    """Asking for colour does not change what the model sees."""
    path = write_clip(frames=3)
    for plain, colored in zip(read_all(VideoSource(path)), read_all(VideoSource(path, color=True)), strict=True):
        assert plain.color is None
        assert np.array_equal(plain.gray, colored.gray)


def test_captured_at_is_the_monotonic_clock(write_clip):
    """Latency can be measured from when a frame is in memory."""
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
        (lambda _content: np.random.default_rng(0).bytes(4000), "cannot open"),
        (lambda _content: b"plain text\n" * 100, "cannot open"),
    ],
)
def test_what_is_no_video_is_an_error(write_clip, capfd, damage, message):
    """Empty, random and text files are each named in one line, and FFmpeg adds none of its own."""
    path = write_clip("bad.mp4")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(MediaError, match=message) as caught:
        VideoSource(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_a_video_without_frames_is_an_error(write_clip):
    """A file with a header and nothing behind it is an error at once, not an empty run."""
    with pytest.raises(MediaError, match=r"cannot open|no frame"):
        VideoSource(write_clip("none.avi", frames=0))


def test_a_video_cut_before_its_first_frame_is_an_error(write_clip):
    """A header that promises frames does not help when none can be decoded."""
    path = write_clip()
    path.write_bytes(path.read_bytes().partition(b"movi")[0] + b"movi")
    with pytest.raises(MediaError, match=r"cannot open|no frame"):
        VideoSource(path)


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_a_wrong_path_is_an_error(tmp_path, kind):
    """A path that is not there and one that is a folder say so."""
    path = tmp_path / "here"
    if kind == "folder":
        path.mkdir()
    with pytest.raises(MediaError, match="no such file" if kind == "missing" else "no file"):
        VideoSource(path)


def test_a_video_that_may_not_be_read_is_an_error(open_folder, write_clip, as_nobody):
    """Missing rights are told from broken content."""
    path = write_clip().rename(open_folder / "clip.avi")
    path.chmod(0)
    with as_nobody(), pytest.raises(MediaError, match="Permission denied"):
        VideoSource(path)


def test_a_video_that_ends_early_gives_what_it_holds_and_says_so(write_clip, caplog):
    """A truncated file costs its missing part and one warning that says how much that is."""
    path = write_clip(frames=39, size=(320, 240))
    path.write_bytes(cut(0.6)(path.read_bytes()))
    source = VideoSource(path)
    frames = read_all(source)
    assert 10 < len(frames) < 39
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert source.read() is None
    assert source.skipped == 1
    (warning,) = caplog.messages
    assert f"only {len(frames)} of 39 frames" in warning


def test_a_senseless_rate_is_replaced(write_clip, caplog):
    """A file that claims an impossible rate is played at 25 frames a second, with a warning."""
    source = VideoSource(write_clip("clip.mp4", fps=5000.0))
    source.read()
    assert source.read().position_s == pytest.approx(1 / FALLBACK_FPS)
    assert "5000" in caplog.text


def test_paced_frames_come_at_the_rate_of_the_video(write_clip):
    """For somebody who watches, frames come no faster than they were filmed, and all of them."""
    source = VideoSource(write_clip(frames=8, fps=50.0), paced=True)
    frames = read_all(source)
    assert len(frames) == 8
    assert frames[-1].captured_at - frames[0].captured_at >= 7 / 50 - 0.005


def test_closing_early_is_no_damage(write_clip, caplog):
    """Whoever stops in the middle is not told that the file is incomplete."""
    source = VideoSource(write_clip())
    source.read()
    source.close()
    assert source.read() is None
    assert source.skipped == 0
    assert not caplog.messages


def test_close_wakes_who_waits(write_clip, in_thread):
    """Closing from another thread ends a paced wait at once; closing twice is allowed."""
    source = VideoSource(write_clip(frames=2, fps=0.01), paced=True)
    source.read()
    second = in_thread(source.read)
    source.close()
    source.close()
    assert second() is None
    assert source.read() is None
