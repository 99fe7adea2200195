"""The configuration that is installed shows every setting, with the default that it truly has."""

import re

import msgspec
from roots import REPOSITORY

from edge.config import read_settings
from edge.settings import Settings, SourceSettings
from edge.sink_settings import LogSettings, PageSettings

FILE = REPOSITORY / "systemd" / "edge.toml"
SERVICE = Settings(
    source=SourceSettings(reopen=True),
    log=LogSettings(path="/var/log/edge-emotion/readings.jsonl", mode="changes", on_error="retry"),
    page=PageSettings(token_file="/etc/edge-emotion/web-token"),  # noqa: S106  # a path
)
"""The service's own choices: a camera is waited for, the log is small and stands a full disk, the page is locked."""


def test_as_it_is_it_makes_the_services_own_choices_alone():
    """Everything else is the default, so that a better default reaches those who chose nothing."""
    assert read_settings(FILE) == SERVICE


def test_each_default_that_it_shows_is_the_true_one(tmp_path):
    """With every comment sign before a key taken away it says the same."""
    shown = tmp_path / "edge.toml"
    shown.write_text(re.sub(r"^# (?=\w+ = )", "", FILE.read_text(), flags=re.MULTILINE))
    assert read_settings(shown) == SERVICE
    keys = msgspec.toml.decode(shown.read_bytes())
    assert keys == msgspec.json.decode(msgspec.json.encode(SERVICE))  # lists, as TOML has them
