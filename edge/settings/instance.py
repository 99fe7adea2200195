"""Several services on one machine: each instance has its own camera, settings, folders, ports and MQTT device."""

import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ConfigError
from edge.settings import INSTALLED_CONFIG

if TYPE_CHECKING:
    from edge.settings.schema import Settings

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,31}")
"""What a unit's instance, a folder's name and an MQTT device id may all contain."""

_PORTS = 500
"""Number of ports from which an instance's is chosen."""


@dataclass(frozen=True, slots=True)
class Instance:
    """The names that belong to one service.

    Attributes:
        name: Its name; empty for the only service of a machine, edge-emotion.service.
    """

    name: str = ""

    @property
    def unit(self) -> str:
        """The systemd unit."""
        return f"{self._stem}.service"

    @property
    def config(self) -> Path:
        """The settings."""
        return INSTALLED_CONFIG.with_name(f"{self.name}.toml") if self.name else INSTALLED_CONFIG

    @property
    def camera_credentials(self) -> Path:
        """The file from which systemd passes user and password of a network camera."""
        return INSTALLED_CONFIG.with_name(f"{self.name}.camera-credentials" if self.name else "camera-credentials")

    @property
    def socket(self) -> Path:
        """The status socket."""
        return Path("/run", self._stem, "status.sock")

    @property
    def state(self) -> Path:
        """The state folder."""
        return Path("/var/lib", self._stem)

    @property
    def logs(self) -> Path:
        """The folder of the log."""
        return Path("/var/log", self._stem)

    @property
    def drop_in_folder(self) -> Path:
        """The folder in which the installer puts the unit's drop-ins."""
        return Path("/etc/systemd/system", f"{self.unit}.d")

    @property
    def _stem(self) -> str:
        return f"edge-emotion@{self.name}" if self.name else "edge-emotion"


def parse_instance(name: str) -> Instance:
    """Return the instance of that name.

    Raises:
        ConfigError: No unit, folder or MQTT device may be called so, or it is the name of the plain service's settings.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"--instance: expected 1 to 32 letters, digits, _ or -, found {name!r}: choose another name")
    if name == INSTALLED_CONFIG.stem:
        raise ConfigError(
            f"--instance: expected another name than {name}, since {INSTALLED_CONFIG} belongs to edge-emotion.service: "
            "leave --instance out"
        )
    return Instance(name)


def for_instance(settings: "Settings", instance: Instance) -> "Settings":
    """Return settings in which nothing collides with another instance that was configured in the same way.

    A log in the plain service's folder is moved to the instance's own; the default ports of page and metrics, and an
    empty MQTT device id, are replaced by such that the name determines. Everything else stays as it is.
    """
    import msgspec  # noqa: PLC0415  # the doctor also runs where it is missing

    from edge.device.info import find_device_id  # noqa: PLC0415  # only MQTT needs it
    from edge.settings.sinks import MetricsSettings, PageSettings  # noqa: PLC0415  # needs msgspec

    if not instance.name:
        return settings
    replace, log, offset = (
        msgspec.structs.replace,
        Path(settings.log.path),
        1 + zlib.crc32(instance.name.encode()) % _PORTS,
    )
    if log.parent == Instance().logs:
        settings = replace(settings, log=replace(settings.log, path=str(instance.logs / log.name)))
    if settings.page.port == PageSettings().port:
        settings = replace(settings, page=replace(settings.page, port=PageSettings().port + offset))
    if settings.metrics.port == MetricsSettings().port:
        settings = replace(settings, metrics=replace(settings.metrics, port=MetricsSettings().port + offset))
    if settings.mqtt.host and not settings.mqtt.device_id and (device_id := find_device_id()):
        settings = replace(settings, mqtt=replace(settings.mqtt, device_id=f"{device_id}-{instance.name}"))
    return settings
