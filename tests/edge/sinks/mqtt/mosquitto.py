"""A real Mosquitto broker that a test starts and stops, and a client that records what is published."""

import json
import os
import shutil
import socket
import subprocess
import threading
from contextlib import suppress

from ports import free_port
from waiting import wait_for

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
PASSWD = shutil.which("mosquitto_passwd")


class Mosquitto:
    """A broker on a free port of the loopback interface.

    Its state is in memory, so that it has forgotten everything after `stop`, unless `settings` enable persistence.

    Args:
        folder: where its configuration and its log are written.
        settings: lines of its configuration.
    """

    def __init__(self, folder, *settings):
        self.port = free_port()
        self._config = folder / f"mosquitto-{self.port}.conf"
        if not any(line.startswith(("allow_anonymous", "require_certificate")) for line in settings):
            settings = ("allow_anonymous true", *settings)
        if os.geteuid() == 0:  # by default it drops root's rights, and could not read the test's files
            settings = ("user root", *settings)
        lines = [f"listener {self.port} 127.0.0.1", *settings]
        self._config.write_text("\n".join(lines) + "\n")
        self._log_path = folder / f"mosquitto-{self.port}.log"
        self._log = self._log_path.open("ab")
        self._process = None

    def start(self):
        self._process = subprocess.Popen(  # noqa: S603  # a fixed program with the test's own arguments
            [MOSQUITTO, "-v", "-c", self._config], stdout=self._log, stderr=self._log
        )
        wait_for(self._accepts_connections)
        return self

    def stop(self):
        while self._process is not None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):  # it ignores a signal that arrives while it starts
                self._process.wait(1.0)
                self._process = None

    def read_log(self):
        return self._log_path.read_text()

    def close(self):
        self.stop()
        self._log.close()

    def _accepts_connections(self):
        assert self._process.poll() is None, f"mosquitto has ended: {self._config}"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Listener:
    """A client that subscribes to a topic and records the messages.

    Args:
        port: the broker's port.
        name: client id.
        topic: topic filter to subscribe to.
        user: user name, which is the password too; None logs in without one.
        options: further arguments of paho's client.

    Attributes:
        messages: (topic, payload as text, retained), in order of arrival.
        expiries: for each message the time until the broker deletes it, s; None for never.
    """

    def __init__(self, port, *, name="listener", topic="#", user=None, **options):
        from paho.mqtt.client import Client  # noqa: PLC0415  # test modules import this one before they check for paho
        from paho.mqtt.enums import CallbackAPIVersion  # noqa: PLC0415  # test modules import this one before they check

        self.messages, self.expiries = [], []
        self._subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=name, **options)
        self._client.username_pw_set(user, user)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._record
        self._client.reconnect_delay_set(min_delay=1, max_delay=2)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        wait_for(self._subscribed.is_set)

    def _record(self, _, __, message):
        self.expiries.append(getattr(message.properties, "MessageExpiryInterval", None))
        self.messages.append((message.topic, message.payload.decode(), message.retain))

    def payloads(self, suffix):
        """Return the payloads of all messages whose topic ends with `suffix`."""
        return [payload for topic, payload, _ in list(self.messages) if topic.endswith(suffix)]

    def readings(self):
        """Return all readings: fresh ones, and the backlog after an outage."""
        return [json.loads(text) for topic, text, _ in list(self.messages) if topic.endswith(("/reading", "/backlog"))]

    def states(self):
        return [json.loads(payload) for payload in self.payloads("/state")]

    def publish(self, topic, payload, *, retain=False):
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(60)

    def close(self):
        """Disconnect; may be called twice."""
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()
            # paho closes its last sockets when the client is freed: without these references that is now.
            client.on_connect = client.on_subscribe = client.on_message = None
