"""Reads settings from TOML; command-line options go over them."""

import difflib
import re
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from edge.errors import ConfigError
from edge.section import Section
from edge.settings import PROFILES, Settings

S = TypeVar("S", bound=Section)


def read_settings(path: Path) -> Settings:
    """Read settings from a TOML file.

    Raises:
        ConfigError: the file cannot be read, is no TOML, or has an unknown key or an impossible value; the message
            names file, key and, for an unknown key, the nearest valid one.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: expected a readable TOML file, found: {error.strerror}") from error
    try:
        table = msgspec.toml.decode(content)
        return msgspec.convert(_with_profile(table), type=Settings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {_explain(error)}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: this is no TOML: {error}") from error


def _with_profile(table: dict[str, Any]) -> dict[str, Any]:
    """Lay the file's keys over those that its profile sets; what is wrong in them is found later."""
    merged = dict(table)
    for section, values in PROFILES.get(str(table.get("profile", "balanced")), {}).items():
        given = table.get(section, {})
        if isinstance(given, dict):
            merged[section] = values | given
    return merged


def override(section: S, **options: Any) -> S:  # noqa: ANN401  # each option is checked against its field's type here
    """Return `section` with the options that are not None, checked like the file's.

    Raises:
        ConfigError: an option's value is impossible.
    """
    given = {name: value for name, value in options.items() if value is not None}
    try:
        return msgspec.convert(msgspec.structs.asdict(section) | given, type=type(section))
    except msgspec.ValidationError as error:
        raise ConfigError(f"command line: {_explain(error, type(section))}") from error


def _explain(error: msgspec.ValidationError, kind: type[Section] = Settings) -> str:
    """Turn msgspec's sentence into one that names the key as TOML writes it, and what would be valid.

    kind: what was read.
    """
    sentence, _, place = str(error).partition(" - at `$")
    key = place.rstrip("`").lstrip(".")
    unknown = re.match(r"Object contains unknown field `(.+)`", sentence)
    if unknown is None:
        return f"{key or 'the file'}: {sentence[0].lower()}{sentence[1:]}{_choices(kind, key)}"
    valid = _fields_at(key)
    nearest = difflib.get_close_matches(unknown[1], valid, n=1, cutoff=0.0)
    name = f"{key}.{unknown[1]}" if key else unknown[1]
    return f"{name}: unknown key: did you mean {nearest[0]}? Valid are {', '.join(valid)}"


def _choices(kind: type[Section], key: str) -> str:
    """Say what a key may be, where it has but a few values."""
    *sections, name = key.split(".")
    for section in sections:
        kind = get_type_hints(kind)[section]
    hint = get_type_hints(kind).get(name)
    return f": expected one of {', '.join(map(repr, get_args(hint)))}" if get_origin(hint) is Literal else ""


def _fields_at(key: str) -> list[str]:
    section = getattr(Settings(), key) if key else Settings()
    return list(section.__struct_fields__)
