"""The installed configuration file lists every setting with its actual default."""

import re

import msgspec
from fake_root import REPOSITORY

from edge.settings.load import read_settings
from edge.settings.schema import Settings, SourceSettings
from edge.settings.sinks import LogSettings, PageSettings

FILE = REPOSITORY / "systemd" / "edge.toml"
SERVICE = Settings(
    source=SourceSettings(reopen=True),
    log=LogSettings(path="/var/log/edge-emotion/readings.jsonl", mode="changes", on_error="retry"),
    page=PageSettings(token_file="/etc/edge-emotion/web-token"),  # noqa: S106  # a path
)
"""The settings in which the service differs from the defaults: it waits for cameras, keeps its log small, survives a
full disk, and locks the page."""


def test_the_file_sets_only_what_a_service_needs():
    """All other keys are comments, so that a better default reaches users who changed nothing."""
    assert read_settings(FILE) == SERVICE


def test_each_default_in_a_comment_is_the_actual_one(tmp_path):
    """The file means the same with every commented key uncommented, and lists every key."""
    shown = tmp_path / "edge.toml"
    shown.write_text(re.sub(r"^# (?=\w+ = )", "", FILE.read_text(), flags=re.MULTILINE))
    # TOML cannot say that the rotation is left open, which is `auto` for a camera.
    service = msgspec.structs.replace(SERVICE, source=msgspec.structs.replace(SERVICE.source, rotate="auto"))
    assert read_settings(shown) == service
    keys = msgspec.toml.decode(shown.read_bytes())
    assert keys == msgspec.json.decode(msgspec.json.encode(service))  # lists, as TOML has them
