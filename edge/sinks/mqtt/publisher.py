"""Keeps a connection to the broker on its own thread, publishes the spool and the device state, and reconnects.

The thread drives the connection itself, because paho's own loop (`loop_start`) failed the tests: a refused message can
only be retried by disconnecting, which ends that loop, an exception in a callback kills its thread, and `loop_stop`
waits for unacknowledged messages until the keep-alive expires. Its reconnect delay has no jitter and starts over with
each accepted login, so that a fleet would reconnect at the same moment, and a refused reading be sent every second.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from edge.backoff import Backoff
from edge.errors import EdgeError
from edge.sinks.mqtt.broker import BrokerConfig
from edge.sinks.mqtt.connection import Connection, Message
from edge.sinks.mqtt.errors import DuplicateIdError
from edge.sinks.mqtt.spool import Spool
from edge.sinks.mqtt.state import DeviceState
from edge.sinks.mqtt.topics import Topics

log = logging.getLogger(__name__)

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
"""Bounds of the wait between two attempts to connect, s."""

JITTER = 0.5
"""Share of each wait that is random, which spreads the reconnects of many devices after their broker has returned."""

STEADY_S = 60.0
"""A connection that lasted this long resets the back-off, s."""

SLOW_S = 5.0
"""Time without a connection after which an attempt that has not ended is reported, s: looking up the broker's name may
take minutes, or never end."""

STATE_CHECK_S = 2.0
"""How often to check whether a state message is due, s."""

LINGER_S = 2.0
"""How long closing may go on sending spooled messages, s; the rest stays on disk."""

JOIN_S = 4.0
"""How long closing waits for the thread, s."""

IN_FLIGHT = 16
"""Messages sent but not acknowledged at most. A broker may limit them to 20. Source: mosquitto.conf(5)."""


class Publisher:
    """Connects, publishes the spool in order, and reconnects with exponential back-off after a failure.

    Another device with the same id is reported until none was noticed for `STEADY_S`: the two disconnect each other, or
    take turns with the state, and each of them works now and then.

    Args:
        read_broker: returns where to connect, and the credentials; called for each connection, so that a corrected
            password or a renewed certificate is used without a restart. May raise SinkError.
        address: the broker's address, for messages.
        topics: where to publish.
        spool: readings to publish.
        state: builds the messages about the device.
        before_first: called once, before the first connection.
        after_birth: called whenever the device has been announced.
    """

    def __init__(
        self,
        read_broker: Callable[[], BrokerConfig],
        address: str,
        topics: Topics,
        spool: Spool,
        state: DeviceState,
        *,
        before_first: Callable[[], None] = lambda: None,
        after_birth: Callable[[], None] = lambda: None,
    ) -> None:
        self._error = self._last_error = ""
        self._read_broker, self._address = read_broker, address
        self._topics, self._spool, self._state = topics, spool, state
        self._before_first, self._after_birth = before_first, after_birth
        self._duplicate = ""  # the error that names a device with the same id
        self._duplicate_s = float("-inf")  # when it was noticed last
        self._connecting_s: float | None = None  # when the attempt to connect began that has not ended
        self._was_announced = False
        self._ignores_kept_state = True
        self._backoff = Backoff(FIRST_WAIT_S, LONGEST_WAIT_S, jitter=JITTER)
        self._stop = threading.Event()
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._wake_receiver.setblocking(False)
        self._wake_sender.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="mqtt publisher", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # the system has no room for another thread
            self._close_sockets()
            raise

    @property
    def error(self) -> str:
        """Why there is no connection, or no undisturbed one, at the moment; else empty. Any thread may read it."""
        now_s, connecting_s = time.monotonic(), self._connecting_s
        if not self._error and connecting_s is not None and now_s - connecting_s >= SLOW_S:
            return f"no response from {self._address} for {now_s - connecting_s:.0f} s: check its name and the network"
        is_disturbed = now_s - self._duplicate_s < STEADY_S
        return self._error or (self._duplicate if is_disturbed else "")

    def wake(self) -> None:
        """Send new spooled messages now instead of at the next state check."""
        with suppress(BlockingIOError):  # the socket is full of earlier calls
            self._wake_sender.send(b"!")

    def close(self) -> None:
        """Spend up to `LINGER_S` on sending what is spooled, publish `offline`, and disconnect."""
        self._stop.set()
        self.wake()
        self._thread.join(JOIN_S)
        if self._thread.is_alive():  # blocked in name resolution or a driver: as a daemon it ends with the process
            log.warning("mqtt: %s does not respond; unsent readings stay queued", self._address)
            return
        self._close_sockets()

    def _close_sockets(self) -> None:
        self._wake_receiver.close()
        self._wake_sender.close()

    def _run(self) -> None:
        self._attempt(self._before_first)
        while not self._stop.is_set():
            began_s = time.monotonic()
            if not self._attempt(self._connect_and_publish):
                if time.monotonic() - began_s >= STEADY_S:
                    self._backoff.reset()
                    self._last_error = ""
                self._stop.wait(self._backoff.next_s())

    def _attempt(self, action: Callable[[], None]) -> bool:
        """Return whether the action succeeded; report its error."""
        try:
            action()
        except Exception as error:  # noqa: BLE001  # any failure is reported, and the connection retried
            self._report(error)
            return False
        return True

    def _connect_and_publish(self) -> None:
        """Connect, and publish until `close` is called.

        Raises:
            SinkError: there is no connection, or it is lost.
        """
        self._connecting_s = time.monotonic()
        offline = Message(self._topics.availability, b"offline", retain=True)
        with Connection(self._read_broker(), client_id=self._topics.client_id, will=offline) as connection:
            connection.connect()
            # Before the first connection the kept state is our own, from before a restart.
            self._ignores_kept_state = not self._was_announced
            connection.subscribe(self._topics.state)
            if self._topics.discovery:
                connection.subscribe(self._topics.birth)
            self._publish_birth(connection)
            if self._error:
                log.info("mqtt: connected to %s", self._address)
            self._error, self._connecting_s = "", None
            sender = SpoolSender(connection, self._spool, self._topics)
            while not self._stop.is_set():
                if (message := self._state.due_message()) is not None:
                    connection.publish(message)
                self._step(connection, sender, STATE_CHECK_S)
            deadline = time.monotonic() + LINGER_S
            for message in self._state.last_messages():
                connection.publish(message)
            while time.monotonic() < deadline and (sender.has_unacknowledged or self._spool.waiting):
                self._step(connection, sender, LINGER_S)

    def _step(self, connection: Connection, sender: "SpoolSender", timeout_s: float) -> None:
        sender.send()
        connection.step(timeout_s, self._wake_receiver)
        sender.forget_acknowledged()
        self._drain_wake_ups()
        received = connection.received.copy()
        connection.received.clear()
        for message in received:
            if message.topic == self._topics.state:
                self._check_for_duplicate(message)
        if any(message.topic == self._topics.birth and message.payload == b"online" for message in received):
            self._publish_birth(connection)  # Home Assistant has started

    def _publish_birth(self, connection: Connection) -> None:
        for message in self._state.birth_messages():
            connection.publish_and_wait(message)
        self._was_announced = True
        self._after_birth()

    def _check_for_duplicate(self, message: Message) -> None:
        """Report a state that another device has published."""
        if self._state.is_own(message.payload) or (message.retain and self._ignores_kept_state):
            return
        error = DuplicateIdError(self._topics.client_id)
        if not self.error:
            log.warning("mqtt: %s", error)
        self._note_duplicate(error)

    def _note_duplicate(self, error: DuplicateIdError) -> None:
        self._duplicate, self._duplicate_s = str(error), time.monotonic()

    def _drain_wake_ups(self) -> None:
        with suppress(BlockingIOError):
            while self._wake_receiver.recv(4096):
                pass

    def _report(self, error: Exception) -> None:
        kind = "" if isinstance(error, EdgeError) else f"unexpected {type(error).__name__}: "
        text = f"{kind}{error}"
        if text != self._last_error:  # the same error after every attempt would fill the log
            log.warning("mqtt: %s; trying again", text, exc_info=error if log.isEnabledFor(logging.DEBUG) else None)
        self._error = self._last_error = text
        if isinstance(error, DuplicateIdError):
            self._note_duplicate(error)


class SpoolSender:
    """Publishes the spool's messages over one connection, and deletes those that are acknowledged.

    Messages that are fresh go to the topic of the readings, in order. Those that were not when the connection was made
    go to the topic of the backlog, in order as well, whenever no fresh one waits, so that a long backlog delays nothing
    that an automation may act on. Each new connection starts over with everything that is not known to be acknowledged,
    so some messages may arrive twice.

    Args:
        connection: open connection.
        spool: messages to send.
        topics: where to publish.
    """

    def __init__(self, connection: Connection, spool: Spool, topics: Topics) -> None:
        spool.settle()
        self._connection, self._spool, self._topics = connection, spool, topics
        self._backlog_end = self._last_live = spool.fresh_from - 1
        self._last_old = 0
        self._in_flight: dict[int, int] = {}  # message id to the message's number in the spool

    @property
    def has_unacknowledged(self) -> bool:
        """Whether a message was sent and not acknowledged."""
        return bool(self._in_flight)

    def send(self) -> None:
        """Publish the next messages, keeping at most `IN_FLIGHT` unacknowledged."""
        if room := IN_FLIGHT - len(self._in_flight):
            for number, payload in self._spool.after(self._last_live, most=room):
                self._publish(number, payload)
                self._last_live = number
        if self._last_old < self._backlog_end and (room := IN_FLIGHT - len(self._in_flight)):
            backlog = self._spool.after(self._last_old, most=room, last=self._backlog_end)
            for number, payload in backlog:
                self._publish(number, payload)
            self._last_old = backlog[-1][0] if backlog else self._backlog_end

    def forget_acknowledged(self) -> None:
        """Delete acknowledged messages from the spool."""
        acknowledged = self._connection.acknowledged
        self._spool.forget([self._in_flight.pop(known) for known in acknowledged if known in self._in_flight])
        acknowledged.clear()

    def _publish(self, number: int, payload: bytes) -> None:
        is_fresh = number >= self._spool.fresh_from  # a broker that is slow to acknowledge makes messages wait
        topic = self._topics.readings if is_fresh else self._topics.backlog
        self._in_flight[self._connection.publish(Message(topic, payload))] = number
