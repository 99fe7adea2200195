"""A decoder that crashes, hangs or takes too much memory ends its own process, and the source says what happened."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from waiting import wait_for

from edge.errors import MediaError, ShortageError
from edge.sources.content import UnreadableContentError
from edge.sources.decoder_process import DecoderCrashError, DecoderProcess
from edge.sources.images import ImageSource
from edge.sources.video import VideoSource

ROOT = Path(__file__).parents[3]


@pytest.fixture
def decoder():
    process = DecoderProcess(1_000_000)
    yield process
    process.close()


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(cv2.imencode(".png", np.full((8, 12), 200, np.uint8))[1].tobytes())
    return path


@pytest.mark.parametrize(
    ("number", "message"),
    [(signal.SIGSEGV, "has crashed (SIGSEGV)"), (signal.SIGABRT, "(SIGABRT)"), (signal.SIGKILL, "memory runs out")],
)
def test_a_video_whose_decoder_crashes_is_an_error(write_clip, read_all, number, message):
    """The frames decoded before are read; then the error names the file, the frame and the cause, with exit code 3."""
    source = VideoSource(write_clip(frames=39))
    source.read()
    os.kill(source._decoder._process.pid, number)
    with pytest.raises(MediaError, match=r"clip.avi: expected frame \d+, found: .*decoder") as caught:
        read_all(source)
    assert message in str(caught.value)
    assert caught.value.exit_code == 3
    source.close()


def test_an_image_whose_decoder_crashes_is_skipped(picture, read_all):
    """The next image gets a new process."""
    for name in ("b.png", "c.png"):
        (picture.parent / name).write_bytes(picture.read_bytes())
    source = ImageSource(picture.parent)
    os.kill(source._decoder._process._process.pid, signal.SIGSEGV)
    assert [frame.source for frame in read_all(source)] == ["a.png", "c.png"]
    assert source.left_out == {"decoder failed": 1}


def test_a_decoder_that_hangs_is_given_up(write_clip, read_all):
    """A frame that takes too long is an error, and the process ends with the source."""
    source = VideoSource(write_clip(frames=39))
    process = source._decoder._process
    source._decoder._control.settimeout(0.1)
    os.kill(process.pid, signal.SIGSTOP)
    with pytest.raises(MediaError, match="the decoder has not finished within"):
        read_all(source)
    source.close()
    assert process.poll() == -signal.SIGKILL


def test_memory_is_limited(decoder, picture):
    """The process may take what decoding large images needs and no more; the system ends it before any other."""
    with picture.open("rb") as file:
        decoder.decode_picture(file, color=False)
    process = decoder._process.pid
    assert resource.prlimit(process, resource.RLIMIT_DATA)[0] < 1 << 30
    assert resource.prlimit(process, resource.RLIMIT_CORE)[0] == 0
    assert Path(f"/proc/{process}/oom_score_adj").read_text(encoding="ascii").strip() == "1000"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".bmp"])
def test_an_image_beyond_the_memory_limit_is_refused(decoder, picture, suffix):
    """If the memory does not suffice, the image is refused, and the process reads the next one or is replaced."""
    large = picture.with_name(f"large{suffix}")
    cv2.imwrite(str(large), np.zeros((2000, 2000, 3), np.uint8))
    with picture.open("rb") as file:
        decoder.decode_picture(file, color=False)
    resource.prlimit(decoder._process.pid, resource.RLIMIT_DATA, (20 << 20, 20 << 20))
    with large.open("rb") as file, pytest.raises((UnreadableContentError, DecoderCrashError)):
        decoder.decode_picture(file, color=True)


@pytest.fixture
def limit_children(tmp_path, monkeypatch):
    """Set a limit for processes of Python that are started from now on."""

    def limit(kind, size):
        line = f"import resource; resource.setrlimit(resource.{kind}, ({size}, {size}))"
        (tmp_path / "sitecustomize.py").write_text(line)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return limit


@pytest.mark.slow
def test_a_decoder_that_finds_no_memory_to_start_ends_the_run(limit_children, picture, write_clip):
    """Neither a picture nor a video is blamed, or left out, if its decoder has too little memory to start."""
    clip = write_clip()
    limit_children("RLIMIT_AS", 100 << 20)
    with pytest.raises(ShortageError, match=r"expected more memory for the decoder's process, found: .*ImportError"):
        ImageSource(picture)
    with pytest.raises(ShortageError, match="expected more memory for the decoder's process"):
        VideoSource(clip)


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="takes another user's rights, which only root can")
def test_lower_limits_of_the_user_stay(picture):
    """The decoder's own limits raise none that the user was given, which it may not: it starts with the lower ones."""
    code = (
        "import sys; from pathlib import Path; from edge.sources.images import ImageSource\n"
        "print(ImageSource(Path(sys.argv[1])).read().gray.shape)"
    )
    limits = ["prlimit", f"--data={300 << 20}"]
    nobody = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--reset-env"]
    done = subprocess.run(  # noqa: S603  # ours
        [*limits, *nobody, "env", f"PYTHONPATH={ROOT}", sys.executable, "-c", code, picture],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "(8, 12)\n", done.stderr


def test_a_refused_file_leaves_the_decoder_alive(decoder, picture, tmp_path):
    """After a file that cannot be read, the same process reads the next one."""
    broken = tmp_path / "broken.png"
    broken.write_bytes(picture.read_bytes()[:40])
    for _ in range(2):
        with broken.open("rb") as file, pytest.raises(UnreadableContentError, match="corrupt or cut short"):
            decoder.decode_picture(file, color=True)
        with picture.open("rb") as file:
            assert decoder.decode_picture(file, color=True).color.shape == (8, 12, 3)


def test_closing_ends_a_waiting_request(decoder, write_clip, in_thread):
    """A request that waits for a stopped process returns when another thread closes the decoder."""
    with write_clip(frames=39).open("rb") as file:
        decoder.open_video(file, color=False)
    os.kill(decoder._process.pid, signal.SIGSTOP)

    def read_everything():
        while decoder.next_frame() is not None:
            pass
        return "done"

    waiting = in_thread(read_everything)
    decoder.close()
    assert waiting() == "done"
    assert decoder._process.poll() is not None


def test_a_process_that_cannot_start_is_an_error(monkeypatch, write_clip, tmp_path):
    """Without an interpreter to start, the error says so."""
    clip = write_clip()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "gone"))
    with pytest.raises(MediaError, match=r"cannot be started: .*No such file"):
        VideoSource(clip)


def test_a_process_that_ends_at_once_says_why(monkeypatch, tmp_path, write_clip):
    """The last line that the process wrote is part of the message."""
    package = tmp_path / "edge" / "__init__.py"
    package.parent.mkdir()
    package.write_text("raise ImportError('libGL.so.1: cannot open')")
    monkeypatch.setattr("edge.sources.decoder_process._python_path", lambda: [str(tmp_path)])
    with pytest.raises(MediaError, match=r"exit code 1: ImportError: libGL.so.1: cannot open"):
        VideoSource(write_clip())


def test_modules_in_the_current_folder_are_not_imported(monkeypatch, tmp_path, write_clip):
    """A file called cv2.py beside the video is no module of ours."""
    for name in ("cv2.py", "numpy.py", "msgspec.py", "mmap.py"):
        (tmp_path / name).write_text("raise SystemExit(77)")
    monkeypatch.chdir(tmp_path)
    assert VideoSource(write_clip()).read() is not None


OWNER = """
import os, sys, time
from pathlib import Path
from edge.sources.video import VideoSource
source = VideoSource(Path(sys.argv[1]))
source.read()
print(source._decoder._process.pid, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.slow
def test_the_process_ends_with_its_owner(write_clip):
    """A program that is killed leaves no decoder behind."""
    owner = subprocess.run(  # noqa: S603  # our own words
        [sys.executable, "-c", OWNER, write_clip(frames=39)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert owner.returncode == -signal.SIGKILL
    process = Path("/proc", owner.stdout.strip(), "cmdline")
    wait_for(lambda: not (process.exists() and b"edge.sources.decoder" in process.read_bytes()))


def test_a_source_that_nobody_closes_ends_its_process(write_clip):
    source = VideoSource(write_clip(frames=39))
    process = source._decoder._process
    del source
    assert process.poll() is not None
