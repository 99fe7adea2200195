"""Reads the settings from a TOML file, and applies command-line options over them."""

import codecs
import difflib
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from edge.device.files import read_limited
from edge.errors import ConfigError, redact
from edge.settings.base import SettingsSection
from edge.settings.schema import PROFILES, Settings

log = logging.getLogger(__name__)

S = TypeVar("S", bound=SettingsSection)

MAX_BYTES = 1 << 20
"""Largest file of settings that is read, bytes."""

MAX_DOTS = 200
"""Most dots in a line of a file of settings: reading a key takes time with the square of its dotted parts."""

RENAMED = {"name": "classify"}
"""Old name of a section to its present one. The old name is still read, with a warning."""


def read_settings(path: Path) -> Settings:
    """Read the settings from a TOML file; a section's old name is read as well, with a warning.

    Raises:
        ConfigError: the file cannot be read, is not TOML, has an unknown key or an invalid value, or has a section
            under both its old and its new name. The message names the file, the key and, for an unknown key, the
            nearest valid one.
    """
    try:
        content = read_limited(path, MAX_BYTES)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path}: expected a readable TOML file, found: {reason}") from error
    try:
        table = _with_profile(_with_new_names(msgspec.toml.decode(_decode(content)), path))
    except (msgspec.DecodeError, ValueError, RecursionError) as error:  # ValueError: a number with too many digits
        raise ConfigError(f"{path}: this is no TOML: {error}") from error
    try:
        return msgspec.convert(table, type=Settings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {_explain(error, table)}") from error


def _decode(content: bytes) -> str:
    """Return the text of a file; a byte order mark, as Windows' editors write it, tells the encoding.

    Raises:
        ValueError: it is no text in that encoding, or a line has more dots than a key may have.
    """
    marks = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
    text = content.decode(next((name for mark, name in marks.items() if content.startswith(mark)), "utf-8"))
    for number, line in enumerate(text.split("\n"), start=1):
        if (dots := line.count(".")) > MAX_DOTS:
            raise ValueError(f"expected at most {MAX_DOTS} dots in a line, found {dots} in line {number}")
    return text


def make_settings(sections: Mapping[str, Mapping[str, object] | None], *, base: Path | None = None) -> Settings:
    """Return settings with these keys, from Python code.

    Args:
        sections: section to some of its keys; a key or section that is None is left as it is.
        base: a TOML file with the other keys; None for the defaults.

    Raises:
        ConfigError: see `read_settings`.
    """
    settings = read_settings(base) if base else Settings()
    table = msgspec.structs.asdict(settings)
    for name, keys in sections.items():
        if not isinstance(keys, Mapping | None):
            raise ConfigError(f"settings: {name}: expected a dict of keys and values, found {keys!r}")
        given = {key: value for key, value in (keys or {}).items() if value is not None}
        table[name] = msgspec.structs.asdict(table[name]) | given
    try:
        return msgspec.convert(table, type=Settings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"settings: {_explain(error, table)}") from error


def _with_new_names(table: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return the table with every renamed section under its present name."""
    for old, new in RENAMED.items():
        if old in table and new in table:
            raise ConfigError(
                f"{path}: {old}: expected [{new}] alone, found its old name [{old}] as well: remove [{old}]"
            )
        if old in table:
            log.warning("%s: [%s] is now called [%s]: rename the section; the old name is still read", path, old, new)
    return {RENAMED.get(name, name): value for name, value in table.items()}


def _with_profile(table: dict[str, Any]) -> dict[str, Any]:
    """Return the profile's values with the file's keys over them; they are validated later."""
    merged = dict(table)
    for section, values in PROFILES.get(str(table.get("profile", "balanced")), {}).items():
        given = table.get(section, {})
        if isinstance(given, dict):
            merged[section] = values | given
    return merged


def override(section: S, **options: Any) -> S:  # noqa: ANN401  # each option is validated against its field's type here
    """Return `section` with every option that is not None, validated like the file's values.

    Raises:
        ConfigError: an option's value is invalid.
    """
    given = {name: value for name, value in options.items() if value is not None}
    table = msgspec.structs.asdict(section) | given
    try:
        return msgspec.convert(table, type=type(section))
    except msgspec.ValidationError as error:
        raise ConfigError(f"command line: {_explain(error, table, type(section))}") from error


def _explain(error: msgspec.ValidationError, table: object, kind: type[SettingsSection] = Settings) -> str:
    """Turn msgspec's message into one that names the key as TOML writes it, and the valid keys or values.

    Args:
        error: what msgspec raised.
        table: what was being converted.
        kind: the type that it was being converted to.
    """
    sentence, _, place = str(error).partition(" - at `$")
    key = place.rstrip("`").lstrip(".").removesuffix("[...]")  # the values of a table share their key
    unknown = re.match(r"Object contains unknown field `(.+)`", sentence)
    if unknown is None:
        choices = _choices(kind, key)
        found = "" if "found" in sentence or choices else _found(table, place.rstrip("`"))
        return f"{key or 'the file'}: {sentence[0].lower()}{sentence[1:]}{choices}{found}"
    name = f"{key}.{unknown[1]}" if key else unknown[1]
    return f"{name}: unknown key{_suggestion(unknown[1], key)}"


def _suggestion(unknown: str, section: str) -> str:
    """Return which key was probably meant, if one is near, and the valid ones.

    Args:
        unknown: the unknown key.
        section: the section that it stands in; empty for the top level.
    """
    valid = _fields_at(section)
    nearest = difflib.get_close_matches(unknown.casefold(), valid, n=1, cutoff=_NEAR)
    elsewhere = [name for name in _fields_at("") if name != section and unknown in _fields_at(name)]
    meant = f": did you mean {nearest[0]}?" if nearest else ""
    if not nearest and elsewhere:
        meant = f": it is a key of {' and '.join(f'[{name}]' for name in elsewhere)}."
    return f"{meant or ':'} Valid are {', '.join(valid)}"


_NEAR = 0.7
"""Similarity from which a key is suggested for a misspelt one, 0 to 1."""


def _found(table: object, place: str) -> str:
    """Return the value at a place in msgspec's notation, such as `.source.crop[0]`, for a message; empty if unknown."""
    value = table
    for key, index in re.findall(r"\.([^.\[]+)|\[(\d+)\]", place):
        if isinstance(value, msgspec.Struct):
            value = msgspec.structs.asdict(value)
        try:
            value = value[key or int(index)]  # type: ignore[index]  # checked by trying
        except (KeyError, IndexError, TypeError):
            return ""
    if not isinstance(value, str | int | float | list | tuple):
        return ""
    try:
        shown = repr(value)
    except ValueError:  # a number with too many digits
        return ""
    return f", found {shorten(redact(shown), _SHOWN)}"


_SHOWN = 60
"""Length to which a wrong value is shortened in a message."""


def _choices(kind: type[SettingsSection], key: str) -> str:
    """List the valid values of a key that has only a few; empty for any other key."""
    *sections, name = key.split(".")
    for section in sections:
        kind = get_type_hints(kind)[section]
    hint = get_type_hints(kind).get(name)
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    values = [value for option in options if get_origin(option) is Literal for value in get_args(option)]
    words = [repr(value) for value in values if value is not None]  # TOML cannot say None
    if any(get_origin(option) is dict for option in options):
        words.append("a table of numbers")
    return f": expected one of {', '.join(words)}" if words else ""


def _fields_at(key: str) -> list[str]:
    section = getattr(Settings(), key) if key else Settings()
    return list(getattr(section, "__struct_fields__", ()))
