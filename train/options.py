"""Makes command-line options of a settings struct: one for each field, with its default, limits and description."""

import argparse
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import inspect

from edge.errors import ConfigError

PLAIN = {inspect.IntType: int, inspect.FloatType: float, inspect.StrType: str}


def add_options(parser: argparse.ArgumentParser, struct: type[msgspec.Struct], *, title: str) -> None:
    """Add `--field-name` for every field of `struct` that a command line can give, in a group of its own.

    A field is described by `Meta(description=...)`; one without a description is no option. Truth values become
    `--name` and `--no-name`, pairs of numbers take two values, literals are choices. The description of one
    that may be None says what None means. A field that is not given does not
    stand in the namespace at all, so that `given_options` can tell.
    """
    group = parser.add_argument_group(title)
    info = inspect.type_info(struct)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"expected a struct, found {struct}")
    for field in info.fields:
        kind, description = _described(field.type)
        if description:
            default = "" if field.default is None else f" (default: {_shown(field.default)})"
            text = f"{description}{default}".replace("%", "%%")
            group.add_argument(
                _option(field.name), dest=field.name, default=argparse.SUPPRESS, help=text, **_take(kind)
            )


def given_options(options: argparse.Namespace, struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the fields of `struct` that the command line gave, by name."""
    return {name: value for name, value in vars(options).items() if name in struct.__struct_fields__}


def option_error(
    error: msgspec.ValidationError, options: argparse.Namespace, *, names: Mapping[str, str]
) -> ConfigError:
    """Return the error for the user: the option, what it expects, what was given.

    Args:
        error: as msgspec raised it, for example "Expected `int` >= 1 - at `$.epochs`".
        options: the command line.
        names: setting to option, as `options` has it, where the two differ.
    """
    rule, _, place = str(error).replace("`", "").partition(" - at $.")
    setting = place.partition("[")[0]
    name = names.get(setting, setting.rpartition(".")[2])
    found = getattr(options, name, "another")
    return ConfigError(f"{_option(name)}: e{rule[1:]}, found {found}: choose another value")


def _described(kind: inspect.Type) -> tuple[inspect.Type, str]:
    if isinstance(kind, inspect.Metadata):
        return kind.type, (kind.extra_json_schema or {}).get("description", "")
    return kind, ""


def _take(kind: inspect.Type) -> dict[str, Any]:
    """Return how argparse takes a value of this type; limits are checked by msgspec, which knows them."""
    match kind:
        case inspect.BoolType():
            return {"action": argparse.BooleanOptionalAction}
        case inspect.LiteralType(values=values):
            return {"choices": values}
        case inspect.TupleType(item_types=items):
            inner = _take(_described(items[0])[0])
            return {**inner, "nargs": len(items), "metavar": ("FROM", "TO") if len(items) == 2 else None}  # noqa: PLR2004
        case inspect.VarTupleType(item_type=item):
            return {**_take(_described(item)[0]), "nargs": "+"}
        case inspect.UnionType(types=(item, inspect.NoneType())) | inspect.UnionType(types=(inspect.NoneType(), item)):
            return _take(_described(item)[0])
        case _ if type(kind) in PLAIN:
            return {"type": PLAIN[type(kind)], "metavar": PLAIN[type(kind)].__name__.upper()}
        case _:
            raise TypeError(f"expected a field that a command line can give, found {kind}: leave out its description")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _shown(default: object) -> str:
    if isinstance(default, tuple):
        return " ".join(map(str, default)) or "none"
    return "none" if default in ("", msgspec.NODEFAULT) else str(default)
