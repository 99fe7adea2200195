"""Lists the files of a folder and its subfolders, and accounts for everything that is left out."""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from edge.sources.content import (
    HEAD_BYTES,
    IMAGE_SUFFIXES,
    MOTION_JPEG_SUFFIXES,
    OTHER_PICTURES,
    VIDEO,
    describe_content,
    is_animation,
    picture_format,
)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file or folder that cannot be read.

    Attributes:
        path: Its path.
        reason: What was found.
        kind: The same in a few words, for a count.
    """

    path: Path
    reason: str
    kind: str


@dataclass(slots=True)
class Listing:
    """The files below a folder.

    Attributes:
        files: Regular files, sorted by path; none has been opened yet.
        left_out: Everything else but folders that were searched.
    """

    files: list[Path] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def list_files(root: Path) -> Listing:
    """List the files of a folder and its subfolders; links to files and folders are followed, each folder once."""
    listing = Listing()
    _search(root, listing, set())
    listing.files.sort()
    return listing


def find_images(root: Path) -> list[Path]:
    """Return the files in `root` and its subfolders that are images by content or by name, sorted by path."""
    return [path for path in list_files(root).files if _may_be_image(path)]


def is_image(path: Path) -> bool:
    """Return whether a file is an image, readable or not, rather than a video: by its content, then by its name."""
    suffix = path.suffix.lower()
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return suffix in IMAGE_SUFFIXES
    name = picture_format(head)
    if name is not None:
        is_moving = name == "GIF" or (name == "PNG" and is_animation(head))
        return not is_moving and suffix not in MOTION_JPEG_SUFFIXES
    found = describe_content(head)
    return found in OTHER_PICTURES or (suffix in IMAGE_SUFFIXES and found != VIDEO)


def _may_be_image(path: Path) -> bool:
    """Return whether a file counts as an image of a data set: one that is damaged does as well."""
    return path.suffix.lower() in IMAGE_SUFFIXES or is_image(path)


def _search(folder: Path, listing: Listing, searched: set[tuple[int, int]]) -> None:
    try:
        status = folder.stat()
        if (status.st_dev, status.st_ino) in searched:
            listing.left_out.append(LeftOut(folder, "a link to a folder that is read anyway", "link to a read folder"))
            return
        searched.add((status.st_dev, status.st_ino))
        paths = [Path(folder, name) for name in os.listdir(folder)]  # noqa: PTH208  # iterdir would raise in the loop
    except OSError as error:
        listing.left_out.append(LeftOut(folder, f"a folder that cannot be read: {error.strerror}", "unreadable folder"))
        return
    # Real folders first, so that a link to one of them is the one that is left out.
    for path in sorted(paths, key=lambda path: (path.is_symlink(), path)):
        try:
            mode = path.stat().st_mode
        except OSError as error:
            listing.left_out.append(LeftOut(path, f"a link that leads nowhere: {error.strerror}", "broken link"))
            continue
        if stat.S_ISDIR(mode):
            _search(path, listing, searched)
        elif stat.S_ISREG(mode):
            listing.files.append(path)
        else:
            listing.left_out.append(LeftOut(path, "something that is no regular file", "special file"))
