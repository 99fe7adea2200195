"""Fixtures for the tests of the log."""

import pytest


@pytest.fixture
def log_path(tmp_path):
    return tmp_path / "readings.jsonl"
