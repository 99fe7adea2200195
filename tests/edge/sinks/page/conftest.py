"""A live page on a free port."""

import pytest
from samples import make_status, opened

from edge.model.bundled import BUNDLED_MODEL
from edge.model.manifest import manifest_path, read_manifest
from edge.settings.sinks import PageSettings

MODEL = read_manifest(manifest_path(BUNDLED_MODEL))


@pytest.fixture
def open_page():
    """Return a function that opens a page; each is closed after the test."""
    sink = pytest.importorskip("edge.sinks.page.sink")
    for package in ("flask", "waitress"):
        pytest.importorskip(package, reason=f"the live page needs {package}")
    pages = []

    def open_one(
        *,
        picture="full",
        status=make_status,
        model=MODEL,
        labels=("angry", "happy", "sad", "neutral"),
        **settings,
    ):
        settings = PageSettings(enabled=True, **{"port": 0} | settings)
        page = sink.LivePage(settings, picture=picture, status=status, labels=labels, model=model)
        pages.append(opened(page))
        return pages[-1]

    yield open_one
    for page in pages:
        page.close()
