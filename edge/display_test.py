"""The `display-test` command: shows every screen on the display that the settings name, or as pictures."""

import threading
from pathlib import Path

from edge.config import override, read_settings
from edge.errors import ConfigError
from edge.sink_settings import DisplaySettings
from edge.sinks.display.panel import Panel, open_panel
from edge.sinks.display.screens import draw_screen
from edge.sinks.display.tour import SCREENS, write_sheets

INSTALLED_CONFIG = Path("/etc/edge-emotion/edge.toml")

_SIZES = (
    ("ssd1306-128x64", 128, 64, False),
    ("ssd1306-128x32", 128, 32, False),
    ("st7735-160x128", 160, 128, True),
    ("st7789-240x240", 240, 240, True),
    ("ili9341-320x240", 320, 240, True),
)
"""Common displays: name, width and height in px, whether they have colours."""


def display_test(
    config: Path | None = None, *, device: str | None = None, folder: Path | None = None, seconds: float = 2.0
) -> int:
    """Show every screen; return the exit code.

    config: the settings' file; None is the installed one, where there is one. device: instead of the settings'.
    folder: pictures of common displays are written there, and no display is touched. seconds: for each screen.

    Raises:
        EdgeError: the settings, the display or the folder cannot be used.
    """
    if folder is not None:
        for path in write_sheets(folder, _SIZES):
            _say(str(path))
        return 0
    config = config or (INSTALLED_CONFIG if INSTALLED_CONFIG.exists() else None)
    settings = override(read_settings(config).display if config else DisplaySettings(), device=device)
    if not settings.device:
        raise ConfigError(
            "display.device: expected the display to be tested, found none: add --device ssd1306, or --png FOLDER"
        )
    panel = open_panel(settings)
    try:
        _say(f"{settings.device}, {panel.width}x{panel.height}; Ctrl-C ends it")
        _show_all(panel, seconds)
    finally:
        panel.close()
    return 0


def _show_all(panel: Panel, seconds: float) -> None:
    waiting = threading.Event()  # never set: it waits
    for name, screen in SCREENS.items():
        _say(name)
        panel.show(draw_screen(screen, width=panel.width, height=panel.height, colored=panel.colored))
        waiting.wait(seconds)
    _say("dimmed")
    panel.dim(dimmed=True)
    panel.show(draw_screen(SCREENS["no face"], width=panel.width, height=panel.height, colored=panel.colored))
    waiting.wait(seconds)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  # the command's answer
