"""What the tests of all stages share."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

# A shell that starts the tests in the background has them, and all that they start, ignore Ctrl-C; some are about it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def datasets() -> Path:
    """Folder of the real data (FER2013, photographs); it is not part of the repository."""
    folder = Path(os.environ.get("EDGE_EMOTION_DATA", REPOSITORY.parent / "shared" / "datasets"))
    if not folder.is_dir():
        pytest.skip(f"the real data is not at {folder}: name its place in EDGE_EMOTION_DATA")
    return folder


@pytest.fixture(scope="session", autouse=True)
def faces_cache() -> Iterator[Path]:
    """Folder of decoded faces for this session alone: tests neither use nor fill the user's."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGE_EMOTION_CACHE", folder)
        yield Path(folder)
