"""The base class and value types of every section of the settings."""

import functools
import os
from typing import Annotated, get_args, get_type_hints

import msgspec
from msgspec import Meta

Positive = Annotated[float, Meta(gt=0.0)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]

FileName = Annotated[str, Meta(extra={"is_path": True})]
"""The name of a file or folder; `~` at its beginning is the user's home folder."""


class SettingsSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the sections: read-only, and an unknown key is an error."""

    def __post_init__(self) -> None:
        """Replace `~` in every `FileName`, wherever the value comes from."""
        for key in _file_names(type(self)):
            value = getattr(self, key)
            if value.startswith("~"):
                # os.path: unlike Path, it keeps `./~`, and raises nothing for an unknown user.
                msgspec.structs.force_setattr(self, key, os.path.expanduser(value))  # noqa: PTH111


@functools.cache
def _file_names(section: type[SettingsSection]) -> tuple[str, ...]:
    """Return the keys of a section that are file names."""
    hints = get_type_hints(section, include_extras=True)
    return tuple(key for key, hint in hints.items() if any(_is_path(extra) for extra in get_args(hint)[1:]))


def _is_path(annotation: object) -> bool:
    return isinstance(annotation, Meta) and bool((annotation.extra or {}).get("is_path"))
