"""Sends the spool's messages over a connection, in order."""

from edge.sinks.mqtt.session import Message, Session
from edge.sinks.mqtt.spool import Spool

IN_FLIGHT = 16
"""Messages sent and not acknowledged. A broker may allow no more than 20. Source: mosquitto.conf(5)."""


class Delivery:
    """Hands a spool's messages to one session, and has those forgotten that have arrived.

    A new session begins with the oldest that is not known to have arrived, so that some may arrive twice.
    """

    def __init__(self, session: Session, spool: Spool, topic: str) -> None:
        spool.settle()
        self._session, self._spool, self._topic = session, spool, topic
        self._sent = 0
        self._flying: dict[int, int] = {}

    @property
    def waits(self) -> bool:
        """Whether something sent has not arrived."""
        return bool(self._flying)

    def send(self) -> None:
        """Send the next messages."""
        room = IN_FLIGHT - len(self._flying)
        for number, payload in self._spool.after(self._sent, most=room) if room else ():
            self._flying[self._session.publish(Message(self._topic, payload))] = number
            self._sent = number

    def confirm(self) -> None:
        """Have forgotten what has arrived."""
        arrived = [self._flying.pop(known) for known in self._session.acknowledged if known in self._flying]
        self._session.acknowledged.clear()
        self._spool.forget(arrived)
