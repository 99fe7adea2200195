"""What every source offers."""

from typing import Protocol

from edge.records import Frame


class Source(Protocol):
    """Gives frames, one at a time, to one thread.

    name: what logs and messages call it.
    live: frames arrive whether or not anybody takes them, so that only the newest matters.
    stills: frames are independent pictures, so that nothing may be carried from one to the next.
    skipped: how many inputs could not be read; each was named in a warning.
    """

    name: str
    live: bool
    stills: bool
    skipped: int

    def read(self) -> Frame | None:
        """Wait for the next frame; None when there are no more.

        Raises:
            SourceError: frames can no longer be had.
        """

    def close(self) -> None:
        """Give the device or file back. May be called twice, and from another thread than `read`."""
