"""What every sink offers."""

from typing import Protocol

from edge.records import Observation


class Sink(Protocol):
    """Takes observations, one at a time, on a thread of its own.

    name: what its thread and messages call it.
    """

    name: str

    def write(self, observation: Observation) -> None:
        """Take the newest observation.

        Raises:
            SinkError: it cannot be written.
        """

    def close(self) -> None:
        """Finish what was begun and give everything back. Called once, after the last `write`."""
