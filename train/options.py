"""Derives command-line options from a settings struct: names, defaults, limits and help come from its fields."""

import argparse
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import inspect

from edge.errors import ConfigError

PLAIN = {inspect.IntType: int, inspect.FloatType: float, inspect.StrType: str}
"""Types whose values argparse converts itself."""

PAIR = 2


def add_options(parser: argparse.ArgumentParser, struct: type[msgspec.Struct], *, title: str) -> None:
    """Add an option `--field-name` for every described field of `struct`, in a group titled `title`.

    Only fields with `Meta(description=...)` become options. Booleans become `--name` and `--no-name`, pairs of numbers
    take two values, literals become choices. The description of an optional field explains what None means. An option
    that the user does not give is absent from the namespace, which `given_options` relies on.
    """
    group = parser.add_argument_group(title)
    info = inspect.type_info(struct)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"expected a struct, found {struct}")
    for field in info.fields:
        kind, description = _described(field.type)
        if description:
            default = "" if field.default is None else f" (default: {_format_default(field.default)})"
            text = f"{description}{default}".replace("%", "%%")
            group.add_argument(
                _option(field.name), dest=field.name, default=argparse.SUPPRESS, help=text, **_arguments_of(kind)
            )


def given_options(options: argparse.Namespace, struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the fields of `struct` that the command line gives, by name."""
    return {name: value for name, value in vars(options).items() if name in struct.__struct_fields__}


def option_error(
    error: msgspec.ValidationError, options: argparse.Namespace, *, names: Mapping[str, str]
) -> ConfigError:
    """Return an error in the user's terms: the option, what it expects, and the given value.

    Args:
        error: from msgspec, for example "Expected `int` >= 1 - at `$.epochs`".
        options: the command line.
        names: setting to option, for those whose names in `options` differ.
    """
    rule, _, place = str(error).replace("`", "").partition(" - at $.")
    setting = place.partition("[")[0]
    name = names.get(setting, setting.rpartition(".")[2])
    found = getattr(options, name, "another")
    return ConfigError(f"{_option(name)}: e{rule[1:]}, found {found}: choose another value")


def _described(kind: inspect.Type) -> tuple[inspect.Type, str]:
    """Split a field's type into the plain type and its description; "" without one."""
    if isinstance(kind, inspect.Metadata):
        return kind.type, (kind.extra_json_schema or {}).get("description", "")
    return kind, ""


def _arguments_of(kind: inspect.Type) -> dict[str, Any]:
    """Return the arguments of `add_argument` for a type; msgspec checks the limits afterwards."""
    match kind:
        case inspect.BoolType():
            return {"action": argparse.BooleanOptionalAction}
        case inspect.LiteralType(values=values):
            return {"choices": values}
        case inspect.TupleType(item_types=items):
            inner = _arguments_of(_described(items[0])[0])
            return {**inner, "nargs": len(items), "metavar": ("FROM", "TO") if len(items) == PAIR else None}
        case inspect.VarTupleType(item_type=item):
            return {**_arguments_of(_described(item)[0]), "nargs": "+"}
        case inspect.UnionType(types=(item, inspect.NoneType())) | inspect.UnionType(types=(inspect.NoneType(), item)):
            return _arguments_of(_described(item)[0])
        case _ if type(kind) in PLAIN:
            return {"type": PLAIN[type(kind)], "metavar": PLAIN[type(kind)].__name__.upper()}
        case _:
            raise TypeError(f"expected a type that a command line can give, found {kind}: remove its description")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _format_default(default: object) -> str:
    if isinstance(default, tuple):
        return " ".join(map(str, default)) or "none"
    return "none" if default in ("", msgspec.NODEFAULT) else str(default)
