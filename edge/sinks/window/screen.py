"""A window of whichever package can open one."""

import importlib.util
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from edge.errors import SinkError
from edge.records import Color

if TYPE_CHECKING:
    import pygame

_DESKTOP_SHARE = 0.9
"""A picture larger than this share of the desktop is shown smaller."""


_UNSEEN = ("offscreen", "dummy")
"""What SDL takes where there is no screen. Whoever names one in SDL_VIDEODRIVER has it."""


_TRY = "import cv2; cv2.namedWindow('edge-emotion'); cv2.waitKey(1)"


class Screen(Protocol):
    """A window. All calls come from one thread: no toolkit allows more."""

    def show(self, picture: Color) -> None:
        """Show (H, W, 3) uint8 BGR; the first picture opens the window."""

    def wants_end(self) -> bool:
        """Whether `q` was pressed, or the window was closed."""

    def close(self) -> None:
        """Take the window away."""


def open_screen(title: str) -> Screen:
    """Open what there is: pygame, else OpenCV where it was built with windows.

    Raises:
        SinkError: there is neither, or no screen.
    """
    if importlib.util.find_spec("pygame") is not None:
        return PygameScreen(title)
    if has_opencv_windows():
        return OpencvScreen(title)
    raise SinkError(
        "the window: expected the package pygame, or an OpenCV with windows, found neither: "
        "make extras, or sudo apt install python3-pygame"
    )


def has_opencv_windows() -> bool:
    """Whether this OpenCV was built with windows: `opencv-python-headless`, which is installed here, was not."""
    lines = cv2.getBuildInformation().splitlines()
    return any(line.split()[:1] == ["GUI:"] and line.split()[1:] != ["NONE"] for line in lines)


class PygameScreen:
    """A window by pygame (SDL); it may be resized."""

    def __init__(self, title: str) -> None:
        """Find the screen.

        Raises:
            SinkError: there is none.
        """
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # standard output may be a pipe of readings
        import pygame  # noqa: PLC0415  # an extra: needed only where a window is asked for

        self._pygame = pygame
        self._title = title
        self._surface: pygame.Surface | None = None
        try:
            pygame.display.init()
        except pygame.error as error:
            raise no_screen(str(error)) from error
        driver = pygame.display.get_driver()
        if driver in _UNSEEN and "SDL_VIDEODRIVER" not in os.environ:
            pygame.display.quit()
            raise no_screen("none, neither X11 nor Wayland nor a console")

    def show(self, picture: Color) -> None:
        """Show it as large as the window allows.

        Raises:
            SinkError: the screen has gone.
        """
        try:
            surface = self._surface = self._surface or self._open_window(picture)
            size = surface.get_size()
            fitting = cv2.resize(picture, _fit(picture, *size), interpolation=cv2.INTER_AREA)
            height, width = fitting.shape[:2]
            image = self._pygame.image.frombuffer(fitting[..., ::-1].tobytes(), (width, height), "RGB")
            surface.fill((0, 0, 0))
            surface.blit(image, ((size[0] - width) // 2, (size[1] - height) // 2))
            self._pygame.display.flip()
        except self._pygame.error as error:
            raise no_screen(str(error)) from error

    def _open_window(self, picture: Color) -> "pygame.Surface":
        desktop_width, desktop_height = self._pygame.display.get_desktop_sizes()[0]
        largest = round(desktop_width * _DESKTOP_SHARE), round(desktop_height * _DESKTOP_SHARE)
        height, width = picture.shape[:2]
        size = (width, height) if width <= largest[0] and height <= largest[1] else _fit(picture, *largest)
        surface = self._pygame.display.set_mode(size, self._pygame.RESIZABLE)
        self._pygame.display.set_caption(self._title)
        return surface

    def wants_end(self) -> bool:
        """Whether `q` was pressed, or the window was closed."""
        pygame = self._pygame
        return any(
            event.type == pygame.QUIT or (event.type == pygame.KEYDOWN and event.key == pygame.K_q)
            for event in pygame.event.get()
        )

    def close(self) -> None:
        """Take the window away."""
        self._pygame.display.quit()


class OpencvScreen:
    """A window by OpenCV."""

    def __init__(self, title: str) -> None:
        """Find the screen.

        Raises:
            SinkError: there is none.
        """
        # Where there is no screen its toolkit aborts the process: let that be another one.
        tried = subprocess.run([sys.executable, "-c", _TRY], capture_output=True, text=True, check=False)  # noqa: S603  # our own words
        if tried.returncode:
            raise no_screen((tried.stderr.strip().splitlines() or ["none"])[0])
        self._title = title
        self._is_open = False

    def show(self, picture: Color) -> None:
        """Show it.

        Raises:
            SinkError: the screen has gone.
        """
        try:
            cv2.imshow(self._title, np.ascontiguousarray(picture))
        except cv2.error as error:
            raise no_screen(str(error).strip()) from error
        self._is_open = True

    def wants_end(self) -> bool:
        """Whether `q` was pressed, or the window was closed."""
        if not self._is_open:
            return False
        return cv2.waitKey(1) & 0xFF == ord("q") or cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1

    def close(self) -> None:
        """Take the window away."""
        if self._is_open:
            cv2.destroyAllWindows()


def no_screen(found: str) -> SinkError:
    """Say that there is no screen."""
    return SinkError(f"the window: expected a screen, found: {found}: start it on the desktop, or use the live page")


def _fit(picture: Color, width: int, height: int) -> tuple[int, int]:
    """Return the width and height of the picture once it fills such a place, its proportions kept."""
    scale = min(width / picture.shape[1], height / picture.shape[0])
    return max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
