"""Opens a window with pygame, or with OpenCV if pygame is not installed."""

import importlib.util
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from edge.device.packages import install_command
from edge.errors import SinkError
from edge.records import Color

if TYPE_CHECKING:
    import pygame

_MAX_DESKTOP_SHARE = 0.9
"""Largest window relative to the desktop; a larger picture is scaled down."""

_HEADLESS_DRIVERS = ("offscreen", "dummy")
"""Drivers that SDL falls back to without a screen. They are accepted only if SDL_VIDEODRIVER names one."""

_TRIAL = "import cv2; cv2.namedWindow('edge-emotion'); cv2.waitKey(1)"
"""Program that opens a window, to find out whether there is a screen."""


class WindowBackend(Protocol):
    """A window. GUI toolkits require that all calls come from the same thread."""

    def show(self, picture: Color) -> None:
        """Show a picture, (H, W, 3) uint8 BGR; the first one opens the window.

        Raises:
            SinkError: the screen is gone.
        """

    def is_close_requested(self) -> bool:
        """Return whether `q` was pressed or the window was closed."""

    def close(self) -> None:
        """Close the window."""


def open_window(title: str) -> WindowBackend:
    """Prepare a window with pygame, or with OpenCV if pygame is missing and OpenCV was built with windows.

    Raises:
        SinkError: neither is available, or there is no screen.
    """
    if importlib.util.find_spec("pygame") is not None:
        return PygameWindow(title)
    if has_opencv_windows():
        return OpencvWindow(title)
    raise SinkError(
        "the window: expected the package pygame, or an OpenCV with windows, found neither: "
        + install_command("pygame", is_optional=True)
    )


def has_opencv_windows() -> bool:
    """Return whether OpenCV was built with windows; the project's dependency `opencv-python-headless` was not."""
    lines = cv2.getBuildInformation().splitlines()
    return any(line.split()[:1] == ["GUI:"] and line.split()[1:] != ["NONE"] for line in lines)


class PygameWindow:
    """A resizable window by pygame (SDL)."""

    def __init__(self, title: str) -> None:
        """Initialize SDL's display; the first picture opens the window.

        Raises:
            SinkError: there is no screen.
        """
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # standard output may be a pipe of JSON lines
        import pygame  # noqa: PLC0415  # pygame is optional

        self._pygame = pygame
        self._title = title
        self._surface: pygame.Surface | None = None
        try:
            pygame.display.init()
        except pygame.error as error:
            raise no_screen_error(str(error)) from error
        driver = pygame.display.get_driver()
        if driver in _HEADLESS_DRIVERS and "SDL_VIDEODRIVER" not in os.environ:
            pygame.display.quit()
            raise no_screen_error("none, neither X11 nor Wayland nor a console")

    def show(self, picture: Color) -> None:
        """Show a picture, (H, W, 3) uint8 BGR, as large as the window allows.

        Raises:
            SinkError: the screen is gone.
        """
        try:
            surface = self._surface = self._surface or self._open(picture)
            size = surface.get_size()
            fitted = cv2.resize(picture, _fitted_size(picture, *size), interpolation=cv2.INTER_AREA)
            height, width = fitted.shape[:2]
            image = self._pygame.image.frombuffer(fitted[..., ::-1].tobytes(), (width, height), "RGB")
            surface.fill((0, 0, 0))
            surface.blit(image, ((size[0] - width) // 2, (size[1] - height) // 2))
            self._pygame.display.flip()
        except self._pygame.error as error:
            raise no_screen_error(str(error)) from error

    def _open(self, picture: Color) -> "pygame.Surface":
        desktop_width, desktop_height = self._pygame.display.get_desktop_sizes()[0]
        largest = round(desktop_width * _MAX_DESKTOP_SHARE), round(desktop_height * _MAX_DESKTOP_SHARE)
        height, width = picture.shape[:2]
        size = (width, height) if width <= largest[0] and height <= largest[1] else _fitted_size(picture, *largest)
        surface = self._pygame.display.set_mode(size, self._pygame.RESIZABLE)
        self._pygame.display.set_caption(self._title)
        return surface

    def is_close_requested(self) -> bool:
        """Return whether `q` was pressed or the window was closed."""
        pygame = self._pygame
        return any(
            event.type == pygame.QUIT or (event.type == pygame.KEYDOWN and event.key == pygame.K_q)
            for event in pygame.event.get()
        )

    def close(self) -> None:
        """Close the window."""
        self._pygame.display.quit()


class OpencvWindow:
    """A window by OpenCV."""

    def __init__(self, title: str) -> None:
        """Check that there is a screen; the first picture opens the window.

        Raises:
            SinkError: there is no screen.
        """
        # Without a screen OpenCV's GUI toolkit aborts the process, so that the trial runs in another one.
        trial = subprocess.run([sys.executable, "-c", _TRIAL], capture_output=True, text=True, check=False)  # noqa: S603  # a constant program
        if trial.returncode:
            raise no_screen_error((trial.stderr.strip().splitlines() or ["none"])[0])
        self._title = title
        self._is_open = False

    def show(self, picture: Color) -> None:
        """Show a picture, (H, W, 3) uint8 BGR.

        Raises:
            SinkError: the screen is gone.
        """
        try:
            cv2.imshow(self._title, np.ascontiguousarray(picture))
        except cv2.error as error:
            raise no_screen_error(str(error).strip()) from error
        self._is_open = True

    def is_close_requested(self) -> bool:
        """Return whether `q` was pressed or the window was closed."""
        if not self._is_open:
            return False
        return cv2.waitKey(1) & 0xFF == ord("q") or cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1

    def close(self) -> None:
        """Close the window."""
        if self._is_open:
            cv2.destroyAllWindows()


def no_screen_error(found: str) -> SinkError:
    """Return the error for a machine without a screen."""
    return SinkError(f"the window: expected a screen, found: {found}: start it on the desktop, or use the live page")


def _fitted_size(picture: Color, width: int, height: int) -> tuple[int, int]:
    """Return the largest width and height that fit into an area and keep the picture's aspect ratio, px."""
    scale = min(width / picture.shape[1], height / picture.shape[0])
    return max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
