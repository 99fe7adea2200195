"""The contract of all sinks: the log, the console, displays, the page, MQTT, metrics, a video, a window."""

from typing import Generic, TypeVar

T_contra = TypeVar("T_contra", contravariant=True)


class Sink(Generic[T_contra]):
    """Takes the results of a run, one item at a time, on a thread of its own.

    A subclass sets `name` and overrides `write`; the rest has defaults that suit a sink without resources. The item is
    an `Observation` (all readings of a frame, no pixels), a `FrameWithReadings` (the frame too), or nothing at all for
    a server that only answers requests.

    A constructor only stores its arguments. One thread calls `write`, `poll` and `close`; before them `open` runs, on
    that thread for a supervised sink, else on the thread that builds the run. Once the sink is open, any thread may
    read the properties.

    Attributes:
        name: names the sink's thread, and the sink in messages and metrics.
    """

    name: str = ""

    def open(self) -> None:
        """Acquire what the sink needs. Called once, before the first item; if it raises, it leaves nothing behind.

        Raises:
            SinkError: the sink cannot be used.
        """

    def write(self, item: T_contra, /) -> None:
        """Process the next item.

        Raises:
            SinkError: the item cannot be written or shown.
        """

    def poll(self) -> None:
        """Do what is due without an item; called after every `poll_s` seconds in which none arrived.

        Raises:
            SinkError: a thread of the sink itself has failed.
        """

    def close(self) -> None:
        """Finish open work and release all resources. Called once, after the last item."""

    @property
    def poll_s(self) -> float | None:
        """Time to wait for an item before `poll` is called, s; None to wait for ever."""
        return None

    @property
    def patience_s(self) -> float:
        """Time for which items of a live source may collect in the queue before they are written, s.

        Waking a thread costs more than most sinks spend on an item. An item with something new wakes the sink at once.
        """
        return 0.0

    @property
    def stored(self) -> int:
        """Number of items that the sink stores until it can deliver them."""
        return 0

    @property
    def lost(self) -> int:
        """Number of items that the sink accepted and lost."""
        return 0

    @property
    def error(self) -> str:
        """Why items do not reach their destination at the moment although the sink accepts them; else empty."""
        return ""

    @property
    def note(self) -> str:
        """A short description for the user, such as the sink's address; may be empty."""
        return ""
