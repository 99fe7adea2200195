"""A real broker that a test starts, stops and starts again, and a client that listens."""

import json
import os
import shutil
import socket
import subprocess
import threading
import time

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
PASSWD = shutil.which("mosquitto_passwd")


def wait_for(condition, *, limit_s=20.0):
    """Wait until it is true."""
    deadline = time.monotonic() + limit_s
    while not (answer := condition()):
        assert time.monotonic() < deadline, "it never came true"
        threading.Event().wait(0.02)
    return answer


def free_port():
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return line.getsockname()[1]


class Mosquitto:
    """A broker on a free port of loopback.

    settings: lines of its configuration. What it keeps is in memory: after `stop` it knows nothing, unless there are
    lines that let it keep what it knows in a file.
    """

    def __init__(self, folder, *settings):
        self.port = free_port()
        self._config = folder / f"mosquitto-{self.port}.conf"
        if not any(line.startswith(("allow_anonymous", "require_certificate")) for line in settings):
            settings = ("allow_anonymous true", *settings)
        if os.geteuid() == 0:  # else it would take another user's rights, and not read the test's files
            settings = ("user root", *settings)
        lines = [f"listener {self.port} 127.0.0.1", *settings]
        self._config.write_text("\n".join(lines) + "\n")
        self._log = (folder / f"mosquitto-{self.port}.log").open("ab")
        self._process = None

    def start(self):
        self._process = subprocess.Popen(  # noqa: S603  # ours
            [MOSQUITTO, "-v", "-c", self._config], stdout=self._log, stderr=self._log
        )
        wait_for(self._answers)
        return self

    def stop(self):
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def close(self):
        self.stop()
        self._log.close()

    def _answers(self):
        assert self._process.poll() is None, f"mosquitto has ended: {self._config}"
        with socket.socket() as line:
            return line.connect_ex(("127.0.0.1", self.port)) == 0


class Listener:
    """Hears everything on the broker. messages: (topic, payload as text, retained), in order.

    user: whose password is the same word.
    """

    def __init__(self, port, *, name="listener", topic="#", user=None, **options):
        from paho.mqtt.client import Client  # noqa: PLC0415  # the modules skip where it is missing
        from paho.mqtt.enums import CallbackAPIVersion  # noqa: PLC0415  # as above

        self.messages = []
        self._subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=name, **options)
        self._client.username_pw_set(user, user)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._take
        self._client.reconnect_delay_set(min_delay=1, max_delay=2)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(10)

    def _take(self, _, __, message):
        self.messages.append((message.topic, message.payload.decode(), message.retain))

    def on(self, end):
        """Payloads of the topics that end so."""
        return [payload for topic, payload, _ in list(self.messages) if topic.endswith(end)]

    def readings(self):
        return [json.loads(payload) for payload in self.on("/reading")]

    def publish(self, topic, payload):
        self._client.publish(topic, payload, qos=1).wait_for_publish(5)

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()
        # It closes its last sockets when it is forgotten: here and now, if nothing refers to it in a circle.
        self._client.on_connect = self._client.on_subscribe = self._client.on_message = None
        del self._client
