"""What every sink offers."""

from typing import Protocol, TypeAlias, TypeVar

from edge.records import Observation, Shown

T_contra = TypeVar("T_contra", contravariant=True)


class Taker(Protocol[T_contra]):
    """Takes what the pipeline says, an item at a time, on a thread of its own.

    One that need not be woken for each item of a camera says so: `edge.runtime.guard.Patient`.

    name: what its thread and messages call it.
    """

    name: str

    def write(self, item: T_contra, /) -> None:
        """Take the newest item.

        Raises:
            SinkError: it cannot be written or shown.
        """

    def close(self) -> None:
        """Finish what was begun and give everything back. Called once, after the last `write`."""


Sink: TypeAlias = Taker[Observation]
"""Takes readings, and never sees a pixel."""

Viewer: TypeAlias = Taker[Shown]
"""Takes pictures with their readings."""
