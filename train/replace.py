"""Replaces a file whole, or leaves the old one as it is."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from edge.errors import SinkError


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make the new content of `path` in a file beside it, then put that in its place at once.

    Args:
        path: what is replaced. Whoever reads it finds the old content or the new, never a part.
        write: is given the path to write to, with the ending of `path`.

    Raises:
        SinkError: it cannot be written, for want of room or of permission; the old content stays.
    """
    partial = path.with_name(f"partial.{path.name}")
    try:
        write(partial)
        partial.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SinkError(
            f"{path}: expected room and permission to write, found '{reason}': the last finished epoch is kept; "
            "make room or choose another --out, then go on with --resume"
        ) from error
    finally:
        with suppress(OSError):  # there was nothing to leave behind
            partial.unlink()
