"""A running Home Assistant, and a client that uses it as its own web interface does: by HTTP with an access token."""

import json
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from environment import Environment
from ports import free_port
from waiting import wait_for

STARTS_S = 180.0
"""How long a start of Home Assistant may take, s."""

CONFIGURATION = """\
homeassistant:
  name: Bench
  unit_system: metric
  time_zone: UTC
http:
  server_host: 127.0.0.1
  server_port: {port}
api:
config:
history:
recorder:
  commit_interval: 1
automation: !include automations.yaml
counter:
  by_entity:
  by_topic:
"""


class HomeAssistant:
    """Home Assistant with a configuration of its own, which lasts until `close`.

    Args:
        environment: where it is installed.
        automations: content of its automations.yaml.
    """

    def __init__(self, environment: Environment, automations: str) -> None:
        self._environment = environment
        self._folder = Path(tempfile.mkdtemp(dir=environment.scratch))
        self._url = f"http://127.0.0.1:{(port := free_port())}"
        self._client = {"client_id": f"{self._url}/"}
        (self._folder / "configuration.yaml").write_text(CONFIGURATION.format(port=port))
        (self._folder / "automations.yaml").write_text(automations)
        self._process: subprocess.Popen[bytes] | None = None
        self._token = self._refresh_token = ""

    def start(self) -> None:
        """Start it unless it runs, and wait until it has loaded everything; the first start also creates its owner."""
        if self._process is not None and self._process.poll() is None:
            return
        config = str(self._environment.inside(self._folder))
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
        with (self._folder / "output.txt").open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603  # our own command
                self._environment.command("hass", "--config", config, "--skip-pip"),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment | {"HOME": config, "LANG": "C.UTF-8"},
                cwd="/",
            )
        wait_for(self._responds, limit_s=STARTS_S)
        if self._refresh_token:
            self._log_in({"grant_type": "refresh_token", "refresh_token": self._refresh_token})
        else:
            self._onboard()
        wait_for(lambda: self.get("/api/config")["state"] == "RUNNING", limit_s=STARTS_S)

    def stop(self) -> None:
        """End it in an orderly way."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def close(self) -> None:
        """End it and delete its configuration."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def last_line(self) -> str:
        """Return the last line that it has written."""
        return (self.output().strip().splitlines() or ["no output"])[-1]

    def output(self) -> str:
        """Return what it has written so far."""
        return (self._folder / "output.txt").read_text(errors="replace")

    def get(self, path: str, *, raw: bool = False):
        return self._call("GET", path, raw=raw)

    def first_bytes(self, path: str, count: int) -> bytes:
        """Return the first bytes of a response that does not end."""
        with self._open("GET", path, None, {"Authorization": f"Bearer {self._token}"}) as answer:
            return answer.read(count)

    def post(self, path: str, body: dict[str, object], *, form: bool = False):
        return self._call("POST", path, body, form=form)

    def template(self, text: str) -> str:
        """Return what Home Assistant makes of a template, as its developer tools show it."""
        return self._call("POST", "/api/template", {"template": text}, raw=True).decode()

    def states(self) -> dict[str, dict[str, object]]:
        """Return all states by entity."""
        return {state["entity_id"]: state for state in self.get("/api/states")}

    def state(self, entity: str) -> str | None:
        """Return an entity's state; None if there is no such entity."""
        found = self.states().get(entity)
        return None if found is None else str(found["state"])

    def wait_for_state(self, entity: str, *expected: str, limit_s: float = 60.0) -> str:
        """Wait until an entity has one of these states, and return it.

        Raises:
            AssertionError: it has another one after `limit_s`; the message names it.
        """
        try:
            wait_for(lambda: self.state(entity) in expected, limit_s=limit_s)
        except AssertionError:
            raise AssertionError(f"{entity}: expected {' or '.join(expected)}, found {self.state(entity)}") from None
        return str(self.state(entity))

    def entities(self) -> set[str]:
        """Return the entities of the MQTT integration."""
        return set(json.loads(self.template("{{ integration_entities('mqtt') | tojson }}")))

    def history(self, entity: str, since: datetime) -> list[str]:
        """Return the states that an entity has had since a time, in order, without repetitions.

        The first is the state at that time. It waits until the newest state is in the database.
        """
        query = f"/api/history/period/{urllib.parse.quote(since.isoformat())}?filter_entity_id={entity}"
        end = urllib.parse.quote("2100-01-01T00:00:00+00:00")

        def recorded() -> list[str]:
            rows = self.get(f"{query}&end_time={end}&minimal_response&no_attributes")
            states = [row["state"] for row in rows[0]] if rows else []
            return [state for index, state in enumerate(states) if index == 0 or states[index - 1] != state]

        wait_for(lambda: (recorded() or [None])[-1] == self.state(entity), limit_s=30)
        return recorded()

    def add_integration(self, handler: str, *answers: dict[str, object]) -> dict[str, object]:
        """Add an integration by its dialog, and return the dialog's last step.

        Raises:
            AssertionError: it does not end with a new entry; the message has the last step.
        """
        step = self._answer_dialog({"handler": handler, "show_advanced_options": False}, answers)
        assert step["type"] == "create_entry", f"{handler}: expected a new entry, found {json.dumps(step)[:500]}"
        return step

    def change_integration(self, handler: str, *answers: dict[str, object]) -> None:
        """Change the settings of the only entry of an integration by its dialog, with the advanced options.

        Raises:
            AssertionError: the change is not accepted; the message has the last step.
        """
        (entry,) = self.get(f"/api/config/config_entries/entry?domain={handler}")
        start = {"handler": handler, "entry_id": entry["entry_id"], "show_advanced_options": True}
        step = self._answer_dialog(start, answers)
        assert step.get("reason") == "reconfigure_successful", f"{handler}: found {json.dumps(step)[:500]}"

    def upload(self, name: str, content: bytes) -> str:
        """Upload a file for a dialog, and return the id by which the dialog knows it."""
        mark = "bench-part"
        head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = head.encode() + content + f"\r\n--{mark}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={mark}", "Authorization": f"Bearer {self._token}"}
        with self._open("POST", "/api/file_upload", body, headers) as answer:
            return json.loads(answer.read())["file_id"]

    def _answer_dialog(self, start: dict[str, object], answers: Sequence[dict[str, object]]) -> dict[str, object]:
        step = self.post("/api/config/config_entries/flow", start)
        for answer in answers:
            step = self.post(f"/api/config/config_entries/flow/{step['flow_id']}", answer)
            assert not step.get("errors"), f"{start['handler']}: expected no errors, found {step['errors']}"
        return step

    def _responds(self) -> bool:
        assert self._process.poll() is None, f"Home Assistant has ended: {self.last_line()}"
        try:
            urllib.request.urlopen(f"{self._url}/manifest.json", timeout=5).close()  # noqa: S310  # a loopback address
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def _onboard(self) -> None:
        user = {"name": "Bench", "username": "bench", "password": "bench-bench", "language": "en"}
        answer = wait_for(lambda: self._new_owner(self._client | user), limit_s=STARTS_S)
        self._log_in({"grant_type": "authorization_code", "code": answer["auth_code"]})

    def _new_owner(self, user: dict[str, object]):
        try:
            return self.post("/api/onboarding/users", user)
        except AssertionError:  # the integration has not been loaded yet
            return None

    def _log_in(self, grant: dict[str, object]) -> None:
        answer = self.post("/auth/token", self._client | grant, form=True)
        self._token = answer["access_token"]
        self._refresh_token = answer.get("refresh_token", self._refresh_token)

    def _call(self, method: str, path: str, body: dict[str, object] | None = None, *, form=False, raw=False):
        content = None
        if body is not None:
            content = urllib.parse.urlencode(body).encode() if form else json.dumps(body).encode()
        kind = "application/x-www-form-urlencoded" if form else "application/json"
        headers = {"Content-Type": kind} | (
            {"Authorization": f"Bearer {self._token}"} if self._token and not form else {}
        )
        with self._open(method, path, content, headers) as answer:
            found = answer.read()
        return found if raw else json.loads(found)

    def _open(self, method: str, path: str, content: bytes | None, headers: dict[str, str]):
        request = urllib.request.Request(self._url + path, data=content, headers=headers, method=method)  # noqa: S310  # a loopback address
        try:
            return urllib.request.urlopen(request, timeout=60)  # noqa: S310  # a loopback address
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")[:500]
            raise AssertionError(f"{method} {path}: expected an answer, found HTTP {error.code} {text}") from error


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)
