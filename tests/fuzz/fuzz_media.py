"""Targets: pictures and videos, from their first bytes to decoding in a process of its own."""

import io
import math
import resource
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import fuzz_seeds as seeds
from fuzz_base import CPU_S, Target, TryOne, refused_as

from edge.errors import MediaError

_MAX_PIXELS = 1 << 18
"""Number of pixels to which larger images are shrunk."""

_MAX_FRAMES = 30
"""Number of a video's frames that are read."""


def _picture_header(_folder: Path) -> Iterator[TryOne]:
    from edge.sources.content import UnreadableContentError  # noqa: PLC0415
    from edge.sources.picture_header import read_header  # noqa: PLC0415

    def try_one(content: bytes) -> None:
        with refused_as(UnreadableContentError):
            header = read_header(content)
            assert header.width > 0
            assert header.height > 0

    yield try_one


def _container(_folder: Path) -> Iterator[TryOne]:
    from edge.sources.container import read_orientation  # noqa: PLC0415
    from edge.sources.content import UnreadableContentError, check_video  # noqa: PLC0415

    def try_one(content: bytes) -> None:
        with refused_as(UnreadableContentError):
            check_video(content[:512])
        read_orientation(io.BytesIO(content))

    yield try_one


class _Decoder:
    """Starts a decoder process when it is needed, and another one after each that has ended."""

    def __init__(self) -> None:
        self._process = None

    def __call__(self):
        from edge.sources.decoder_process import DecoderProcess  # noqa: PLC0415

        if self._process is None:
            self._process = DecoderProcess(_MAX_PIXELS)
            self._process._control.settimeout(2 * CPU_S)
        return self._process

    def give_up(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None


def _picture(folder: Path) -> Iterator[TryOne]:
    from edge.sources.content import UnreadableContentError, check_picture  # noqa: PLC0415
    from edge.sources.decoder_process import DecoderCrashError, DecoderTimeoutError  # noqa: PLC0415

    path, decoder = folder / "picture", _Decoder()

    def try_one(content: bytes) -> None:
        path.write_bytes(content)
        try:
            with refused_as(UnreadableContentError), path.open("rb") as file:
                check_picture(content[:512])
                picture = decoder().decode_picture(file, color=True)
                assert picture.gray.size <= _MAX_PIXELS
        except DecoderTimeoutError:
            raise
        except DecoderCrashError:  # documented: only the decoder's process ends
            decoder.give_up()

    yield try_one
    decoder.give_up()


def _video(folder: Path) -> Iterator[TryOne]:
    from edge.sources.content import UnreadableContentError  # noqa: PLC0415
    from edge.sources.decoder_process import DecoderCrashError, DecoderTimeoutError  # noqa: PLC0415

    path, decoder = folder / "video", _Decoder()

    def play(process) -> bool:
        """Return whether the video was read to its end, so that the process can open another one."""
        for _ in range(_MAX_FRAMES):
            if process.next_frame() is None:
                process.next_frame()  # the second one was requested already
                process._pending.clear()
                return True
        return False

    def try_one(content: bytes) -> None:
        path.write_bytes(content)
        is_busy = False
        try:
            with refused_as(UnreadableContentError), path.open("rb") as file:
                decoder().open_video(file, color=False)
                is_busy = True
                is_busy = not play(decoder())
        except DecoderTimeoutError:
            raise
        except DecoderCrashError:
            is_busy = True
        if is_busy:
            decoder.give_up()

    yield try_one
    decoder.give_up()


def _video_source(folder: Path) -> Iterator[TryOne]:
    from edge.sources.video import VideoSource  # noqa: PLC0415

    path = folder / "video"

    def try_one(content: bytes) -> None:
        path.write_bytes(content)
        before_s = _children_cpu_s()
        with refused_as(MediaError), closing(VideoSource(path, color=True, max_megapixels=_MAX_PIXELS / 1e6)) as source:
            frames = [frame for _ in range(_MAX_FRAMES) if (frame := source.read()) is not None]
            assert frames
            assert all(frame.gray.size <= _MAX_PIXELS and frame.color is not None for frame in frames)
            times_s = [frame.media_time_s for frame in frames]
            assert all(map(math.isfinite, times_s))
            assert all(earlier < later for earlier, later in pairwise(times_s)), times_s
        used_s = _children_cpu_s() - before_s
        assert used_s < CPU_S, f"the decoder took {used_s:.1f} s of processor time"

    yield try_one


def _children_cpu_s() -> float:
    """Return the processor time of the child processes that have ended, s."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


_VIDEO_WORDS = (b"moov", b"stsz", b"avih", b"idx1", b"MJPG", b"00dc")

TARGETS = (
    Target("picture header", seeds.pictures, _picture_header,
           (b"IHDR", b"eXIf", b"Exif\0\0", b"VP8X", b"\xff\xc0"), 400),
    Target("picture", seeds.pictures, _picture, (b"IHDR", b"IDAT", b"\xff\xda", b"\xff\xc4", b"VP8L"), 100),
    Target("container", seeds.videos, _container,
           (b"moov", b"trak", b"tkhd", b"hdlr", b"vide", b"\x1aE\xdf\xa3"), 300),
    Target("video", seeds.videos, _video, _VIDEO_WORDS, 25),
    Target("video source", seeds.videos, _video_source, (*_VIDEO_WORDS, b"mvhd", b"stts", b"ctts", b"elst"), 15),
)  # fmt: skip
"""The targets of this module."""
