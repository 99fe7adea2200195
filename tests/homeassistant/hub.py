"""The broker of docs/fleet.md, made by the page's own commands: TLS, a user for each part, and an access list."""

import re
import subprocess
from pathlib import Path

from environment import SetupError
from mosquitto import PASSWD, Mosquitto
from product import DEVICE_ID, REPOSITORY

DOCS = REPOSITORY / "docs"
NAME = "localhost"
"""The broker's name, in its certificate and in the settings."""


class Hub:
    """A Mosquitto with the documented configuration, and certificates from an authority of its own.

    Args:
        folder: a new folder for its files.
        password: of the device's user; Home Assistant's password is its user name.

    Attributes:
        authority: the authority's certificate, PEM.
        broker: the broker, which does not run yet.
    """

    def __init__(self, folder: Path, *, password: str) -> None:
        folder.mkdir()
        page = (DOCS / "fleet.md").read_text()
        page = page.replace("hub.example.org", NAME)
        self._device = _only_block(page, r"## A device\n.*?```toml\n\[mqtt\]\n(.*?)\n\n")
        commands = _only_block(page, r"\*\*Certificates\.\*\*[^`]*```\n(.*?)```")
        # The bench's broker runs as the user that starts it, who may not be able to give files away.
        commands = commands.replace("/etc/mosquitto/certs", str(folder)).replace(" && chown mosquitto broker.key", "")
        done = subprocess.run(["bash", "-ec", commands], check=False, capture_output=True, text=True)  # noqa: S603, S607  # of the page
        if done.returncode != 0:
            raise SetupError(f"docs/fleet.md: expected commands that make certificates, found: {done.stderr.strip()}")
        self.authority = folder / "authority.pem"
        devices, access = folder / "devices", folder / "edge-emotion.acl"
        for file in (devices, access):
            file.touch(mode=0o600)
        access.write_bytes((DOCS / "mosquitto.acl").read_bytes())
        for user, word in (("homeassistant", "homeassistant"), (DEVICE_ID, password)):
            subprocess.run([PASSWD, "-b", devices, user, word], check=True, capture_output=True)  # noqa: S603  # our own words
        places = {
            "/etc/mosquitto/certs": folder,
            "/etc/mosquitto/devices": devices,
            "/etc/mosquitto/edge-emotion.acl": access,
        }
        text = (DOCS / "mosquitto.conf").read_text()
        for documented, place in places.items():
            text = text.replace(documented, str(place))
        lines = [line for line in text.splitlines() if line and not line.startswith(("#", "listener"))]
        self.broker = Mosquitto(folder, *lines)

    def device_settings(self) -> str:
        """Return the documented lines of `[mqtt]` for a device."""
        return f"{self._device}\nport = {self.broker.port}\n".replace(
            "/etc/edge-emotion/authority.pem", str(self.authority)
        )


def _only_block(page: str, pattern: str) -> str:
    found = re.findall(pattern, page, re.DOTALL)
    if len(found) != 1:
        raise SetupError(f"docs/fleet.md: expected one block that matches {pattern!r}, found {len(found)}")
    return found[0]
