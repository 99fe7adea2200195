"""Whatever a file, a client or a broker sends is accepted, or refused as documented: in one line, soon."""

import logging
import warnings

import pytest

pytest.importorskip("hypothesis", reason="hypothesis is not installed")

from fuzz_inputs import damaged, with_hostile_json, with_hostile_toml
from fuzz_targets import TARGETS
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

OPTIONS = {
    "derandomize": True,
    "database": None,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "phases": (Phase.explicit, Phase.generate),  # a failing input is short already, and shrinking it takes minutes
}

HOSTILE = {
    "manifest": with_hostile_json,
    "run state": with_hostile_json,
    "keras": with_hostile_json,
    "log": with_hostile_json,
    "settings": with_hostile_toml,
}
"""Targets whose inputs are also damaged value by value."""


@pytest.fixture(autouse=True)
def _quiet():
    """Leave out what libraries warn of in damaged files, and the warnings for the user."""
    logging.disable(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


def inputs(target):
    """Return the strategy that draws inputs for a target."""
    contents = target.seeds()
    strategies = [damaged(contents, target.words), damaged(contents, target.words), st.binary(max_size=200)]
    if target.name in HOSTILE:
        strategies += 3 * [HOSTILE[target.name]([content for content in contents if is_text(content)])]
    return st.one_of(strategies)


def is_text(content):
    return all(byte < 0x80 for byte in content)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_any_input_is_accepted_or_refused_as_documented(target, tmp_path):
    """Valid inputs that were damaged, bytes at random, and the valid ones themselves."""
    with target.opened(tmp_path) as try_one:
        for content in target.seeds():
            try_one(content)

        @settings(max_examples=target.examples, **OPTIONS)
        @given(content=inputs(target))
        def try_any(content):
            try_one(content)

        try_any()
