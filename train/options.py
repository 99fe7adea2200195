"""Says which command-line option holds a value that cannot be."""

import argparse
from collections.abc import Mapping

import msgspec

from edge.errors import ConfigError


def option_error(
    error: msgspec.ValidationError, options: argparse.Namespace, *, names: Mapping[str, str]
) -> ConfigError:
    """Return the error for the user: the option, what it expects, what was given.

    Args:
        error: as msgspec raised it, for example "Expected `int` >= 1 - at `$.epochs`".
        options: the command line.
        names: setting to option, as `options` has it, where the two differ.
    """
    rule, _, setting = str(error).replace("`", "").partition(" - at $.")
    name = names.get(setting, setting)
    found = getattr(options, name, "another")
    return ConfigError(f"--{name.replace('_', '-')}: e{rule[1:]}, found {found}: choose another value")
