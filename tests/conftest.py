"""Fixtures and settings shared by the tests of all stages."""

import fcntl
import os
import signal
import sys
import tempfile
from pathlib import Path

import cv2
import pytest

from edge.sources.base import silence_opencv

REPOSITORY = Path(__file__).resolve().parent.parent

# Keep byte code, whatever the shell says: the tests start many programs, and TensorFlow takes ten seconds to compile.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell that starts the tests in the background makes them, and every program they start, ignore Ctrl-C; some test it.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Under nohup they would ignore a hang-up.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


CACHE = "EDGE_EMOTION_CACHE"
"""Environment variable with the folder of decoded faces."""


def pytest_configure(config: pytest.Config) -> None:
    """Give all processes of this session one cache of decoded faces, so that tests neither use nor fill the user's."""
    if not hasattr(config, "workerinput"):  # the workers of pytest-xdist inherit the variable
        folder = tempfile.TemporaryDirectory()
        config.add_cleanup(folder.cleanup)
        os.environ[CACHE] = folder.name


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests on real data as slow."""
    for item in items:
        if "datasets" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def datasets() -> Path:
    """Folder of the real data (FER2013, photographs), which is not part of the repository."""
    folder = Path(os.environ.get("EDGE_EMOTION_DATA", REPOSITORY.parent / "shared" / "datasets"))
    if not folder.is_dir():
        pytest.skip(f"the real data is not at {folder}: set EDGE_EMOTION_DATA to its folder")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _opencv() -> None:
    """Let OpenCV use one thread, and silence FFmpeg before its first use, when it reads the level."""
    cv2.setNumThreads(1)
    silence_opencv()


@pytest.fixture(scope="session")
def fer2013(datasets: Path) -> Path:
    """FER2013's folder; its decoded faces are in the cache, from which every process of this session reads them."""
    from train.data.formats import read_raw_dataset  # noqa: PLC0415  # tests of the runtime alone do without training

    folder = datasets / "fer2013"
    if not (folder / "fer2013.csv.xz").is_file():
        pytest.skip(f"FER2013 is not at {folder}")
    with Path(os.environ[CACHE], "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the first process decodes, for ten seconds
        read_raw_dataset(folder, votes=False, cache=True)
    return folder
