"""Checks the settings, with the reader that the service itself uses."""

from edge.doctor.check import Check
from edge.doctor.context import INSTALLED_CONFIG, Context
from edge.doctor.finding import Finding, failed, ok
from edge.errors import ConfigError


def _configuration(context: Context) -> Finding:
    from edge.config import read_settings  # noqa: PLC0415  # needs msgspec: if that is missing, this line says so

    path = context.config_path
    if path is None:
        return ok(f"the defaults: no --config is given, and there is no /{INSTALLED_CONFIG}")
    try:
        settings = read_settings(path)
    except ConfigError as error:
        return failed(str(error), f"sudo nano {path}" if path.exists() else "give another --config")
    return ok(f"{path}: profile {settings.profile}, source {settings.source.use}")


CHECKS = (Check("configuration", "settings", _configuration, ConfigError.exit_code),)
