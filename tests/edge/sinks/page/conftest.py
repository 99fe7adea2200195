"""A live page on a free port."""

import pytest
from page_parts import make_status

from edge.sink_settings import PageSettings


@pytest.fixture
def open_page():
    """Open a page; each is closed after the test."""
    viewer = pytest.importorskip("edge.sinks.page.viewer")
    for package in ("flask", "waitress"):
        pytest.importorskip(
            package, reason=f"the live page needs {package}: pip install '.[web]' in the project's folder"
        )
    pages = []

    def open_one(*, shows="full", status=make_status, **settings):
        settings = PageSettings(enabled=True, **{"port": 0} | settings)
        labels = ("angry", "happy", "sad", "neutral")
        pages.append(viewer.LivePage(settings, shows=shows, status=status, labels=labels))
        return pages[-1]

    yield open_one
    for page in pages:
        page.close()
