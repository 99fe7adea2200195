"""`docs/settings.md` describes every key, as the settings describe themselves."""

import runpy
from pathlib import Path

import pytest

from edge.settings.base import SettingsSection
from edge.settings.schema import Settings

SCRIPT = Path(__file__).parents[3] / "docs" / "write_settings.py"
PAGE = SCRIPT.with_name("settings.md")


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


def test_the_page_is_that_of_the_settings(script):
    """After a change of a setting or its description, the page must be written again."""
    assert script["settings_page"]() == PAGE.read_text(), "run: python docs/write_settings.py"


def test_every_key_of_every_section_has_its_row():
    """Each section has a heading, and below it a row for each of its keys with a meaning."""
    parts = dict(part.split("\n", 1) for part in PAGE.read_text().split("\n## ")[1:])
    settings = Settings()
    for name in settings.__struct_fields__:
        section = getattr(settings, name)
        if isinstance(section, SettingsSection):
            rows = {line.split("`")[1]: line for line in parts[name].splitlines() if line.startswith("| `")}
            assert list(rows) == list(section.__struct_fields__)
            assert all(len(line.replace("\\|", "").split("|")[4].strip()) > 3 for line in rows.values())
    assert "profile" in parts


def test_ranges_are_read_from_the_types(script):
    """Limits, choices and lists come out as words."""
    page = script["settings_page"]()
    assert "| `scale_factor` | `1.1` | number, 1.01 to 2 |" in page
    assert "| `queue_limit` | `10000` | whole number, 10 to 1 000 000 |" in page
    assert '| `method` | `"auto"` | `"auto"`, `"blazeface"`, `"haar"`, `"yunet"` |' in page
