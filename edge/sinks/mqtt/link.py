"""Keeps a connection to the broker, and sends what waits, on a thread of its own."""

import logging
import random
import socket
import threading
import time
from contextlib import suppress
from typing import Protocol

from edge.errors import EdgeError
from edge.sinks.mqtt.broker import Broker
from edge.sinks.mqtt.delivery import Delivery
from edge.sinks.mqtt.session import Message, Session
from edge.sinks.mqtt.spool import Spool
from edge.sinks.mqtt.topics import Topics

log = logging.getLogger(__name__)

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
"""Between two tries; the wait doubles with each in vain, and is shortened by chance by up to a half, so that many
devices do not come all at once when their broker is there again."""

STEADY_S = 60.0
"""A connection that lasted this long was well: the next wait begins with the shortest again."""

LOOK_S = 2.0
"""How often it is looked whether there is a new state, s."""

LINGER_S = 2.0
"""At the end, what waits is sent for this long, s; the rest stays on disk."""

JOIN_S = 4.0


class Presence(Protocol):
    """What a broker is told beside the readings; the newest counts."""

    def greeting(self) -> list[Message]:
        """What is told whenever the broker, or Home Assistant, is there again."""

    def news(self) -> Message | None:
        """The state, where it is due."""


class Link:
    """Connects, sends the spool's messages in order, and begins anew after a fault.

    error: why there is no connection at the moment, else empty. Any thread may ask.
    """

    def __init__(self, broker: Broker, topics: Topics, spool: Spool, presence: Presence) -> None:
        self.error = self._told = ""
        self._broker, self._topics, self._spool, self._presence = broker, topics, spool, presence
        self._wait_s = FIRST_WAIT_S
        self._stop = threading.Event()
        self._bell, self._button = socket.socketpair()
        self._bell.setblocking(False)
        self._button.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="mqtt link", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something new in the spool."""
        with suppress(BlockingIOError):  # it is full of earlier calls
            self._button.send(b"!")

    def close(self) -> None:
        """Send what waits, if that is soon done, and take leave of the broker."""
        self._stop.set()
        self.wake()
        self._thread.join(JOIN_S)
        if self._thread.is_alive():  # in a name server's or a driver's hands: it ends with the process
            log.warning("mqtt: %s does not answer; readings that wait are kept", self._broker.address)
            return
        self._bell.close()
        self._button.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            began_s = time.monotonic()
            try:
                self._serve()
            except Exception as error:  # noqa: BLE001  # whatever it is, it is told, and tried again
                if time.monotonic() - began_s >= STEADY_S:
                    self._wait_s, self._told = FIRST_WAIT_S, ""
                self._tell(error)
                self._stop.wait(self._wait_s * random.uniform(0.5, 1.0))  # noqa: S311  # no secret
                self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)

    def _serve(self) -> None:
        """Be connected, until told to stop.

        Raises:
            SinkError: there is no connection.
        """
        farewell = Message(self._topics.availability, b"offline", retain=True)
        with Session(self._broker, client_id=self._topics.client_id, will=farewell) as session:
            session.connect()
            if self._topics.discovery:
                session.subscribe(self._topics.birth)
            self._greet(session)
            if self.error:
                log.info("mqtt: connected to %s", self._broker.address)
            self.error = ""
            delivery = Delivery(session, self._spool, self._topics.readings)
            while not self._stop.is_set():
                self._turn(session, delivery, LOOK_S)
            deadline = time.monotonic() + LINGER_S
            session.publish(farewell)
            while time.monotonic() < deadline and (delivery.waits or self._spool.waiting):
                self._turn(session, delivery, LINGER_S)

    def _turn(self, session: Session, delivery: Delivery, timeout_s: float) -> None:
        delivery.send()
        if (news := self._presence.news()) is not None:
            session.publish(news)
        session.step(timeout_s, self._bell)
        delivery.confirm()
        self._hush()
        if "online" in session.heard:  # Home Assistant has started
            self._greet(session)
        session.heard.clear()

    def _greet(self, session: Session) -> None:
        for message in self._presence.greeting():
            session.tell(message)

    def _hush(self) -> None:
        with suppress(BlockingIOError):
            while self._bell.recv(4096):
                pass

    def _tell(self, error: Exception) -> None:
        kind = "" if isinstance(error, EdgeError) else f"unexpected {type(error).__name__}: "
        fault = f"{kind}{error}"
        if fault != self._told:  # the same again every minute would fill the log
            log.warning("mqtt: %s; trying again", fault, exc_info=error if log.isEnabledFor(logging.DEBUG) else None)
        self.error = self._told = fault
