"""What all checks use: the broker, Home Assistant, the product, and how a check is reported."""

import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from environment import Environment, SetupError
from home import HomeAssistant
from hub import Hub
from mosquitto import MOSQUITTO, PASSWD, Listener, Mosquitto
from product import REPOSITORY, Product
from waiting import wait_for

ACTION = "  actions:\n    - action: counter.increment\n      target:\n        entity_id: counter.{counter}\n"
COUNTERS = ("by_entity", "by_topic")
"""Counters of what the two automations of docs/mqtt.md have done, in the page's order."""

FACES = "sensor.camera_hall_faces"
"""The entity with the number of faces."""

USERS = ("camera", "homeassistant", "operator")


class Broker(Mosquitto):
    """Mosquitto, which may be started while it runs."""

    def start(self) -> None:
        """Start it if it does not run."""
        if self._process is None:
            super().start()


@dataclass
class Bench:
    """The running parts.

    Attributes:
        broker: Mosquitto, which lets only its users in, and forgets everything when it stops.
        home: Home Assistant.
        product: edge-emotion.
        hub: another broker, with TLS and an access list, which does not run yet.
        set_up_output: length of what Home Assistant wrote before it knew the broker.
        seen: notes of the check that runs now, for its line of the report.
    """

    broker: Broker
    home: HomeAssistant
    product: Product
    hub: Hub
    set_up_output: int
    seen: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Add what was seen to the line of the check that runs now."""
        self.seen.append(text)

    def reset(self) -> None:
        """Let everything run, whatever the check before has left behind, and wait for an empty room."""
        self.seen.clear()
        self.broker.start()
        self.home.start()
        self.product.show("empty")
        self.product.start()
        self.home.wait_for_state(FACES, "0", limit_s=120)

    def acted(self) -> dict[str, int]:
        """Return how often each automation of the documentation has acted."""
        return {name: int(self.home.state(f"counter.{name}") or 0) for name in COUNTERS}

    def wait_for_action(self, before: dict[str, int]) -> None:
        """Wait until each automation has acted once more than `before`."""
        expected = {name: count + 1 for name, count in before.items()}
        try:
            wait_for(lambda: self.acted() == expected)
        except AssertionError:
            raise AssertionError(f"automations: expected {expected} actions, found {self.acted()}") from None

    def listen(self, topic: str) -> Listener:
        """Return a client that records the messages of a topic."""
        return Listener(self.broker.port, name="operator", topic=topic, user="operator")


Check = Callable[[Bench], None]


def documented_automations() -> str:
    """Return the automations of docs/mqtt.md with an action that counts, as Home Assistant's automations.yaml."""
    page = (REPOSITORY / "docs" / "mqtt.md").read_text()
    blocks = re.findall(r"```yaml\n(triggers:.*?)```", page, re.DOTALL)
    if len(blocks) != len(COUNTERS):
        raise SetupError(
            f"docs/mqtt.md: expected {len(COUNTERS)} automations, found {len(blocks)}: change bench.COUNTERS"
        )
    items = []
    for name, block in zip(COUNTERS, blocks, strict=True):
        body = "".join(f"  {line}\n" for line in block.splitlines())
        items.append(f"- id: {name}\n  alias: {name}\n  mode: queued\n{body}{ACTION.format(counter=name)}")
    return "".join(items)


def set_up(stack: ExitStack, environment: Environment) -> Bench:
    """Start the broker and Home Assistant, connect the two, and prepare the product, which does not run yet.

    Raises:
        SetupError: there is no broker.
    """
    if MOSQUITTO is None or PASSWD is None:
        raise SetupError("expected the broker Mosquitto, found none: sudo apt install mosquitto")
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-emotion-bench-")))
    passwords = {user: user for user in USERS}
    file = folder / "passwords"
    file.touch(mode=0o600)
    for user, password in passwords.items():
        subprocess.run([PASSWD, "-b", file, user, password], check=True, capture_output=True)  # noqa: S603  # our own words
    broker = Broker(folder, "allow_anonymous false", f"password_file {file}")
    stack.callback(broker.close)
    home = HomeAssistant(environment, documented_automations())
    stack.callback(home.close)
    broker.start()
    home.start()
    login = {"username": "homeassistant", "password": passwords["homeassistant"]}
    home.add_integration("mqtt", {"broker": "127.0.0.1", "port": broker.port} | login)
    for switch in ("turn_off", "turn_on"):  # at the first start the automation on a topic has found no MQTT
        home.post(f"/api/services/automation/{switch}", {"entity_id": "automation.by_topic"})
    set_up_output = len(home.output())
    product = Product(folder, broker=broker.port, password=passwords["camera"])
    stack.callback(product.stop)
    hub = Hub(folder / "hub", password=passwords["camera"])
    stack.callback(hub.broker.close)
    return Bench(broker, home, product, hub, set_up_output)


def run_check(bench: Bench, check: Check) -> bool:
    """Run a check, print its line of the report, and return whether it holds."""
    began_s = time.monotonic()
    try:
        bench.reset()
        check(bench)
    except Exception as error:  # noqa: BLE001  # any failure is this check's result, and the others still run
        result = "FAILED"
        bench.note(f"{type(error).__name__}: {error}; edge-emotion: {bench.product.last_line()}")
    else:
        result = "ok    "
    what = (check.__doc__ or check.__name__).splitlines()[0].rstrip(".")
    seen = "; ".join(bench.seen)
    print(f"{result} | {what} ({time.monotonic() - began_s:.0f} s){': ' if seen else ''}{seen}", flush=True)  # noqa: T201  # the report
    return result.startswith("ok")
