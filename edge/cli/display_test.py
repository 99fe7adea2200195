"""The `display-test` command: shows every screen on the configured display, or writes the screens as pictures."""

import threading
from pathlib import Path

from edge.errors import ConfigError, printable
from edge.settings import INSTALLED_CONFIG
from edge.settings.load import override, read_settings
from edge.settings.sinks import DisplaySettings
from edge.sinks.display.examples import EXAMPLES, write_contact_sheets
from edge.sinks.display.layout import draw_screen
from edge.sinks.display.panel import I2C_DEVICES, Panel, open_panel, viewed_size

_COMMON = (
    DisplaySettings(device="ssd1306"),
    DisplaySettings(device="ssd1306", height=32),
    DisplaySettings(device="st7735"),
    DisplaySettings(device="st7789"),
    DisplaySettings(device="ili9341"),
)
"""The most common displays."""


def display_test(
    config: Path | None = None, *, device: str | None = None, folder: Path | None = None, seconds: float = 2.0
) -> int:
    """Show every screen, and return the exit code.

    Args:
        config: the configuration; None for the installed one, if there is one.
        device: replaces the configured display.
        folder: if given, the screens are written there as a picture, and no display is used; if neither `config` nor
            `device` names a display, one picture for each common display.
        seconds: how long each screen is shown.

    Raises:
        EdgeError: the settings, the display or the folder cannot be used.
    """
    if folder is None and config is None and INSTALLED_CONFIG.exists():
        config = INSTALLED_CONFIG
    settings = override(read_settings(config).display if config else DisplaySettings(), device=device)
    if folder is not None:
        for path in write_contact_sheets(folder, map(_sheet_of, [settings] if settings.device else _COMMON)):
            _print(str(path))
        return 0
    if not settings.device:
        raise ConfigError(
            "display.device: expected the display to be tested, found none: add --device ssd1306, or --png FOLDER"
        )
    panel = open_panel(settings)
    try:
        _print(f"{settings.device}, {panel.width}x{panel.height}; Ctrl-C ends it")
        _show_all(panel, seconds)
    finally:
        panel.close()
    return 0


def _sheet_of(settings: DisplaySettings) -> tuple[str, int, int, bool]:
    """Return name, width and height (px) of a display, and whether it has colours."""
    width, height = viewed_size(settings)
    return f"{settings.device}-{width}x{height}", width, height, settings.device not in I2C_DEVICES


def _show_all(panel: Panel, seconds: float) -> None:
    pause = threading.Event()  # is never set
    for name, screen in EXAMPLES.items():
        _print(name)
        panel.show(draw_screen(screen, width=panel.width, height=panel.height, colored=panel.colored))
        pause.wait(seconds)
    _print("dimmed")
    panel.dim(dimmed=True)
    panel.show(draw_screen(EXAMPLES["no face"], width=panel.width, height=panel.height, colored=panel.colored))
    pause.wait(seconds)


def _print(text: str) -> None:
    print(printable(text), flush=True)  # noqa: T201  # the command's output
