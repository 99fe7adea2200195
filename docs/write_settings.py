"""Writes docs/settings.md from the descriptions of the settings: `python docs/write_settings.py`.

A test holds the page equal to the settings.
"""

import inspect
import re
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect as types

from edge.settings.base import SettingsSection
from edge.settings.schema import PROFILES, Settings

PAGE = Path(__file__).with_name("settings.md")

HEAD = """\
# Settings

<!-- Written by docs/write_settings.py from edge/settings: change the descriptions there. -->

Settings are TOML, read with `edge-emotion run --config edge.toml`, by the service from `/etc/edge-emotion/edge.toml`. A
key that is left out keeps its default. An unknown key or a value out of range is an error that names the valid ones. In
Python, sections are arguments of [`EmotionReader`](python.md). The service's own file,
[edge.toml](../systemd/edge.toml), explains the keys that most users change.

The sections: {sections}.
"""


_WORDS: dict[type[types.Type], str] = {
    types.BoolType: "`true`, `false`",
    types.StrType: "text",
    types.DictType: "table",
    types.NoneType: "",
}
"""The valid values of types without limits, in words."""


def settings_page() -> str:
    """Return the page as Markdown."""
    settings = Settings()
    sections = {
        name: section
        for name in settings.__struct_fields__
        if isinstance(section := getattr(settings, name), SettingsSection)
    }
    links = ", ".join(f"[{name}](#{name})" for name in sections)
    parts = [HEAD.format(sections=links), _profiles(settings)]
    parts += [_section(name, section) for name, section in sections.items()]
    return "\n".join(parts)


def _profiles(settings: Settings) -> str:
    keys = sorted({(section, key) for values in PROFILES.values() for section in values for key in values[section]})
    rows = [
        f"| `{section}.{key}` | "
        + " | ".join(
            _toml(PROFILES[name].get(section, {}).get(key, getattr(getattr(settings, section), key)))
            for name in PROFILES
        )
        + " |"
        for section, key in keys
    ]
    names = " | ".join(f"`{name}`" for name in PROFILES)
    return "\n".join(
        [
            "## profile",
            "",
            'The line `profile = "low-power"`, before all sections, replaces defaults of [schedule] and [classify]'
            " together: for a battery, for most uses (`balanced`, the default), or for the fastest response.",
            "",
            f"| key | {names} |",
            "|---|" + "--:|" * len(PROFILES),
            *rows,
            "",
        ]
    )


def _section(name: str, section: SettingsSection) -> str:
    meanings = _descriptions(type(section))
    lines = [f"## {name}", "", _summary(type(section)), "", "| key | default | values | meaning |", "|---|---|---|---|"]
    info = types.type_info(type(section))
    assert isinstance(info, types.StructType)  # noqa: S101  # every section is one
    for field in info.fields:
        default = getattr(section, field.name)
        lines.append(f"| `{field.name}` | {_toml(default)} | {_values(field.type)} | {_cell(meanings[field.name])} |")
    return "\n".join([*lines, ""])


def _summary(kind: type[SettingsSection]) -> str:
    """Return the first paragraph of the section's description, without the section's name."""
    text = inspect.getdoc(kind) or ""
    paragraph = " ".join(text.split("\n\n")[0].split())
    return re.sub(r"^\[\w+\] ", "", paragraph)


def _descriptions(kind: type[SettingsSection]) -> dict[str, str]:
    """Return the meaning of each key, from the attributes that the section's description lists."""
    text = inspect.getdoc(kind) or ""
    listed = text.partition("Attributes:\n")[2]
    entries = re.findall(r"^    (\w[\w, ]*): (.*(?:\n {8}.*)*)", listed, flags=re.MULTILINE)
    return {key: " ".join(meaning.split()) for keys, meaning in entries for key in keys.split(", ")}


def _values(kind: types.Type) -> str:
    """Return the valid values in words."""
    match kind:
        case types.LiteralType(values=values):
            return ", ".join(_toml(value) for value in values if value is not None)
        case types.UnionType(types=options):
            return ", ".join(filter(None, map(_values, options)))
        case types.IntType() | types.FloatType():
            noun = "whole number" if isinstance(kind, types.IntType) else "number"
            return f"{noun}{_range(kind)}"
        case types.Metadata(type=inner):
            return _values(inner)
        case types.VarTupleType(item_type=item):
            return f"list of {_values(item)}{'s' if isinstance(item, types.IntType | types.StrType) else ''}"
    return _WORDS[type(kind)]


def _range(kind: types.IntType | types.FloatType) -> str:
    low = _number(kind.ge) if kind.ge is not None else f"above {_number(kind.gt)}" if kind.gt is not None else None
    high = _number(kind.le) if kind.le is not None else None
    if low and high:
        return f", {low} to {high}"
    return f", {low}" + ("" if low.startswith("above") else " or more") if low else ""


def _number(value: float | None) -> str:
    return f"{value:,}".removesuffix(".0").replace(",", " ") if value is not None else ""


def _toml(value: Any) -> str:  # noqa: ANN401  # any value of a setting
    if value is None:
        return "unset"
    return f"`{msgspec.json.encode(value).decode()}`"  # the same in TOML for what settings hold


def _cell(text: str) -> str:
    """Return the text as a sentence that cannot end the table's cell."""
    text = text.rstrip(".").replace("|", "\\|").replace("[", "\\[")
    return text[0].upper() + text[1:]


if __name__ == "__main__":
    PAGE.write_text(settings_page())
