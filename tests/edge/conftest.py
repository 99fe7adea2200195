"""Fixtures shared by the tests of the edge.

The tests run with ai-edge-litert, and those marked `interpreter` once more with tflite-runtime, numpy 1 and an older
OpenCV (`make test`).
"""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from waiting import LIMIT_S

from edge.model.bundled import BUNDLED_MODEL
from edge.model.manifest import read_model
from edge.settings.schema import DetectSettings
from edge.vision.classify import EmotionClassifier
from edge.vision.haar import HaarDetector

INDEPENDENT = ("device", "report", "runtime", "service", "settings", "sinks/console", "sinks/log")
"""Folders of tests without interpreter, numpy and OpenCV, except those that take the fixture `interpreter_package`."""

PACKAGE = os.environ.get("EDGE_EMOTION_INTERPRETER", "auto")


def pytest_collection_modifyitems(items):
    """Mark the tests whose result may depend on the interpreter package."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and (
            "interpreter_package" in item.fixturenames
            or not item.path.relative_to(here).as_posix().startswith(tuple(f"{folder}/" for folder in INDEPENDENT))
        ):
            item.add_marker(pytest.mark.interpreter)


JOIN_TIMEOUTS = ("edge.runtime.workers.JOIN_TIMEOUT_S", "edge.pipeline.pipeline.JOIN_TIMEOUT_S")


@pytest.fixture(scope="session", autouse=True)
def _patient():
    """Let a run's threads take as long to end as a very busy machine needs."""
    with pytest.MonkeyPatch.context() as patch:
        for name in JOIN_TIMEOUTS:
            patch.setattr(name, LIMIT_S)
        yield


@pytest.fixture(scope="session", autouse=True)
def _runtime_directory(tmp_path_factory):
    """Give the runs of this session a runtime directory of their own, for their status sockets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
        yield


@pytest.fixture
def impatient(monkeypatch):
    """Give up at once on threads that never end."""
    for name in JOIN_TIMEOUTS:
        monkeypatch.setattr(name, 0.1)


@pytest.fixture(scope="session")
def interpreter_package():
    """The interpreter package that this session tests."""
    return PACKAGE


@pytest.fixture
def classifier():
    """The bundled model in the interpreter under test."""
    return EmotionClassifier(*read_model(BUNDLED_MODEL), package=PACKAGE)


@pytest.fixture
def detector():
    return HaarDetector(DetectSettings())


@pytest.fixture(scope="session")
def demo_clip():
    return Path(__file__).parents[2] / "edge" / "assets" / "demo.mp4"


@pytest.fixture
def open_folder():
    """Create a folder with a short path that every user may enter; pytest's own are closed to other users."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def as_nobody():
    """Return a context in which root has no more permissions than any user; other users keep theirs."""

    @contextlib.contextmanager
    def drop_permissions():
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)

    return drop_permissions
