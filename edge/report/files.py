"""Finds the files of logs, in the order in which they were written."""

import re
from collections.abc import Iterable
from pathlib import Path

from edge.errors import LogError
from edge.sinks.rotated import PACKED, rotated_files

_NUMBERED = re.compile(r"(?P<stem>.+)\.(?P<number>\d{6,})(?:\.\d{8}T\d{6}Z)?(?P<suffix>\.[^.]+)")
_NEWEST = 1 << 62
_SUFFIXES = (".jsonl", ".jsonl" + PACKED)


def find_logs(paths: Iterable[Path]) -> list[list[Path]]:
    """The files of each log, oldest first. A log brings those along that it was rotated into.

    paths: logs, files that they were rotated into, folders of logs.

    Raises:
        LogError: a folder cannot be read, or has no log.
    """
    logs: dict[Path, dict[int, Path]] = {}
    for path in paths:
        try:
            for named in _in_folder(path) if path.is_dir() else [path]:
                _add(named, logs)
        except OSError as error:
            if isinstance(error, LogError):
                raise
            reason = f"{error.strerror}: the service's log needs sudo"
            raise LogError(f"{path}: expected a log, or a folder of logs, found: {reason}") from error
    return [[files[number] for number in sorted(files)] for files in logs.values()]


def _add(named: Path, logs: dict[Path, dict[int, Path]]) -> None:
    log, number = _split(named)
    files = logs.setdefault(log, {})
    if number == _NEWEST:
        files |= _rotated(log)
    if named.exists() or not files:  # a log that was rotated a moment ago is not there; any other is told missing
        files.setdefault(number, named)


def _split(path: Path) -> tuple[Path, int]:
    """The log that `path` is or once was, and which of its files it is."""
    match = _NUMBERED.fullmatch(path.name.removesuffix(PACKED))
    if match is None:
        return path, _NEWEST
    return path.with_name(match["stem"] + match["suffix"]), int(match["number"])


def _in_folder(folder: Path) -> list[Path]:
    found = sorted({_split(path)[0] for path in folder.iterdir() if path.name.endswith(_SUFFIXES)})
    if not found:
        raise LogError(f"{folder}: expected a folder with a log, *.jsonl, found none: name the log itself")
    return found


def _rotated(log: Path) -> dict[int, Path]:
    try:
        return {file.number: file.path for file in rotated_files(log)}
    except OSError:
        return {}  # of a folder that may be entered, but not listed
