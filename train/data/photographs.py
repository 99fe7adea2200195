"""Lists labelled photographs: in folders by emotion, or in a table of names and labels."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edge.device.files import read_limited
from edge.errors import MediaError, printable
from edge.labels import EMOTIONS
from edge.sources.folder import find_images
from train.data.classes import EMOTION_LIST, emotion_of

COLUMNS = {
    "name": ("name", "file", "filename", "image", "path"),
    "label": ("label", "emotion", "expression"),
    "person": ("person", "subject", "identity"),
}
"""Columns of a table, each with the headings by which it is recognized, in lower case."""

MAX_TABLE_BYTES = 64 << 20
"""Largest table that is read, bytes."""

MOST_REASONS = 10
"""Reasons that are listed; a table with a wrong column would give one for each row."""


@dataclass(frozen=True, slots=True)
class Photograph:
    """A labelled photograph.

    Attributes:
        path: of the file.
        name: its path below the folder.
        code: index of its emotion in `EMOTIONS`.
        person: who is on it; equal for all photographs of a person.
    """

    path: Path
    name: str
    code: int
    person: str


@dataclass(slots=True)
class Skipped:
    """Counts what was left out.

    Attributes:
        counts: number of photographs by reason.
        examples: name of the first one, by reason.
    """

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, reason: str, name: str) -> None:
        """Count a photograph."""
        self.counts[reason] += 1
        self.examples.setdefault(reason, printable(name))

    def lines(self) -> list[str]:
        """Return a line for each of the most frequent reasons, and one for all others."""
        lines = [
            f"skipped {count}: {reason} ({'' if count == 1 else 'such as '}{self.examples[reason]})"
            for reason, count in self.counts.most_common(MOST_REASONS)
        ]
        rest = self.counts.total() - sum(count for _, count in self.counts.most_common(MOST_REASONS))
        return [*lines, f"skipped {rest}: other reasons"] if rest else lines


def list_photographs(
    folder: Path, table: Path | None, person: re.Pattern[str] | None
) -> tuple[list[Photograph], Skipped]:
    """List the photographs in `folder` that have one of our labels, sorted by name.

    Args:
        folder: holds the photographs. Without a table, the label is the name of the nearest folder around a photograph
            that names an emotion.
        table: CSV with the columns name (below `folder`), label, and optionally person.
        person: finds the person in a photograph's name: the first group, or else the whole match. By default the
            table names persons; without it, each photograph shows a person of its own.

    Raises:
        MediaError: folder or table cannot be read, or no photograph has a label.
    """
    if not folder.is_dir():
        raise MediaError(f"{folder}: expected a folder of photographs, found none")
    skipped = Skipped()
    seen: set[str] = set()
    photographs = []
    for name, label, who in _read_table(table) if table else _walk(folder):
        emotion = emotion_of(label)
        if emotion is None:
            skipped.add(f"the label {label!r} is none of {EMOTION_LIST}", name)
        elif name in seen:
            skipped.add("listed twice: the first label counts", name)
        else:
            seen.add(name)
            photographs.append(Photograph(folder / name, name, EMOTIONS.index(emotion), _person(name, who, person)))
    if not photographs:
        reasons = "".join(f"; {line}" for line in skipped.lines())
        raise MediaError(
            f"{table or folder}: expected photographs labelled {EMOTION_LIST}, found none: name their folder or write "
            f"a table{reasons}"
        )
    return sorted(photographs, key=lambda photograph: photograph.name), skipped


def _walk(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yield name, label and "" for each image; the label is "" if no folder around it names an emotion."""
    for path in find_images(folder):
        name = path.relative_to(folder)
        around = (part for part in reversed(name.parent.parts) if emotion_of(part) is not None)
        yield name.as_posix(), next(around, name.parent.name), ""


def _read_table(table: Path) -> Iterator[tuple[str, str, str]]:
    """Yield name, label and person of each row; person is "" if there is no such column.

    Raises:
        MediaError: the table cannot be read, or lacks a column.
    """
    try:
        text = read_limited(table, MAX_TABLE_BYTES).decode("utf-8-sig")
        rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        heading = [cell.strip().casefold() for cell in next(rows, [])]
        name, label, person = (
            next((heading.index(title) for title in titles if title in heading), None) for titles in COLUMNS.values()
        )
        if name is None or label is None:
            raise MediaError(
                f"{table}: expected a heading with the columns name and label, found "
                f"{', '.join(heading[:6]) or 'none'}: add it"
            )
        for row in rows:
            yield _cell(row, name), _cell(row, label), _cell(row, person)
    except OSError as error:
        raise MediaError(f"{table}: expected a table of names and labels, found: {error.strerror}") from error
    except (csv.Error, ValueError) as error:
        raise MediaError(f"{table}: expected a CSV file in UTF-8, found: {error}: save it as such") from error


def _cell(row: list[str], place: int | None) -> str:
    return row[place].strip() if place is not None and place < len(row) else ""


def _person(name: str, who: str, pattern: re.Pattern[str] | None) -> str:
    found = pattern.search(name) if pattern else None
    if found:
        return found.group(1 if found.re.groups else 0) or name
    return who or name
