"""The window shows the newest picture with its boxes, and ends the run on `q`."""

import os
import sys
import threading

import numpy as np
import pytest

from edge.errors import SinkError
from edge.records import Box, Frame, Observation, Reading, Shown
from edge.sinks.colors import COLORS
from edge.sinks.window import screen as screen_module
from edge.sinks.window.screen import has_opencv_windows, open_screen
from edge.sinks.window.viewer import Window

pygame = pytest.importorskip("pygame", reason="pygame is not installed: make extras")


@pytest.fixture(autouse=True)
def _unseen_screen(monkeypatch):
    """SDL draws into memory."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


@pytest.fixture
def ended():
    return threading.Event()


@pytest.fixture
def window(ended):
    window = Window("clip", on_end=ended.set)
    yield window
    window.close()


def shown(size=(480, 640)):
    gray = np.full(size, 100, np.uint8)
    face = Reading(1, Box(100, 100, 200, 200), "fear", 0.9, {"fear": 0.9}, 0, 0.0, 0.0)
    return Shown(Frame(gray, 0, 0.0, 0.0, "clip"), Observation(0, "clip", 0.0, 0.0, (face,), (1,)))


def wait_for(condition):
    for _ in range(1000):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError("it never came true")


def color_at(x, y):
    surface = pygame.display.get_surface()
    return tuple(surface.get_at((x, y))[:3]) if surface else None


def test_the_picture_stands_in_the_window_with_its_boxes(window, ended):
    """Its size is the picture's, red is red, and nobody has ended it."""
    window.write(shown())
    wait_for(lambda: color_at(100, 200) == COLORS["fear"])
    assert pygame.display.get_surface().get_size() == (640, 480)
    assert pygame.display.get_caption()[0] == "clip"
    assert color_at(5, 5) == (100, 100, 100)
    assert not ended.is_set()


@pytest.mark.parametrize("event", ["q", "close"])
def test_q_or_closing_the_window_ends_the_run(window, ended, event):
    """Once; pictures that still come are passed over."""
    window.write(shown())
    wait_for(lambda: color_at(5, 5))
    is_key = event == "q"
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_q) if is_key else pygame.event.Event(pygame.QUIT))
    assert ended.wait(5)
    window.write(shown())


def test_another_key_does_not(window, ended):
    window.write(shown())
    wait_for(lambda: color_at(5, 5))
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_x))
    wait_for(lambda: not pygame.event.peek(pygame.KEYDOWN))
    assert not ended.is_set()


def test_q_is_heard_while_no_picture_comes(window, ended):
    """A lost camera gives none, and the window is no ornament."""
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_q))
    assert ended.wait(5)
    window.write(shown())


def test_in_a_window_of_another_shape_the_picture_keeps_its_own(window):
    """Black beside it."""
    window.write(shown())
    wait_for(lambda: color_at(5, 5))
    pygame.display.set_mode((640, 960))  # as its user drags it
    window.write(shown())
    wait_for(lambda: color_at(320, 480) == (100, 100, 100) and color_at(320, 100) == (0, 0, 0))


def test_a_picture_larger_than_the_desktop_is_shown_smaller(window):
    width, height = pygame.display.get_desktop_sizes()[0]
    window.write(shown((2 * height, 2 * width)))
    wait_for(lambda: color_at(5, 5))
    assert pygame.display.get_surface().get_width() <= width


def test_a_still_picture_is_held_for_a_moment(ended):
    """`write` waits, so that a folder of pictures does not rush by; the end is not waited for."""
    window = Window("stills", on_end=ended.set, hold_s=100)
    writer = threading.Thread(target=window.write, args=(shown(),))
    writer.start()
    wait_for(lambda: color_at(5, 5))
    assert writer.is_alive()
    window.close()
    writer.join(5)
    assert not writer.is_alive()


def test_what_goes_wrong_in_the_window_fails_the_run(ended):
    """It was asked for: to go on unseen is no answer."""

    class Torn:
        def show(self, _picture):
            raise SinkError("the window: torn")

        def wants_end(self):
            return False

        def close(self):
            pass

    window = Window("clip", on_end=ended.set, open_window=lambda _title: Torn())
    with pytest.raises(SinkError, match="torn"):
        wait_for(lambda: window.write(shown()))
    window.close()


@pytest.mark.parametrize("driver", ["nonesuch", None])
def test_without_a_screen_one_line_says_so(monkeypatch, driver, ended):
    """Before anything else is begun; what SDL draws for nobody is no screen."""
    for name in ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    if driver:
        monkeypatch.setenv("SDL_VIDEODRIVER", driver)
    with pytest.raises(SinkError, match=r"the window: expected a screen, found: .*: start it on the desktop"):
        Window("clip", on_end=ended.set)


def test_without_pygame_and_without_windows_in_opencv_one_line_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygame", None)
    monkeypatch.setattr(screen_module, "has_opencv_windows", lambda: False)
    with pytest.raises(SinkError, match=r"expected the package pygame, .* found neither: make extras"):
        open_screen("clip")


@pytest.mark.parametrize(
    ("trial", "found"), [("raise SystemExit('no display')", "no display"), ("import os; os.abort()", "none")]
)
def test_opencv_is_taken_where_pygame_is_missing(monkeypatch, trial, found):
    """Its toolkit aborts the process where there is no screen: that happens to another, and is told."""
    monkeypatch.setitem(sys.modules, "pygame", None)
    monkeypatch.setattr(screen_module, "has_opencv_windows", lambda: True)
    monkeypatch.setattr(screen_module, "_TRY", trial)
    with pytest.raises(SinkError, match=f"expected a screen, found: {found}: start it"):
        open_screen("clip")


def test_an_opencv_with_windows_shows_pictures(monkeypatch):
    """What it is asked for, where a screen is there: the picture, the key, the window's own button."""
    monkeypatch.setattr(screen_module, "_TRY", "")
    calls, keys, visible = [], iter([ord("x"), ord("q"), -1]), iter([1.0, 0.0])
    monkeypatch.setattr("cv2.imshow", lambda title, picture: calls.append((title, picture.shape)))
    monkeypatch.setattr("cv2.waitKey", lambda _ms: next(keys))
    monkeypatch.setattr("cv2.getWindowProperty", lambda *_: next(visible))
    monkeypatch.setattr("cv2.destroyAllWindows", lambda: calls.append("closed"))
    screen = screen_module.OpencvScreen("clip")
    assert not screen.wants_end(), "there is no window yet"
    screen.show(np.zeros((4, 6, 3), np.uint8))
    assert [screen.wants_end() for _ in range(3)] == [False, True, True]
    screen.close()
    assert calls == [("clip", (4, 6, 3)), "closed"]


def test_headless_opencv_has_no_windows(monkeypatch):
    """The one that is installed here, and one with a toolkit."""
    monkeypatch.setattr("cv2.getBuildInformation", lambda: "  GUI:                           NONE\n")
    assert not has_opencv_windows()
    monkeypatch.setattr("cv2.getBuildInformation", lambda: "  GUI:                           QT5\n    QT: YES")
    assert has_opencv_windows()


def test_pygame_is_silent():
    """Its greeting would stand among the readings on standard output."""
    assert os.environ["PYGAME_HIDE_SUPPORT_PROMPT"]
